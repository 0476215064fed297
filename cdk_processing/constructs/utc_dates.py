"""A job that is scheduled in a timezone, and takes its date from UTC, where it may be another one at that time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aws_cdk import Annotations
from constructs import Construct

from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.schedule import OnSchedule
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.tokens import is_token
from cdk_processing.schedules import time_on_another_date

__all__ = ["warn_of_utc_dates"]

_DATE, _HOUR = re.compile("%[dj]"), re.compile("%H")


def warn_of_utc_dates(job: Construct, request: ProcessingRequest, triggers: Sequence[Trigger]) -> None:
    """Warn where a date is that of UTC while the schedule's own clocks have another.

    Beside an hour it is a time in UTC, and right. A time that is said to be in UTC, ``in_timezone("UTC")``, is meant.
    """
    if not any(_is_date_in_utc(value) for value in request.run_time_values()):
        return
    for trigger in triggers:
        if not isinstance(trigger, OnSchedule) or trigger.timezone is None:
            continue
        if is_token(trigger.expression) or is_token(trigger.timezone):
            continue
        fires = time_on_another_date(trigger.expression, trigger.timezone)
        if fires is not None:
            Annotations.of(job).add_warning_v2(
                "cdk-processing:utc-date",
                f"TRIGGER_TIME is in UTC, where the date may be another one when {trigger.describe()} launches the job "
                f"at {fires:%H:%M}. Write TRIGGER_TIME.in_timezone({trigger.timezone!r}), or .in_timezone('UTC') if "
                "the date in UTC is meant.",
            )


def _is_date_in_utc(value: RunTimeValue) -> bool:
    in_utc = value.name == "TRIGGER_TIME" and (value.moment is None or not value.moment.zone)
    return in_utc and _DATE.search(value.format) is not None and _HOUR.search(value.format) is None
