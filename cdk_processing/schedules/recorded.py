"""Reads a schedule as EventBridge Scheduler describes it, and fills in the input of its target."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from cdk_processing.schedules.schedule import Schedule
from cdk_processing.schedules.timezones import zone_named

__all__ = ["schedule_of", "substitute"]


def schedule_of(record: Mapping[str, Any]) -> Schedule:
    """Read a schedule as GetSchedule describes it. A rate without a start counts from its creation.

    Raises:
        ScheduleError: The timezone or the expression is not valid.
    """
    zone = zone_named(record.get("ScheduleExpressionTimezone") or "UTC")
    changed = _moment(record["CreationDate"])
    start = _moment(record["StartDate"]) if record.get("StartDate") else changed
    flexible = record.get("FlexibleTimeWindow") or {}
    schedule = Schedule(
        expression=record["ScheduleExpression"].strip(),
        zone=zone,
        start=start,
        end=_moment(record["EndDate"]) if record.get("EndDate") else None,
        window=int(flexible.get("MaximumWindowInMinutes") or 0) if flexible.get("Mode") == "FLEXIBLE" else 0,
    )
    schedule.next_after(start)
    return schedule


def substitute(text: str, scheduled: datetime, schedule_arn: str, execution_id: str, attempt: int) -> str:
    """Fill the context attributes of one occurrence into a target's input.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    values = {
        "scheduled-time": scheduled.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "schedule-arn": schedule_arn,
        "execution-id": execution_id,
        "attempt-number": str(attempt),
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, timezone.utc)
    found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
