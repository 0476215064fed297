"""The state of a run in one word, and what that word means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cdk_processing.client import Outcome, RunStatus
    from cdk_processing.client.diagnosis import Ending

__all__ = ["State", "Tone", "ended_state", "job_state", "state_of"]

Tone = Literal["good", "bad", "stopped", "busy", "quiet"]
"""How good the news is; a renderer chooses a colour for it."""


@dataclass(frozen=True, slots=True)
class State:
    """A state that a run can be in.

    Attributes:
        word: The word: ``Running``, ``Completed``, ``Duplicate``.
        tone: How good the news is.
        meaning: An explanation, for states that need one.
    """

    word: str
    tone: Tone
    meaning: str = ""

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.tone != "busy"


_EXECUTION: dict[str, State] = {
    "RUNNING": State("Running", "busy"),
    "PENDING_REDRIVE": State("Running", "busy"),
    "SUCCEEDED": State("Succeeded", "good"),
    "FAILED": State("Failed", "bad"),
    "TIMED_OUT": State("Timed out", "bad"),
    "ABORTED": State("Aborted", "stopped"),
}
_OUTCOME: dict[str, State] = {
    "Completed": State("Completed", "good"),
    "Duplicate": State("Duplicate", "quiet", "nothing was done; another run has the same run key"),
    "Superseded": State("Superseded", "quiet", "nothing was done; a newer version of the object arrived first"),
    "Skipped": State("Skipped", "quiet", "nothing was done; an earlier run of the job was still going"),
    "Waiting": State("Waiting", "quiet", "nothing was done; the last marker launches the run"),
}
# Step Functions reports FAILED for all of these. They are shown separately.
_ENDING: dict[str, State] = {
    "time limit": State("Time limit reached", "bad"),
    "overdue": State("Timed out", "bad"),
    "job stopped": State("Stopped", "stopped"),
}
_JOB: dict[str, State] = {
    "InProgress": State("InProgress", "busy"),
    "Stopping": State("Stopping", "busy"),
    "Completed": State("Completed", "good"),
    "Failed": State("Failed", "bad"),
    "Stopped": State("Stopped", "stopped"),
}


def state_of(status: RunStatus, outcome: Outcome | None = None) -> State:
    """The state of a run.

    Args:
        status: The status of its execution.
        outcome: Its outcome, if it succeeded and the outcome is known.
    """
    if outcome is not None and outcome.status in _OUTCOME:
        state = _OUTCOME[outcome.status]
        return replace(state, word=f"{state.word} for {', '.join(outcome.missing)}") if outcome.missing else state
    return _EXECUTION.get(status, State(status.capitalize(), "quiet"))


def ended_state(ending: Ending, state: State) -> State:
    """The state of a run, once it is known how the run ended.

    Args:
        ending: How it ended.
        state: Its state, from the status of its execution and its outcome.
    """
    return _ENDING.get(ending, state)


def job_state(status: str) -> State:
    """The state of a processing job, with SageMaker's own status as the word."""
    return _JOB.get(status, State(status, "quiet"))
