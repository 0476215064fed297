"""Start the runs that a job should have had and has not, a few at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cdk_processing.client.errors import AwsCallError, EarlierRunsError, InvalidParametersError
from cdk_processing.client.missing import FailedRun, MissingRuns, find_missing
from cdk_processing.client.runs import Run, list_runs, read_run, start_with_input
from cdk_processing.contract.outcome import DUPLICATE, SKIPPED
from cdk_processing.errors import Problem

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.due_runs import DueRun
    from cdk_processing.client.jobs import Job

__all__ = ["MAX_RUNNING", "Backfill", "BackfillProgress", "NotStarted", "backfill_job"]

#: How many runs of a backfill are in progress at once.
MAX_RUNNING = 10

_NAME = "backfill-"
_THROTTLED = frozenset(
    {"ThrottlingException", "TooManyRequestsException", "ServiceUnavailable", "RequestLimitExceeded"}
)
#: Errors that every further start would meet too.
_LASTING = frozenset({"StateMachineDoesNotExist", "StateMachineDeleting", "InvalidArn"})
_EXISTS = "ExecutionAlreadyExists"


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A run that could not be started.

    Attributes:
        run: The run.
        reason: Why.
    """

    run: DueRun
    reason: str


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a backfill is.

    Attributes:
        done: How many of the missing runs it has dealt with.
        total: How many runs were missing.
        running: How many of its executions are in progress.
    """

    done: int
    total: int
    running: int


@dataclass(frozen=True)
class Backfill:
    """What a backfill has done. Runs that it started may still be in progress.

    Attributes:
        job: The job.
        started: How many runs it started.
        ran: How many runs there were already, in progress or ended.
        duplicates: How many of those that it started did nothing, because the object's event or the schedule had
            launched the same run meanwhile. As far as they had ended.
        failed: Runs that failed, before or meanwhile. They are not started again.
        not_started: Runs that could not be started.
        notes: What could not be looked at, and why; a sentence each.
    """

    job: Job
    started: int
    ran: int
    duplicates: int
    failed: tuple[FailedRun, ...]
    not_started: tuple[NotStarted, ...]
    notes: tuple[str, ...]


def backfill_job(
    account: Account,
    job: Job,
    *,
    prefix: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    max_running: int = MAX_RUNNING,
    ignore_earlier_runs: bool = False,
    poll_seconds: float = 2.0,
    on_progress: Callable[[BackfillProgress], None] | None = None,
) -> Backfill:
    """Start the runs that a job should have had and has not.

    Each execution is named by its RUN_ID, so a second backfill, at the same time or later, starts nothing twice. An
    event that arrives meanwhile has the same RUN_ID; one of the two executions then ends as ``Duplicate``.

    Args:
        account: The account and region of the job.
        job: The job.
        prefix: As for :func:`~cdk_processing.client.missing.find_missing`, like ``since`` and ``until``.
        since: As there.
        until: As there.
        max_running: How many of its executions may be in progress at once. Those of a schedule with ``overlap="skip"``
            run one at a time.
        ignore_earlier_runs: Whether to start runs though another job has had runs with this job's base name.
        poll_seconds: Seconds between two looks at the executions in progress.
        on_progress: Called after each start and each look.

    Raises:
        InvalidParametersError: A value is wrong. The error lists every problem.
        EarlierRunsError: Another job has had runs with this job's base name.
        NothingToListError: Nothing that launches the job can be listed.
        UnversionedBucketError: The runs of objects are known by versions, and the bucket has none.
        AwsCallError: AWS refuses to start any run.
    """
    if not isinstance(max_running, int) or isinstance(max_running, bool) or max_running < 1:
        raise InvalidParametersError(
            job.name, [Problem("max_running", max_running, "a whole number from 1", "raise it")]
        )
    found = find_missing(account, job, prefix=prefix, since=since, until=until)
    if found.earlier is not None and not ignore_earlier_runs:
        raise EarlierRunsError(
            f"{job.name} was not backfilled: {found.earlier}. If what ran before does not matter, pass "
            "ignore_earlier_runs=True (--ignore-earlier-runs)"
        )
    return _Pace(account, found, max_running, poll_seconds, on_progress or (lambda _: None)).run()


@dataclass
class _Pace:
    """Starts missing runs while few enough are in progress, and counts how they end."""

    account: Account
    found: MissingRuns
    max_running: int
    poll_seconds: float
    on_progress: Callable[[BackfillProgress], None]
    running: dict[str, DueRun] = field(default_factory=dict)
    started: int = 0
    ran: int = 0
    duplicates: int = 0
    done: int = 0
    failed: list[FailedRun] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)

    def run(self) -> Backfill:
        self.failed = list(self.found.failed)
        self.ran = self.found.ran
        before = set(self._running_before())
        for due in self.found.missing:
            if self._name(due) in before:
                self.running[self._name(due)] = due
        for due in self.found.missing:
            if self._name(due) in before:
                self.ran += 1
            else:
                self._wait(1 if due.takes_turns else self.max_running)
                self._start(due)
            self.done += 1
            self._tell()
        self._look()
        return Backfill(
            self.found.job,
            self.started,
            self.ran,
            self.duplicates,
            tuple(self.failed),
            tuple(self.not_started),
            self.found.notes,
        )

    @staticmethod
    def _name(due: DueRun) -> str:
        return f"{_NAME}{due.run_id}"

    def _running_before(self) -> Iterator[str]:
        """Yield the executions of an earlier backfill that are in progress, so that both together are few enough."""
        if self.found.missing:
            runs = list_runs(self.account, self.found.job, status="RUNNING", limit=None)
            yield from (run.name for run in runs if run.name.startswith(_NAME))

    def _wait(self, most: int) -> None:
        while len(self.running) >= most:
            self._look()
            if len(self.running) >= most:
                self._tell()
                time.sleep(self.poll_seconds)

    def _start(self, due: DueRun) -> None:
        while True:
            try:
                start_with_input(self.account, self.found.job, due.request, name=self._name(due))
            except AwsCallError as error:
                if error.code in _THROTTLED:
                    time.sleep(self.poll_seconds)
                    continue
                if error.code == _EXISTS:
                    self._note(due, self._read(due), was_started=False)
                elif error.code is None or error.is_denied or error.code in _LASTING:
                    raise
                else:
                    self.not_started.append(NotStarted(due, str(error)))
            else:
                self.started += 1
                self.running[self._name(due)] = due
            return

    def _look(self) -> None:
        """Read the executions in progress, and note those that have ended."""
        for name, due in list(self.running.items()):
            run = self._read(due)
            if run.ended:
                del self.running[name]
                self._note(due, run, was_started=True)

    def _note(self, due: DueRun, run: Run, *, was_started: bool) -> None:
        """Count how an execution has ended, or that there was one."""
        status = None if run.outcome is None else run.outcome.status
        if run.ended and not run.succeeded:
            self.failed.append(FailedRun(self.found.job.name, due.run_id, due.what, due.due, run.name))
        elif status == SKIPPED:
            reason = f"{run.name} ended as {SKIPPED}, and its name cannot be used again for 90 days"
            self.not_started.append(NotStarted(due, reason))
        elif not was_started:
            self.ran += 1
        elif status == DUPLICATE:
            self.duplicates += 1

    def _read(self, due: DueRun) -> Run:
        return read_run(self.account, self.found.job, f"{self.found.job.executions}{self._name(due)}")

    def _tell(self) -> None:
        self.on_progress(BackfillProgress(self.done, len(self.found.missing), len(self.running)))
