"""`ProcessingClient`: the one object that code and the command line hold to work with deployed jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_processing.client.account import Account
from cdk_processing.client.attempts import Attempt, list_attempts
from cdk_processing.client.dead_letters import delete_letters, delete_letters_of, list_letters
from cdk_processing.client.diagnosis import Diagnosis, explain_run
from cdk_processing.client.finding import find_run
from cdk_processing.client.history import run_id_of
from cdk_processing.client.jobs import Job, find_job, list_jobs
from cdk_processing.client.letters import DeadLetter
from cdk_processing.client.logs import LogLine, tail_run
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

    Wherever a job is asked for, its name does: the construct's path (``Census/Preprocess``), the path's last part where
    that is unique, the base name, or the state machine's ARN.

    Args:
        session: A boto3 session; left out, one is made from the environment.
        profile: A profile of the AWS configuration, where no session is given.
        region: Left out, the session's own.
        endpoint_url: Left out, AWS itself or ``AWS_ENDPOINT_URL``.

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
        """Use it in a ``with`` to have its connections closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self.account.close()

    def jobs(self) -> list[Job]:
        """Every deployed job, by name."""
        return list_jobs(self.account)

    def job(self, name: str | Job) -> Job:
        """One job by its name.

        Raises:
            UnknownJobError: There is none; the error names the nearest.
        """
        return name if isinstance(name, Job) else find_job(self.account, name)

    def runs(
        self, job: str | Job, *, status: RunStatus | None = None, limit: int | None = 20, outcomes: bool = False
    ) -> list[Run]:
        """Runs of a job, the latest first; with `outcomes`, at one more call for each run that succeeded."""
        return list_runs(self.account, self.job(job), status=status, limit=limit, outcomes=outcomes)

    def run(self, job: str | Job, name: str | None = None, *, prefer: RunStatus | None = None) -> Run:
        """One run of a job; the latest where no name is given.

        Args:
            job: The job.
            name: The RUN_ID, the execution's name or ARN, the processing job's name, or a unique beginning of one.
            prefer: Without a name, the latest run with this status, if there is one.

        Raises:
            UnknownRunError: There is no such run.
            AmbiguousRunError: Several runs begin so.
        """
        return find_run(self.account, self.job(job), name, prefer=prefer)

    def run_id(self, run: Run) -> str | None:
        """The RUN_ID of a run; None where its trigger made a run key that is not known outside the run."""
        return run_id_of(self.account, run)

    def start(
        self,
        job: str | Job,
        parameters: Mapping[str, str | float | bool] | None = None,
        *,
        run_key: str | None = None,
        at: datetime | None = None,
    ) -> Run:
        """Start a job. Where a run with the same `run_key` and parameters is there, it is returned; nothing is started.

        With `at`, a datetime with a timezone, the run has that ``TRIGGER_TIME``: to make up for a missed day.

        Raises:
            InvalidParametersError: A parameter is unknown, missing or not what the job declares, or `at` has no
                timezone; lists every problem.
            RunKeyReusedError: The run key has been used before with other parameters.
        """
        return self.start_or_find(job, parameters, run_key=run_key, at=at).run

    def start_or_find(
        self,
        job: str | Job,
        parameters: Mapping[str, str | float | bool] | None = None,
        *,
        run_key: str | None = None,
        at: datetime | None = None,
    ) -> Start:
        """As :meth:`start`, and whether the run is new."""
        return start_run(self.account, self.job(job), parameters=parameters, run_key=run_key, at=at)

    def attempts_of_run_key(self, job: str | Job, run_key: str) -> list[Attempt]:
        """The processing jobs that starts by hand with this run key have made so far, the first first."""
        return attempts_of_run_key(self.account, self.job(job), run_key)

    def refresh(self, run: Run) -> Run:
        """The run as it is now."""
        return read_run(self.account, run.job, run.arn)

    def wait(
        self,
        run: Run,
        *,
        timeout: float | None = None,
        poll_seconds: float = 2.0,
        on_change: Callable[[Run], None] | None = None,
    ) -> Run:
        """Wait until a run has ended, well or not.

        Raises:
            WaitTimeoutError: It has not ended after `timeout` seconds.
        """
        return wait_for_run(self.account, run, timeout=timeout, poll_seconds=poll_seconds, on_change=on_change)

    def stop(self, run: Run) -> Run:
        """Stop a run and the processing job it waits for."""
        return stop_run(self.account, run)

    def redrive(self, run: Run) -> Run:
        """Let a failed run go on with its next attempt: the same run key, so the same output location.

        Its dead letter stays where it is; see :meth:`delete_dead_letters_of`.

        Raises:
            NothingToRedriveError: It has not failed, or another attempt of it runs or has completed.
        """
        return redrive_run(self.account, run)

    def dead_letters(self, job: str | Job | None = None) -> list[DeadLetter]:
        """Runs that were given up and events that could not be delivered, of one job or of all, the oldest first.

        Raises:
            NoDeadLettersError: No dead-letter queue is known of the deployed jobs.
        """
        return list_letters(self.account, self.jobs(), None if job is None else self.job(job))

    def redrive_dead_letters(
        self, job: str | Job | None = None, *, on_result: Callable[[RedrivenLetter], None] | None = None
    ) -> list[RedrivenLetter]:
        """Redrive every dead letter; each is deleted when its run has started, or has succeeded in the meantime.

        Args:
            job: Redrive those of this job alone.
            on_result: Called with the result for each letter, as soon as it exists.
        """
        only = None if job is None else self.job(job)
        return redrive_letters(self.account, self.jobs(), only, on_result=on_result)

    def delete_dead_letters(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """Delete dead letters that were listed, except unreadable ones; returns those that were still there."""
        return delete_letters(self.account, letters)

    def delete_dead_letters_of(self, run: Run) -> list[DeadLetter]:
        """Delete the dead letters of a run that has been redriven; returns them."""
        return delete_letters_of(self.account, run)

    def attempts(self, run: Run) -> list[Attempt]:
        """The processing jobs of a run, the first attempt first."""
        return list_attempts(self.account, run)

    def logs(
        self,
        run: Run,
        *,
        follow: bool = False,
        poll_seconds: float = 1.0,
        on_silence: Callable[[Run], None] | None = None,
    ) -> Iterator[LogLine]:
        """The lines a run's containers wrote; with `follow`, until the run has ended.

        With `follow`, `on_silence` is called with the run each time there is no new line.
        """
        return tail_run(self.account, run, follow=follow, poll_seconds=poll_seconds, on_silence=on_silence)

    def explain(self, run: Run, *, log_lines: int = 20) -> Diagnosis:
        """Why a run ended as it did."""
        return explain_run(self.account, run, log_lines=log_lines)
