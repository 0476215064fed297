"""A warning for schedules all of whose times are past. It is no error: every deployed ``at(...)`` is past one day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from aws_cdk import Annotations
from constructs import Construct

from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.schedule import OnSchedule
from cdk_processing.request.tokens import is_token
from cdk_processing.schedules import Schedule, zone_named

__all__ = ["warn_of_past_schedules"]

_WARNING = "cdk-processing:past-schedule"


def warn_of_past_schedules(job: Construct, triggers: Sequence[Trigger]) -> None:
    """Warn of schedules that launch nothing any more."""
    now = datetime.now(timezone.utc)
    for trigger in triggers:
        if isinstance(trigger, OnSchedule) and _is_over(trigger, now):
            end = "" if trigger.end is None else f" until {trigger.end.isoformat()}"
            Annotations.of(job).add_warning_v2(
                _WARNING,
                f"{trigger.describe()}{end} launches nothing: its times are past, or the clock skips them. Correct it, "
                f'or remove it. If it has done its work, write Annotations.of(job).acknowledge_warning("{_WARNING}").',
            )


def _is_over(trigger: OnSchedule, now: datetime) -> bool:
    if is_token(trigger.expression) or is_token(trigger.timezone):
        return False
    start = max(now, trigger.start or now)
    schedule = Schedule(trigger.expression, zone_named(trigger.timezone or "UTC"), start, trigger.end)
    return schedule.next_after(start) is None
