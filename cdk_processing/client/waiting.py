"""Find out what a run waits for while none of its processing jobs runs, and its last failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.diagnosis import cause_in_words
from cdk_processing.contract.wait_states import waited_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_processing.client.account import Account
    from cdk_processing.client.runs import Run

__all__ = ["Waiting", "read_waiting"]

# Enough events for the current state and the failure before it.
_LATEST = 30


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a run waits for.

    Attributes:
        what: What it waits for: ``to create the processing job again``. Empty if it does not wait.
        failure: The last failure; None if there was none.
    """

    what: str
    failure: str | None


def read_waiting(account: Account, run: Run) -> Waiting:
    """Read what a run waits for now, from the latest events of its execution."""
    with aws_errors_as_ours(f"read the history of {run.name}"):
        events: list[Any] = list(
            account.states.get_execution_history(executionArn=run.arn, reverseOrder=True, maxResults=_LATEST)["events"]
        )
    entered = next((event for event in events if event["type"].endswith("StateEntered")), None)
    what = ""
    if entered is not None and entered["type"] == "WaitStateEntered":
        details = entered["stateEnteredEventDetails"]
        what = waited_for(details["name"].rsplit(" ", 1)[-1], details.get("input"))
    return Waiting(what, next(filter(None, map(_failure, events)), None))


def _failure(event: Mapping[str, Any]) -> str | None:
    for name, details in event.items():
        if name.endswith(("FailedEventDetails", "TimedOutEventDetails")):
            parts = (details.get("error"), cause_in_words(details.get("cause")))
            return ": ".join(part for part in parts if part) or None
    return None
