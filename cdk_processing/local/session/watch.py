"""Follow runs: read their state from the embedded AWS, and find what changed since the last look.

`screen` prints the results to the terminal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cdk_processing.client.client import ProcessingClient
from cdk_processing.client.errors import ProcessingClientError
from cdk_processing.client.jobs import Job
from cdk_processing.client.runs import Run
from cdk_processing.client.waiting import read_waiting
from cdk_processing.contract.names import JobName
from cdk_processing.local.deployment.deploy import DeployedJob
from cdk_processing.views.runs import Progress, RunView, explained_view, output_views, run_view
from cdk_processing.views.states import Tone, job_state
from cdk_processing.views.words import short_id

__all__ = ["Change", "Watch"]

_EXECUTIONS_EVERY = 1.0
_LOG_TAIL = 10
# The embedded AWS reports no phase for a job that it has accepted but cannot run yet, for lack of resources.
_QUEUED = Progress("Waiting", "for another job on this machine to end")


class ProcessingJobs(Protocol):
    """A source of processing jobs, such as `LocalAws`."""

    def runs(self) -> list[dict[str, Any]]:
        """Every processing job so far."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change in a run.

    Attributes:
        label: The run's name.
        what: What happened, in a word or two: ``Downloading``, ``Completed``.
        seconds: The run's duration at that time.
        tone: Whether it is good or bad news.
        details: Lines that say more: the end of the log, the reason, the outputs.
    """

    label: str
    what: str
    seconds: float
    tone: Tone
    details: tuple[str, ...] = ()


class Watch:
    """Polls the embedded AWS and reports changes.

    Args:
        aws: The embedded AWS.
        jobs: The deployed jobs.
        client: Reads executions and why they failed.
    """

    def __init__(self, aws: ProcessingJobs, jobs: Sequence[DeployedJob], client: ProcessingClient) -> None:
        self._aws = aws
        self._client = client
        self._jobs: dict[str, Job] = {}
        self.add(jobs)
        self._seen: dict[str, RunView] = {}
        self._waiting: list[RunView] = []
        self._said: dict[str, tuple[str, ...]] = {}
        self._ended: set[str] = set()
        self._next_look = 0.0

    def add(self, jobs: Sequence[DeployedJob]) -> None:
        """Watch more jobs."""
        self._jobs.update({job.name: Job(job.name, job.base_name, job.state_machine_arn) for job in jobs})

    def look(self) -> tuple[list[RunView], list[Change]]:
        """Return the current runs, and the changes since the last call."""
        described = self._aws.runs()
        # Other jobs may have been deployed in the meantime, for example with `cdk deploy`.
        if any(each.get("job") and each["job"] not in self._jobs for each in described):
            self._jobs.update({job.name: job for job in self._client.jobs()})
        views = {str(each["name"]): _view(each) for each in described}
        changes = [change for name, view in views.items() for change in _changes(self._seen.get(name), view)]
        self._seen = views
        if time.monotonic() >= self._next_look:
            busy = {str(each["execution"]) for each in described if each["status"] in ("InProgress", "Stopping")}
            changes += self._look_at_executions(busy)
            self._next_look = time.monotonic() + _EXECUTIONS_EVERY
        going_on = [view for view in views.values() if not view.state.ended]
        return [*going_on, *self._waiting], changes

    def _look_at_executions(self, busy: set[str]) -> list[Change]:
        """Report runs without a running processing job: they wait, or ended before they created one."""
        changes: list[Change] = []
        waiting: list[RunView] = []
        for run in self._executions():
            if not run.ended and run.arn not in busy:
                view = self._waiting_view(run)
                if view is not None:
                    waiting.append(view)
                    # Between two waits the run enters other states for a moment. Do not report that.
                    if self._said.get(run.arn) != _in_words(view):
                        self._said[run.arn] = _in_words(view)
                        changes.append(_going_on(view))
            elif run.status in ("FAILED", "TIMED_OUT") and run.arn not in self._ended:
                self._ended.add(run.arn)
                changes += self._failed_without_job(run)
        self._waiting = waiting
        return changes

    def _executions(self) -> list[Run]:
        return [run for job in self._jobs.values() for run in reversed(self._client.runs(job, limit=50))]

    def _waiting_view(self, run: Run) -> RunView | None:
        """Return a waiting run; None if it is between two states."""
        try:
            waiting = read_waiting(self._client.account, run)
            run_id = self._client.run_id(run) if waiting.what else None
        except ProcessingClientError:  # The run may have ended. The next call reports it.
            return None
        if not waiting.what:
            return None
        view = run_view(run, run_id)
        return replace(view, reason=waiting.failure, progress=Progress("Waiting", waiting.what))

    def _failed_without_job(self, run: Run) -> Iterator[Change]:
        """Report a run that failed before it created a processing job: a permission, a quota, an invalid value."""
        try:
            diagnosis = self._client.explain(run, log_lines=1)
            run_id = self._client.run_id(run)
        except ProcessingClientError as error:
            yield Change(run.job.name, "Failed", run.duration.total_seconds(), "bad", (f"not explained: {error}",))
            return
        if not diagnosis.attempts:
            view = explained_view(diagnosis, run_id)
            what = f"{view.state.word} before a processing job was made"
            yield Change(view.label, what, view.seconds, "bad", tuple(view.details()))


def _view(described: Mapping[str, Any]) -> RunView:
    """Build a run's view from the description of its processing job."""
    name = JobName.parse(described["name"])
    job = described.get("job")
    ours = name is not None and job is not None
    state = job_state(str(described["status"]))
    completed = state.word == "Completed"
    began = described.get("created") or time.time()
    return RunView(
        id=short_id(name.run_id) if name is not None and ours else "",
        job=str(job) if ours else str(described["name"]),
        state=state,
        seconds=max(0.0, (described.get("ended") or time.time()) - began),
        execution=str(described.get("execution") or "").rsplit(":", 1)[-1],
        attempt=name.attempt if name is not None and ours else None,
        reason=described.get("failure_reason"),
        exit_message=described.get("exit_message"),
        outputs=output_views((described.get("outputs") or {}).items()) if completed else (),
        log_tail=tuple(described.get("last_lines") or ()),
        progress=None if state.ended else _progress(described),
    )


def _progress(described: Mapping[str, Any]) -> Progress:
    phase = described.get("phase")
    if not phase:
        return _QUEUED
    lines = described.get("last_lines") or [""]
    return Progress(
        phase=str(phase),
        doing=str(described.get("doing") or ""),
        bytes_done=int(described.get("bytes_done") or 0),
        bytes_total=int(described.get("bytes_total") or 0),
        last_line=str(lines[-1]),
    )


def _changes(before: RunView | None, now: RunView) -> Iterator[Change]:
    """Yield the changes to report between two views of a run."""
    if now.state.ended:
        if before is None or not before.state.ended:
            yield Change(now.label, now.state.word, now.seconds, now.state.tone, tuple(_details(now)))
        return
    if before is None or _in_words(before) != _in_words(now):
        yield _going_on(now)


def _going_on(view: RunView) -> Change:
    what = " ".join(word for word in _in_words(view)[:2] if word)
    reason = (f"last failure: {view.reason}",) if view.reason else ()
    return Change(view.label, what, view.seconds, "busy", reason)


def _in_words(view: RunView) -> tuple[str, ...]:
    return (view.progress.phase, view.progress.doing, view.reason or "") if view.progress is not None else ()


def _details(view: RunView) -> Iterator[str]:
    if view.state.tone == "bad":
        yield from (f"| {line}" for line in view.log_tail[-_LOG_TAIL:])
    yield from view.details()
