"""Refuses schedules whose expressions are not valid, which MiniStack keeps and never fires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from cdk_processing.errors import ScheduleError
from cdk_processing.local.ministack import internal
from cdk_processing.schedules import Schedule

__all__ = ["expression_problem", "refuse_wrong_expressions", "refuse_wrong_rules"]


def refuse_wrong_expressions(change: Callable[..., Any]) -> Callable[..., Any]:
    """CreateSchedule and UpdateSchedule."""

    def create_or_update_schedule(name: str, body: Mapping[str, Any]) -> Any:
        expression = body.get("ScheduleExpression")
        problem = expression_problem("", body) if expression else ""
        if problem:
            return internal("ministack.services.scheduler", "_error")(400, "ValidationException", problem)
        return change(name, body)

    return create_or_update_schedule


def expression_problem(_resource_type: str, properties: Mapping[str, Any]) -> str:
    """Why the expression of a schedule is refused, or ""."""
    expression = str(properties.get("ScheduleExpression"))
    return "" if _is_valid(expression) else f"Invalid Schedule Expression {expression}."


def refuse_wrong_rules(put: Callable[..., Any]) -> Callable[..., Any]:
    """PutRule: schedules of rules, which only the default bus has."""

    def put_rule(data: Mapping[str, Any]) -> Any:
        expression = data.get("ScheduleExpression")
        refuse = internal("ministack.core.responses", "error_response_json")
        if expression and data.get("EventBusName", "default") != "default":
            message = "ScheduleExpression is supported only on the default event bus."
            return refuse("ValidationException", message, 400)
        if expression and (str(expression).startswith("at(") or not _is_valid(str(expression))):
            return refuse("ValidationException", "Parameter ScheduleExpression is not valid.", 400)
        return put(data)

    return put_rule


def _is_valid(expression: str) -> bool:
    # The API takes no space at an end, and none inside the brackets.
    if any(space in expression for space in ("( ", " )")) or expression != expression.strip():
        return False
    at = datetime.now(timezone.utc)
    try:
        Schedule(expression=expression, zone=timezone.utc, start=at).next_after(at)
    except ScheduleError:
        return False
    return True
