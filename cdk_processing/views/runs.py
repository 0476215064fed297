"""A run to show to people: its id, its state, what it waits for, why it ended and what it wrote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cdk_processing.views.states import State, ended_state, state_of
from cdk_processing.views.words import short_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from cdk_processing.client import Attempt, Diagnosis, Run

__all__ = ["OutputView", "Progress", "RunView", "explained_view", "run_view"]


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output that a run wrote, or will write.

    Attributes:
        name: The output's name.
        uri: Where it is.
    """

    name: str
    uri: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run that has not ended is doing.

    Attributes:
        phase: ``Preparing``, ``Downloading``, ``Processing``, ``Uploading``, or ``Waiting``.
        doing: Details, such as what it installs or waits for. Empty if the phase says enough.
        bytes_done: Bytes transferred so far.
        bytes_total: Bytes to transfer; 0 while nothing is transferred.
        last_line: The last line of its log.
    """

    phase: str
    doing: str = ""
    bytes_done: int = 0
    bytes_total: int = 0
    last_line: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run to show to people.

    Attributes:
        id: The beginning of its RUN_ID, or the execution's name while the RUN_ID is not known.
        job: The job's name: the construct's path.
        state: Its state.
        seconds: How long it has taken.
        execution: The name of the Step Functions execution; empty if not known.
        attempt: The number of the attempt, from 1; None before a processing job is created.
        started: When it started.
        reason: Why it failed, or the last failure while it still runs.
        exit_message: What the script wrote to ``/opt/ml/output/message``.
        outputs: What it wrote.
        log_tail: The last lines of its log.
        progress: What it is doing, until it has ended.
        advice: What to do before running it again.
        can_be_redriven: Whether running it again without changes may help.
    """

    id: str
    job: str
    state: State
    seconds: float
    execution: str = ""
    attempt: int | None = None
    started: datetime | None = None
    reason: str | None = None
    exit_message: str | None = None
    outputs: tuple[OutputView, ...] = ()
    log_tail: tuple[str, ...] = ()
    progress: Progress | None = None
    advice: str = ""
    can_be_redriven: bool = False

    @property
    def label(self) -> str:
        """The label of the run: ``Census/Preprocess 8456984e attempt 2``."""
        again = f" attempt {self.attempt}" if self.attempt is not None and self.attempt > 1 else ""
        return f"{self.job} {self.id}{again}".strip()

    def details(self) -> Iterator[str]:
        """Lines that say why the run ended as it did and what it wrote, or what it waits for."""
        if self.progress is not None:
            yield f"{self.progress.phase} {self.progress.doing}".strip()
        if self.reason:
            yield f"{'reason' if self.state.ended else 'last failure'}: {self.reason}"
        if self.exit_message:
            yield f"exit message: {self.exit_message}"
        for output in self.outputs:
            yield f"output {output.name}: {output.uri}"
        if self.advice:
            yield f"what to do: {self.advice}"


def run_view(run: Run, run_id: str | None = None) -> RunView:
    """A run as a list shows it.

    Args:
        run: The run.
        run_id: Its RUN_ID, if known from a source other than the outcome.
    """
    known = run_id or (run.outcome.run_id if run.outcome is not None else None)
    return RunView(
        id=short_id(known) if known else run.name,
        job=run.job.name,
        state=state_of(run.status, run.outcome),
        seconds=run.duration.total_seconds(),
        execution=run.name,
        started=run.started,
        outputs=output_views(run.outcome.outputs) if run.outcome is not None and run.outcome.did_something else (),
    )


def explained_view(diagnosis: Diagnosis, run_id: str | None = None) -> RunView:
    """A run with the reason why it ended.

    Args:
        diagnosis: What the client found out.
        run_id: The run's RUN_ID, if known.
    """
    run, attempts = diagnosis.run, diagnosis.attempts
    view = run_view(run, run_id)
    latest = attempts[-1] if attempts else None
    return replace(
        view,
        state=ended_state(diagnosis.ending, view.state),
        attempt=latest.number if latest is not None else None,
        reason=diagnosis.failure_reason,
        exit_message=diagnosis.exit_message,
        outputs=view.outputs or _written(latest),
        log_tail=tuple(line.message for line in diagnosis.log_lines),
        advice=diagnosis.advice,
        can_be_redriven=diagnosis.redrive_helps,
    )


def output_views(outputs: Iterable[tuple[str, str]]) -> tuple[OutputView, ...]:
    """Convert pairs of name and URI to views."""
    return tuple(OutputView(name, uri) for name, uri in outputs)


def _written(attempt: Attempt | None) -> tuple[OutputView, ...]:
    if attempt is None or attempt.status != "Completed":
        return ()
    return output_views(attempt.outputs.items())
