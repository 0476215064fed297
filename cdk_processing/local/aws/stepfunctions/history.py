"""Writes the events of tasks in an execution's history as AWS does: service, action and arguments of the call.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskScheduledEventDetails.html
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack

__all__ = ["complete_events", "remember_assigned", "remember_parameters"]

_SFN = "ministack.services.stepfunctions"
_DETAILS = {
    "TaskScheduled": "taskScheduledEventDetails",
    "TaskSubmitted": "taskSubmittedEventDetails",
    "TaskSucceeded": "taskSucceededEventDetails",
    "TaskFailed": "taskFailedEventDetails",
}
_parameters: contextvars.ContextVar[Any] = contextvars.ContextVar("task_parameters", default=None)
_assigned: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar("assigned", default=None)


def remember_parameters(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the arguments of a task."""

    def evaluate_arguments(state_def: Mapping[str, Any], raw_input: Any, ctx: Any = None) -> Any:
        found = evaluate(state_def, raw_input, ctx)
        _parameters.set(found)
        return found

    return evaluate_arguments


def remember_assigned(values: Mapping[str, Any]) -> None:
    """Keep the variables that a state assigns, for the event of its exit."""
    _assigned.set(values)


def complete_events(add: Callable[..., Any]) -> Callable[..., Any]:
    """Complete the events of tasks, and write the variables that a state assigns into the event of its exit."""

    def add_event(execution: Mapping[str, Any], event_type: str, details: Any = None) -> Any:
        field = _DETAILS.get(event_type)
        if field is not None and details:
            service, action = _call(str(details[field]["resource"]))
            details = {field: {**details[field], "resourceType": service, "resource": action}}
        if event_type == "TaskScheduled" and details:
            details["taskScheduledEventDetails"].update(
                region=ministack.scope()[1],
                parameters=_json(_parameters.get()),
            )
        if event_type.endswith("StateEntered"):
            _assigned.set(None)
        assigned = _assigned.get()
        if event_type.endswith("StateExited") and assigned and details:
            texts = {name: _json(value) for name, value in assigned.items()}
            details["stateExitedEventDetails"].update(
                assignedVariables=texts, assignedVariablesDetails={"truncated": False}
            )
        event = add_next(execution, event_type, details)
        if event_type == "TaskScheduled" and details:
            scheduled = details["taskScheduledEventDetails"]
            started = {key: scheduled[key] for key in ("resource", "resourceType")}
            add_next(execution, "TaskStarted", {"taskStartedEventDetails": started})
        return event

    def add_next(execution: Mapping[str, Any], event_type: str, details: Any) -> Any:
        event = add(execution, event_type, details)
        event["previousEventId"] = event["id"] - 1
        return event

    return add_event


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _call(resource: str) -> tuple[str, str]:
    """``arn:aws:states:::aws-sdk:sfn:describeExecution`` is ``aws-sdk:sfn`` and ``describeExecution``."""
    _, integration, called = resource.partition(":states:::")
    if not integration:
        return ("lambda" if ":lambda:" in resource else "activity"), resource
    service, _, action = called.rpartition(":")
    return service, action
