"""`ProcessingClient`: the object through which code and the command line work with deployed jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_processing.client.account import Account
from cdk_processing.client.attempts import Attempt, list_attempts
from cdk_processing.client.backfill import MAX_RUNNING, Backfill, BackfillProgress, backfill_job
from cdk_processing.client.dead_letters import delete_letters, delete_letters_of, list_letters
from cdk_processing.client.diagnosis import Diagnosis, explain_run
from cdk_processing.client.errors import UnknownRunError
from cdk_processing.client.finding import find_run
from cdk_processing.client.history import run_id_of
from cdk_processing.client.jobs import Job, find_job, list_jobs, machine_of_execution
from cdk_processing.client.letters import DeadLetter
from cdk_processing.client.logs import LogLine, tail_run
from cdk_processing.client.missing import MissingRuns, find_missing
from cdk_processing.client.redrive import redrive_run
from cdk_processing.client.redrive_letters import RedrivenLetter, redrive_letters
from cdk_processing.client.runs import (
    Run,
    RunStatus,
    list_runs,
    read_run,
    stop_run,
    wait_for_run,
)
from cdk_processing.client.starting import Start, attempts_of_run_key, start_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from boto3.session import Session

__all__ = ["ProcessingClient"]


class ProcessingClient:
    """Works with the jobs that are deployed to an account and region.

    Every method that takes a job also takes its name: the construct's path (``Census/Preprocess``), the path's last
    part if that is unique, the base name, or the state machine's ARN.

    Every method that takes a run also takes a job and the run's name, as :meth:`run` does:
    ``client.logs("Census/Preprocess", "8456984e")``. Without a name, the latest run; for ``stop``, the latest that
    runs; for ``redrive`` and ``explain``, the latest that failed. An execution's ARN names both job and run.

    Args:
        session: A boto3 session; left out, boto3 creates one from the environment.
        profile: A profile of the AWS configuration, if you pass no session.
        region: The region; left out, the session's own.
        endpoint_url: The URL of an embedded AWS; left out, ``AWS_ENDPOINT_URL`` or AWS itself.

    Example:
        >>> client = ProcessingClient()                                             # doctest: +SKIP
        >>> run = client.start("Census/Preprocess", {"split_ratio": 0.3})         # doctest: +SKIP
        >>> if not client.wait(run, timeout=3600).succeeded:                        # doctest: +SKIP
        ...     print(client.explain(run).failure_reason)
    """

    def __init__(
        self,
        session: Session | None = None,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        self.account = Account(session, profile=profile, region=region, endpoint_url=endpoint_url)

    def __enter__(self) -> ProcessingClient:
        """Return the client. The end of the ``with`` block closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self.account.close()

    def jobs(self) -> list[Job]:
        """List the deployed jobs, sorted by name."""
        return list_jobs(self.account)

    def job(self, name: str | Job) -> Job:
        """Find a job by its name.

        Raises:
            UnknownJobError: No job has that name. The error lists similar names.
        """
        return name if isinstance(name, Job) else find_job(self.account, name)

    def runs(
        self, job: str | Job, *, status: RunStatus | None = None, limit: int | None = 20, outcomes: bool = False
    ) -> list[Run]:
        """List the runs of a job, latest first. `outcomes` takes one more call for each run that succeeded."""
        return list_runs(self.account, self.job(job), status=status, limit=limit, outcomes=outcomes)

    def run(self, job: str | Job | Run, name: str | None = None, *, prefer: RunStatus | None = None) -> Run:
        """Find a run of a job; without a name, the latest run.

        Args:
            job: The job. The execution's ARN alone also names a run, and a run is returned as it is.
            name: The RUN_ID, the execution's name or ARN, the processing job's name, or a unique beginning of one.
            prefer: Without a name, the latest run with this status, if there is one.

        Raises:
            UnknownJobError: No job has that name. The error lists similar names.
            UnknownRunError: There is no such run.
            AmbiguousRunError: Several runs match.
        """
        if isinstance(job, Run):
            if name is not None:
                raise UnknownRunError(f"name must be left out beside a run, got {name!r}; pass the job and the name")
            return job
        if isinstance(job, str) and name is None and (machine := machine_of_execution(job)) is not None:
            job, name = machine, job
        return find_run(self.account, self.job(job), name, prefer=prefer)

    def run_id(self, run: str | Job | Run, name: str | None = None) -> str | None:
        """Return the RUN_ID of a run; None if its trigger created a run key that only the run itself can read."""
        return run_id_of(self.account, self.run(run, name))

    def start(
        self,
        job: str | Job,
        parameters: Mapping[str, str | float | bool] | None = None,
        *,
        run_key: str | None = None,
        at: datetime | None = None,
        folder: str | Mapping[str, str] | None = None,
    ) -> Run:
        """Start a job. If a run with the same `run_key` and the same other values exists, return it and start nothing.

        `at`, a datetime with a timezone, sets the run's ``TRIGGER_TIME``, for example to catch up on a missed day.
        `folder`, ``s3://bucket/.../``, is what a job reads that a marker launches; a dict for the sources of ``OnAll``.

        Raises:
            InvalidParametersError: A parameter is unknown, missing or invalid, `at` has no timezone, or `folder` is no
                folder. The error lists every problem.
            RunKeyReusedError: The run key has been used before with other parameters, or for another time or folder.
        """
        return self.start_or_find(job, parameters, run_key=run_key, at=at, folder=folder).run

    def start_or_find(
        self,
        job: str | Job,
        parameters: Mapping[str, str | float | bool] | None = None,
        *,
        run_key: str | None = None,
        at: datetime | None = None,
        folder: str | Mapping[str, str] | None = None,
    ) -> Start:
        """Like :meth:`start`, but also return whether the run is new."""
        return start_run(self.account, self.job(job), parameters=parameters, run_key=run_key, at=at, folder=folder)

    def attempts_of_run_key(self, job: str | Job, run_key: str) -> list[Attempt]:
        """List the processing jobs that manual starts with this run key have created, oldest first."""
        return attempts_of_run_key(self.account, self.job(job), run_key)

    def refresh(self, run: str | Job | Run, name: str | None = None) -> Run:
        """Read the current state of a run."""
        found = self.run(run, name)
        return read_run(self.account, found.job, found.arn)

    def wait(
        self,
        run: str | Job | Run,
        name: str | None = None,
        *,
        timeout: float | None = None,
        poll_seconds: float = 2.0,
        on_change: Callable[[Run], None] | None = None,
    ) -> Run:
        """Wait until a run has ended, whether it succeeded or not.

        Raises:
            WaitTimeoutError: The run has not ended after `timeout` seconds.
        """
        return wait_for_run(
            self.account, self.run(run, name), timeout=timeout, poll_seconds=poll_seconds, on_change=on_change
        )

    def stop(self, run: str | Job | Run, name: str | None = None) -> Run:
        """Stop a run and its processing job."""
        return stop_run(self.account, self.run(run, name, prefer="RUNNING"))

    def redrive(self, run: str | Job | Run, name: str | None = None) -> Run:
        """Continue a failed run with its next attempt: the same run key, so the same output location.

        Its dead letter stays in the queue; see :meth:`delete_dead_letters_of`.

        Raises:
            NothingToRedriveError: The run has not failed, or another attempt of it runs or has completed.
        """
        return redrive_run(self.account, self.run(run, name, prefer="FAILED"))

    def missing(
        self,
        job: str | Job,
        *,
        prefix: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> MissingRuns:
        """Find the runs that a job should have had and has not: what :meth:`backfill` would start. Starts nothing.

        A run is missing if an object that the job watches, or a scheduled time, has no processing job: it was there
        before the job, or its event was lost.

        Args:
            job: The job.
            prefix: Look only at objects whose keys begin with it; a key or an ``s3://`` URI, in what the job watches.
            since: Look only at objects that were written since then, and at scheduled times from then on. A datetime
                with a timezone. Left out, at all objects, and at no scheduled times.
            until: Look only at what is before. A datetime with a timezone. Left out, now.

        Raises:
            InvalidParametersError: ``since``, ``until`` or ``prefix`` is wrong. The error lists every problem.
            NothingToListError: Nothing that launches the job can be listed.
            UnversionedBucketError: The runs of objects are known by versions, and the bucket has none.
        """
        return find_missing(self.account, self.job(job), prefix=prefix, since=since, until=until)

    def backfill(
        self,
        job: str | Job,
        *,
        prefix: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        max_running: int = MAX_RUNNING,
        ignore_earlier_runs: bool = False,
        poll_seconds: float = 2.0,
        on_progress: Callable[[BackfillProgress], None] | None = None,
    ) -> Backfill:
        """Start the runs that :meth:`missing` finds, and return when all are started.

        Each has the RUN_ID of the run that the object's event or the schedule launches. So a run that has a processing
        job is not started, and an event that comes meanwhile makes no second one. A backfill that was interrupted goes
        on when it is called again.

        Args:
            job: The job.
            prefix: As for :meth:`missing`.
            since: As for :meth:`missing`.
            until: As for :meth:`missing`.
            max_running: How many of its executions may be in progress at once. Those of a schedule with
                ``overlap="skip"`` run one at a time.
            ignore_earlier_runs: Whether to start runs though another job has had runs with this job's base name.
            poll_seconds: Seconds between two looks at the executions in progress.
            on_progress: Called after each start and each look.

        Raises:
            InvalidParametersError: A value is wrong. The error lists every problem.
            EarlierRunsError: Another job has had runs with this job's base name. The error names the fix.
            NothingToListError: Nothing that launches the job can be listed.
            UnversionedBucketError: The runs of objects are known by versions, and the bucket has none.
        """
        return backfill_job(
            self.account,
            self.job(job),
            prefix=prefix,
            since=since,
            until=until,
            max_running=max_running,
            ignore_earlier_runs=ignore_earlier_runs,
            poll_seconds=poll_seconds,
            on_progress=on_progress,
        )

    def dead_letters(self, job: str | Job | None = None) -> list[DeadLetter]:
        """List the dead letters of one or all jobs, oldest first: runs that failed for good, and undelivered events.

        Raises:
            NoDeadLettersError: The deployed jobs have no known dead-letter queue.
        """
        return list_letters(self.account, self.jobs(), None if job is None else self.job(job))

    def redrive_dead_letters(
        self, job: str | Job | None = None, *, on_result: Callable[[RedrivenLetter], None] | None = None
    ) -> list[RedrivenLetter]:
        """Redrive every dead letter. Delete each when its run has started, or has succeeded in the meantime.

        Args:
            job: Redrive only the letters of this job.
            on_result: Called with the result for each letter, as soon as it exists.
        """
        only = None if job is None else self.job(job)
        return redrive_letters(self.account, self.jobs(), only, on_result=on_result)

    def delete_dead_letters(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """Delete listed dead letters, except unreadable ones. Returns those that were still in their queues."""
        return delete_letters(self.account, letters)

    def delete_dead_letters_of(self, run: str | Job | Run, name: str | None = None) -> list[DeadLetter]:
        """Delete the dead letters of a redriven run. Returns them."""
        return delete_letters_of(self.account, self.run(run, name))

    def attempts(self, run: str | Job | Run, name: str | None = None) -> list[Attempt]:
        """List the processing jobs of a run, first attempt first."""
        return list_attempts(self.account, self.run(run, name))

    def logs(
        self,
        run: str | Job | Run,
        name: str | None = None,
        *,
        follow: bool = False,
        poll_seconds: float = 1.0,
        on_silence: Callable[[Run], None] | None = None,
    ) -> Iterator[LogLine]:
        """Yield the log lines of a run's containers; with `follow`, until the run has ended.

        With `follow`, `on_silence` is called with the run each time there is no new line.
        """
        found = self.run(run, name)
        return tail_run(self.account, found, follow=follow, poll_seconds=poll_seconds, on_silence=on_silence)

    def explain(self, run: str | Job | Run, name: str | None = None, *, log_lines: int = 20) -> Diagnosis:
        """Explain why a run ended as it did."""
        return explain_run(self.account, self.run(run, name, prefer="FAILED"), log_lines=log_lines)
