"""The dead letter of a run that was given up: the body of the message that its state machine sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = ["EVENT_TOO_LARGE", "GivenUpRun"]

#: Stands for an event that the message has no room for.
EVENT_TOO_LARGE = "too large for this message; it is in the input of the execution"

_REQUIRED = frozenset({"state_machine", "execution", "event"})


@dataclass(frozen=True, slots=True)
class GivenUpRun:
    """A run that was given up; where the state machine writes it, each value may be JSONata.

    Attributes:
        job: The construct's path.
        state_machine: ARN of the job's state machine.
        execution: ARN of the run's execution.
        run_id: The run's id.
        run_key: The run's key.
        attempt: The attempt that it ended with.
        job_name: Name of that attempt's processing job.
        error: The error's name.
        reason: The error in words.
        event: What launched the run, as it came; :data:`EVENT_TOO_LARGE` where the message has no room for it.
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
        """What a message's body says, read as JSON before; None where it is no dead letter of a run.

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
