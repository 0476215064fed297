"""Writes an execution's history as AWS does: numbered, each event with the one before it, and for one branch at a time.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.execution_logs import log_event
from cdk_processing.local.aws.stepfunctions.packed_history import PackedHistory
from cdk_processing.local.signals import Signal

__all__ = [
    "HISTORY_LIMIT",
    "Branch",
    "BranchEndedError",
    "begin_branch",
    "current_branch",
    "integration",
    "number_events",
    "pack",
    "write",
]

_SFN = "ministack.services.stepfunctions"
#: "If the execution history reaches 25,000 events, the execution fails":
#: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
HISTORY_LIMIT = 25_000
_FULL = f"The execution reached the maximum number of history events ({HISTORY_LIMIT})."
_PAYLOADS = {"input": "inputDetails", "output": "outputDetails", "assignedVariables": "assignedVariablesDetails"}
# The States language names the state in the event's type, but not in the name of its details.
_OF_STATES = ("StateEntered", "StateExited")
_lock = threading.RLock()


class BranchEndedError(Exception):
    """The execution, or a branch of it, ended while a thread still worked for it. No state can catch this."""


@dataclass
class Branch:
    """What one thread of an execution writes.

    Attributes:
        last: The id of its last event.
        ended: Set when the branch or its execution ends.
        parked: Set when the branch waits for something for the first time, or ends.
    """

    last: int = 0
    ended: Signal = field(default_factory=Signal)
    parked: threading.Event = field(default_factory=threading.Event)


_before: contextvars.ContextVar[int | None] = contextvars.ContextVar("event_before", default=None)
_branch: contextvars.ContextVar[Branch | None] = contextvars.ContextVar("branch", default=None)


def current_branch() -> Branch | None:
    """The branch of this thread."""
    return _branch.get()


def begin_branch(branch: Branch) -> None:
    """Let this thread write as a branch."""
    _branch.set(branch)


def write(
    record: dict[str, Any], event_type: str, details: Mapping[str, Any] | None = None, *, after: int | None = None
) -> int:
    """Add an event and return its id.

    Args:
        record: The execution.
        event_type: The type, such as ``PassStateEntered``.
        details: Its details.
        after: The id of the event before it; left out, the branch's last one.

    Raises:
        BranchEndedError: The execution or the branch has ended.
    """
    branch = _branch.get() or Branch()
    name = next((of for of in _OF_STATES if event_type.endswith(of)), event_type)
    told = None
    if details is not None:
        truncated = {_PAYLOADS[key]: {"truncated": False} for key in details if key in _PAYLOADS}
        told = {f"{name[:1].lower()}{name[1:]}EventDetails": {**details, **truncated}}
    with _lock:
        if record["status"] != "RUNNING" or branch.ended.is_set():
            raise BranchEndedError
        if len(record["events"]) >= HISTORY_LIMIT - 1:  # the last place is for ExecutionFailed
            raise ministack.internal(_SFN, "_ExecutionError")("States.Runtime", _FULL)
        token = _before.set(branch.last if after is None else after)
        try:
            event = ministack.internal(_SFN, "_add_event")(record, event_type, told)
        finally:
            _before.reset(token)
        branch.last = event["id"]
    return branch.last


def number_events(add: Callable[..., Any]) -> Callable[..., Any]:
    """Number events correctly when several threads add them, give each the id of the event before it, and log it."""

    def add_event(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
        with _lock:
            event = add(execution, event_type, _without_empty_texts(details))
            before = _before.get()
            event["previousEventId"] = before if before is not None else _last_of(execution) if event["id"] > 2 else 0
            log_event(execution, event)
        return event

    return add_event


def pack(record: dict[str, Any]) -> None:
    """Hold the history of an execution that has ended in less memory."""
    with _lock:
        if record["status"] != "RUNNING":
            record["events"] = PackedHistory(record["events"])


def _without_empty_texts(details: Any) -> Any:
    """The details without the empty error and cause that MiniStack writes for StopExecution without them."""
    return {
        field: {name: text for name, text in told.items() if text != "" or name not in ("error", "cause")}
        for field, told in (details or {}).items()
    }


def _last_of(execution: Mapping[str, Any]) -> int:
    """The event before one that MiniStack adds: the end of an execution."""
    return int(execution["events"][-2]["id"])


def integration(resource: str) -> tuple[str, str]:
    """``arn:aws:states:::aws-sdk:sfn:describeExecution`` is ``aws-sdk:sfn`` and ``describeExecution``."""
    _, found, called = resource.partition(":states:::")
    if not found:
        return ("lambda" if ":lambda:" in resource else "activity"), resource
    sdk = "aws-sdk:" if called.startswith("aws-sdk:") else ""
    service, _, action = called.removeprefix(sdk).partition(":")
    return f"{sdk}{service}", action
