"""Runs as they happen: what the embedded AWS says of its jobs, reduced to what has changed since the last look.

Knows nothing of terminals; `screen` shows what is found here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cdk_processing.client.client import ProcessingClient
from cdk_processing.client.errors import ProcessingClientError
from cdk_processing.client.jobs import Job
from cdk_processing.client.runs import Run
from cdk_processing.contract.names import JobName
from cdk_processing.local.deployment.deploy import DeployedJob

__all__ = ["Change", "JobView", "Watch"]

_EXECUTIONS_EVERY = 1.0


class Runs(Protocol):
    """What tells of the processing jobs: `LocalAws`."""

    def runs(self) -> list[dict[str, Any]]:
        """Every processing job so far."""


@dataclass(frozen=True)
class JobView:
    """A processing job as it is at the moment.

    Attributes:
        name: The processing job's name.
        job: The construct's path where it is known, else the name.
        run_id: The beginning of its run id, enough to tell runs apart.
        attempt: Which attempt it is.
        status: SageMaker's word.
        phase: What it is doing: ``Preparing``, ``Downloading``, ``Processing``, ``Uploading``; empty when ended.
        bytes_done: Of the transfer that goes on, if one does.
        bytes_total: Of that transfer in all; 0 where none goes on.
        seconds: How long it has taken.
        last_lines: The last lines of its log.
        failure_reason: Why it failed.
    """

    name: str
    job: str
    run_id: str
    attempt: int
    status: str
    phase: str
    bytes_done: int
    bytes_total: int
    seconds: float
    last_lines: tuple[str, ...]
    failure_reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ("Completed", "Failed", "Stopped")

    @property
    def label(self) -> str:
        """How it is called on the screen."""
        again = f" attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.job} {self.run_id}{again}".strip()


@dataclass(frozen=True)
class Change:
    """Something that has happened.

    Attributes:
        label: What it happened to.
        what: What, in a word or two: ``Downloading``, ``Completed``, ``not started``.
        seconds: How long the job has taken by then.
        details: Lines for whoever has to mend it: the log's end, the reason, the exit message.
        bad: Whether it is a failure.
    """

    label: str
    what: str
    seconds: float
    details: tuple[str, ...] = ()
    bad: bool = False


class Watch:
    """Looks at the embedded AWS and says what has changed.

    Args:
        aws: The embedded AWS.
        jobs: The deployed jobs.
        client: Reads executions and their reasons.
    """

    def __init__(self, aws: Runs, jobs: Sequence[DeployedJob], client: ProcessingClient) -> None:
        self._aws = aws
        self._client = client
        self._jobs = {job.base_name: Job(job.name, job.base_name, job.state_machine_arn) for job in jobs}
        self._seen: dict[str, JobView] = {}
        self._told: set[str] = set()
        self._next_look = 0.0

    def look(self) -> tuple[list[JobView], list[Change]]:
        """The jobs that run now, and what has happened since the last look."""
        runs = self._aws.runs()
        if any(_base(run["name"]) not in {None, *self._jobs} for run in runs if run["name"] not in self._seen):
            self._learn()
        views = [self._view(run) for run in runs]
        changes = [change for view in views for change in self._changes(view)]
        self._seen = {view.name: view for view in views}
        if time.monotonic() >= self._next_look:
            changes += self._failed_before_a_job()
            self._next_look = time.monotonic() + _EXECUTIONS_EVERY
        return [view for view in views if not view.ended], changes

    def _learn(self) -> None:
        """Get to know jobs that were deployed since, with `cdk deploy` say."""
        self._jobs.update({job.base_name: job for job in self._client.jobs()})

    def _view(self, run: Mapping[str, Any]) -> JobView:
        name = str(run["name"])
        known = self._jobs.get(_base(name) or "")
        _, run_id, attempt = name.rsplit("-", 2) if known else ("", "", "1")
        began = run.get("created") or time.time()
        return JobView(
            name=name,
            job=known.name if known else name,
            run_id=run_id[:8],
            attempt=int(attempt),
            status=str(run["status"]),
            phase=str(run.get("phase") or ""),
            bytes_done=int(run.get("bytes_done") or 0),
            bytes_total=int(run.get("bytes_total") or 0),
            seconds=max(0.0, (run.get("ended") or time.time()) - began),
            last_lines=tuple(run.get("last_lines", ())),
            failure_reason=run.get("failure_reason"),
        )

    def _changes(self, view: JobView) -> Iterator[Change]:
        before = self._seen.get(view.name)
        if view.ended:
            if before is None or not before.ended:
                yield Change(view.label, view.status, view.seconds, self._details(view), bad=view.status == "Failed")
        elif before is None or before.phase != view.phase:
            yield Change(view.label, view.phase or view.status, view.seconds)

    def _details(self, view: JobView) -> tuple[str, ...]:
        if view.status != "Failed":
            return ()
        details = [f"| {line}" for line in view.last_lines[-10:]]
        if view.failure_reason:
            details.append(f"reason: {view.failure_reason}")
        described = self._client.account.sagemaker.describe_processing_job(ProcessingJobName=view.name)
        if described.get("ExitMessage"):
            details.append(f"exit message: {described['ExitMessage']}")
        return tuple(details)

    def _failed_before_a_job(self) -> Iterator[Change]:
        """Runs that ended badly without a processing job: a permission, a quota, a bad value."""
        for run in self._ended_badly():
            self._told.add(run.arn)
            try:
                diagnosis = self._client.explain(run, log_lines=1)
            except ProcessingClientError as error:
                yield Change(run.job.name, "not explained", run.duration.total_seconds(), (str(error),), bad=True)
                continue
            if not diagnosis.attempts:
                details = (f"reason: {diagnosis.failure_reason}",) if diagnosis.failure_reason else ()
                what = f"{run.status} before a processing job was made"
                yield Change(run.job.name, what, run.duration.total_seconds(), details, bad=True)

    def _ended_badly(self) -> list[Run]:
        found = []
        for job in self._jobs.values():
            for run in self._client.runs(job, limit=50):
                if run.status in ("FAILED", "TIMED_OUT") and run.arn not in self._told:
                    found.append(run)
        return list(reversed(found))


def _base(name: str) -> str | None:
    """What a processing job's name begins with, or None where it is not of the form that our jobs' names have."""
    found = JobName.parse(name)
    return found.base if found else None
