"""Find the runs that a job should have had and has not, and those that failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cdk_processing.client.due_runs import DueRun, DueRuns, Within
from cdk_processing.client.earlier_runs import EarlierRuns, find_earlier_runs, list_made_runs
from cdk_processing.client.errors import InvalidParametersError, NothingToListError
from cdk_processing.client.launch_sources import LaunchSources, WatchedObjects, read_launch_sources
from cdk_processing.errors import Problem

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job

__all__ = ["FailedRun", "MissingRuns", "find_missing", "moment_problems"]


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that failed or was stopped. A backfill does not start it again; a redrive does.

    Attributes:
        job: The job's name.
        run_id: Its RUN_ID.
        what: What it is for: the object's URI, or the schedule's name and expression.
        due: When the object was written, or the scheduled time.
        name: Its latest processing job; if it has none, its execution.
    """

    job: str
    run_id: str
    what: str
    due: datetime
    name: str

    @property
    def redrive(self) -> str:
        """The command that runs it again."""
        return f"cdk-processing redrive {self.job} {self.name}"


@dataclass(frozen=True)
class MissingRuns:
    """The runs that a job should have had and has not.

    Attributes:
        job: The job.
        missing: Runs without a processing job: objects in the order of their keys, then scheduled times.
        failed: Runs that failed or were stopped.
        ran: How many runs there are that have not failed, ended or not.
        earlier: Runs of another job with this job's base name; None if there are none, or nothing is missing.
        notes: What could not be looked at, and why; a sentence each.
    """

    job: Job
    missing: tuple[DueRun, ...]
    failed: tuple[FailedRun, ...]
    ran: int
    earlier: EarlierRuns | None
    notes: tuple[str, ...]


def find_missing(
    account: Account,
    job: Job,
    *,
    prefix: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> MissingRuns:
    """Find the runs that a job should have had and has not.

    Args:
        account: The account and region of the job.
        job: The job.
        prefix: Look only at objects whose keys begin with it; a key or an ``s3://`` URI, in what the job watches.
        since: Look only at objects that were written since then, and at scheduled times from then on. A datetime with a
            timezone. Left out, at all objects, and at no scheduled times.
        until: Look only at what is before. A datetime with a timezone. Left out, now.

    Raises:
        InvalidParametersError: ``since``, ``until`` or ``prefix`` is wrong. The error lists every problem.
        NothingToListError: Nothing that launches the job can be listed.
        UnversionedBucketError: The runs of objects are known by versions, and the bucket has none.
    """
    if problems := moment_problems(since, until):
        raise InvalidParametersError(job.name, problems)
    sources = _listed(job, read_launch_sources(account, job), prefix, since)
    _, key = _bucket_and_key(prefix or "")
    due_runs = DueRuns(account, job, Within(sources, since, until or datetime.now(timezone.utc), key))
    made = list_made_runs(account, job, since)
    missing, failed, known = [], [], set[str]()
    for due in due_runs:
        run = made.get(due.run_id)
        if run is None:
            missing.append(due)
            continue
        known.add(due.run_id)
        if run.failed:
            name = f"{job.base_name}-{due.run_id}-{run.attempt}"
            failed.append(FailedRun(job.name, due.run_id, due.what, due.due, name))
    return MissingRuns(
        job,
        tuple(missing),
        tuple(failed),
        len(known) - len(failed),
        find_earlier_runs(account, job, made, known) if missing else None,
        (*_notes(job, sources, since, has_runs=bool(made)), *due_runs.notes),
    )


def moment_problems(since: datetime | None, until: datetime | None) -> list[Problem]:
    """What is wrong with the limits of a time."""
    found = [
        Problem(name, moment, "a datetime with a timezone", "write datetime(2026, 3, 28, tzinfo=timezone.utc)")
        for name, moment in (("since", since), ("until", until))
        if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None)
    ]
    if not found and since is not None and since >= (end := until or datetime.now(timezone.utc)):
        what = f"until ({end.isoformat()})" if until is not None else "now, as until is left out"
        found.append(Problem("since", since.isoformat(), f"before {what}", "give an earlier time"))
    return found


def _listed(job: Job, sources: LaunchSources, prefix: str | None, since: datetime | None) -> LaunchSources:
    """What to list of that which launches a job."""
    if not sources.objects and not sources.timetables:
        reasons = "; ".join(sources.unlisted) or "no rule or schedule launches it"
        raise NothingToListError(f"Nothing that launches {job.name} can be listed: {reasons}")
    if prefix is None:
        if not sources.objects and since is None:
            fix = "write since=datetime(2026, 3, 1, tzinfo=timezone.utc), or --since 2026-03-01T00:00+00:00"
            raise InvalidParametersError(job.name, [Problem("since", None, "given, as only schedules launch it", fix)])
        return sources
    inside = tuple(watched for watched in sources.objects if _lies_in(prefix, watched))
    if not inside:
        watched = " or ".join(sorted({each.uri for each in sources.objects})) or "no objects at all"
        allowed = f"in what {job.name} watches: {watched}"
        raise InvalidParametersError(job.name, [Problem("prefix", prefix, allowed, "correct it, or leave it out")])
    return replace(sources, objects=inside, timetables=())


def _lies_in(prefix: str, watched: WatchedObjects) -> bool:
    bucket, key = _bucket_and_key(prefix)
    return bucket in ("", watched.bucket) and key.startswith(watched.prefix)


def _bucket_and_key(prefix: str) -> tuple[str, str]:
    if not prefix.startswith("s3://"):
        return "", prefix
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    return bucket, key


def _notes(job: Job, sources: LaunchSources, since: datetime | None, *, has_runs: bool) -> Iterator[str]:
    if not has_runs:
        when = "" if since is None else f" since {since.isoformat()}"
        yield (
            f"no processing job of this account and region is named {job.base_name}-...: nothing is known to have run"
            f"{when}; if the job was renamed or moved here, what it ran before would run again"
        )
    if since is None:
        yield from (f"schedule {each.name}: not looked at; say since when" for each in sources.timetables)
    yield from (f"not looked at: {each}" for each in sources.unlisted)
