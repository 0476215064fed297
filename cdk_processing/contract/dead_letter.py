"""The dead letter of a run that failed for good: the body of the message that its state machine sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = ["EVENT_TOO_LARGE", "GivenUpRun"]

#: Replaces an event that is too large for the message.
EVENT_TOO_LARGE = "too large for this message; it is in the input of the execution"

_REQUIRED = frozenset({"state_machine", "execution", "event"})


@dataclass(frozen=True, slots=True)
class GivenUpRun:
    """A run that failed for good. In a definition, each value may be JSONata.

    Attributes:
        job: The construct's path.
        state_machine: ARN of the job's state machine.
        execution: ARN of the run's execution.
        run_id: The run's id.
        run_key: The run's key.
        attempt: The last attempt.
        job_name: Name of that attempt's processing job.
        error: The error's name.
        reason: The error in words.
        event: The event that launched the run; :data:`EVENT_TOO_LARGE` if it is too large for the message.
        version: The contract's version.
    """

    job: str | None
    state_machine: str
    execution: str
    run_id: str | None
    run_key: str | None
    attempt: int | str | None
    job_name: str | None
    error: str | None
    reason: str | None
    event: Any
    version: int = VERSION

    def render(self) -> dict[str, Any]:
        """The message's body, as an object."""
        return {
            VERSION_FIELD: self.version,
            "job": self.job,
            "state_machine": self.state_machine,
            "execution": self.execution,
            "run_id": self.run_id,
            "run_key": self.run_key,
            "attempt": self.attempt,
            "job_name": self.job_name,
            "error": self.error,
            "reason": self.reason,
            "event": self.event,
        }

    @classmethod
    def parse(cls, body: object) -> GivenUpRun | None:
        """The dead letter in a message's body, which is parsed JSON; None if it is another message.

        Raises:
            NewerContractError: A newer release deployed the job.
        """
        if not isinstance(body, Mapping) or not body.keys() >= _REQUIRED:
            return None
        job = _text(body.get("job"))
        version = read_version(body, f"the dead letter of {job}")
        attempt = body.get("attempt")
        return cls(
            job=job,
            state_machine=str(body["state_machine"]),
            execution=str(body["execution"]),
            run_id=_text(body.get("run_id")),
            run_key=_text(body.get("run_key")),
            attempt=int(attempt) if isinstance(attempt, (int, float)) else None,
            job_name=_text(body.get("job_name")),
            error=_text(body.get("error")),
            reason=_text(body.get("reason")),
            event=body["event"],
            version=version,
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
