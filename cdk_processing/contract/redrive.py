"""The input of a redrive: the run's event, its key and id, and the next attempt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = ["REDRIVE_FIELD", "RedriveEnvelope", "delivery_name", "redrive_name", "redrive_prefix"]

#: The field of an execution's input that makes it a redrive.
REDRIVE_FIELD = "redrive"


@dataclass(frozen=True, slots=True)
class RedriveEnvelope:
    """The input of an execution that redrives a run.

    Attributes:
        event: The event that launched the run.
        run_key: The run's key; None if the state machine computes it from the event.
        run_id: The run's id; None if the state machine computes it from the key.
        attempt: The attempt to go on with.
        version: The contract's version.
    """

    event: Any
    run_key: str | None = None
    run_id: str | None = None
    attempt: int = 1
    version: int = VERSION

    def render(self) -> str:
        """The input as JSON without spaces, because an event may be just within Step Functions' limit."""
        identity = {"run_key": self.run_key, "run_id": self.run_id}
        known = {name: value for name, value in identity.items() if value is not None}
        envelope = {VERSION_FIELD: self.version, "event": self.event, **known, "attempt": self.attempt}
        return json.dumps({REDRIVE_FIELD: envelope}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, request: object) -> RedriveEnvelope | None:
        """The redrive in an execution's input; None if it is another input.

        Raises:
            NewerContractError: A newer release wrote it.
        """
        found = request.get(REDRIVE_FIELD) if isinstance(request, Mapping) else None
        if not isinstance(found, Mapping):
            return None
        version = read_version(found, "the input of a redrive")
        attempt = found.get("attempt")
        return cls(
            found.get("event", {}),
            _text(found.get("run_key")),
            _text(found.get("run_id")),
            int(attempt) if isinstance(attempt, (int, float)) else 1,
            version,
        )


def redrive_name(run_id: str, attempt: int, number: int = 1) -> str:
    """The name of the execution that redrives a run. If two people redrive at once, one execution starts.

    Args:
        run_id: The run's id, or a text in its place.
        attempt: The attempt to go on with.
        number: The number of this redrive for this attempt, from 1. A redrive that failed has used up its name.
    """
    name = f"{redrive_prefix(run_id)}{attempt}"
    return name if number == 1 else f"{name}-{number}"


def redrive_prefix(run_id: str) -> str:
    """The prefix of the names of all redrives of a run."""
    return f"redrive-{run_id}-"


def delivery_name(message_id: str) -> str:
    """The name of the execution that delivers an undelivered event again."""
    return f"undelivered-{message_id}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
