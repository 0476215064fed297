"""Writes the events of tasks in an execution's history as AWS does: service, action and arguments of the call.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskScheduledEventDetails.html
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack

__all__ = ["complete_events", "remember_parameters"]

_SFN = "ministack.services.stepfunctions"
_DETAILS = {
    "TaskScheduled": "taskScheduledEventDetails",
    "TaskSucceeded": "taskSucceededEventDetails",
    "TaskFailed": "taskFailedEventDetails",
}
_parameters: contextvars.ContextVar[Any] = contextvars.ContextVar("task_parameters", default=None)


def remember_parameters(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the arguments of a task."""

    def evaluate_arguments(state_def: Mapping[str, Any], raw_input: Any, ctx: Any = None) -> Any:
        found = evaluate(state_def, raw_input, ctx)
        _parameters.set(found)
        return found

    return evaluate_arguments


def complete_events(add: Callable[..., Any]) -> Callable[..., Any]:
    """Complete the events of tasks."""

    def add_event(execution: Mapping[str, Any], event_type: str, details: Any = None) -> Any:
        field = _DETAILS.get(event_type)
        if field is not None and details:
            service, action = _call(str(details[field]["resource"]))
            details = {field: {**details[field], "resourceType": service, "resource": action}}
        if event_type == "TaskScheduled" and details:
            details["taskScheduledEventDetails"].update(
                region=ministack.scope()[1],
                parameters=json.dumps(_parameters.get(), separators=(",", ":"), ensure_ascii=False),
            )
        event = add(execution, event_type, details)
        event["previousEventId"] = event["id"] - 1
        return event

    return add_event


def _call(resource: str) -> tuple[str, str]:
    """``arn:aws:states:::aws-sdk:sfn:describeExecution`` is ``aws-sdk:sfn`` and ``describeExecution``."""
    _, integration, called = resource.partition(":states:::")
    if not integration:
        return ("lambda" if ":lambda:" in resource else "activity"), resource
    service, _, action = called.rpartition(":")
    return service, action
