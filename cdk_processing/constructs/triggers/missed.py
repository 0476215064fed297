"""The alarms of triggers: an expected run or an expected arrival did not happen."""

from __future__ import annotations

import math
import shlex
from datetime import datetime, timedelta
from typing import Any

from aws_cdk import CfnResource, Duration

from cdk_processing.constructs.alarms import alarm, metric
from cdk_processing.constructs.triggers.base import LaunchTarget
from cdk_processing.errors import Problem, ScheduleError
from cdk_processing.request.tokens import is_token
from cdk_processing.schedules import longest_gap

__all__ = ["expect_arrivals", "expect_schedule", "within_problems"]

_HOUR = timedelta(hours=1)
#: Period x EvaluationPeriods is at most 604,800 s, for periods of an hour and more:
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_MOST_HOURS = 7 * 24
#: How late a scheduled run may be: the scheduler's minute, its retries, and CloudWatch's delay.
_SLACK = 2 * _HOUR


def expect_schedule(
    target: LaunchTarget,
    *,
    expression: str,
    timezone: str | None = None,
    end: datetime | None = None,
    window_minutes: int | None = None,
) -> CfnResource | None:
    """Raise an alarm when a scheduled run does not happen.

    Any run of the job counts, whatever launched it.

    Args:
        target: The job, and the schedule's id.
        expression: The schedule.
        timezone: The schedule's timezone; left out, UTC.
        end: The end of the schedule.
        window_minutes: The schedule's flexible window.

    Returns:
        The alarm. None if the longest time between two runs, with 2 hours of slack, exceeds the 7 days that CloudWatch
        looks back, or if the schedule has a last run.
    """
    hours = _hours_between_runs(expression, timezone, end, window_minutes)
    if hours is None or hours > _MOST_HOURS:
        return None
    job = shlex.quote(target.job_path)
    description = (
        f"No run has started for {hours} hours, and the schedule {expression} should have launched one. See whether "
        f"it is enabled, and whether it could start the job: cdk-processing dead-letters. To start a run by hand: "
        f"cdk-processing start {job}."
    )
    return alarm(
        target.job,
        f"{target.trigger_id}Missed",
        f"{target.job_path}/{target.trigger_id}",
        "an expected run did not happen",
        description,
        {
            **metric("AWS/States", "ExecutionsStarted", "StateMachineArn", target.state_machine_arn),
            **_none_for(hours),
            # The metric has no datapoint while nothing starts. After so many hours the alarm changes from OK to
            # INSUFFICIENT_DATA, which notifies. A new alarm starts in INSUFFICIENT_DATA, so it does not notify before
            # the first run. A schedule that can start no run leaves a dead letter.
            "TreatMissingData": "missing",
            "InsufficientDataActions": [target.alert_topic_arn],
        },
    )


def expect_arrivals(target: LaunchTarget, *, rule_name: Any, within: timedelta | Duration) -> CfnResource:
    """Raise an alarm when nothing arrives for too long. It starts in ALARM, until the first arrival.

    Args:
        target: The job, and the trigger's id.
        rule_name: Name of the trigger's rule.
        within: The longest time without an arrival; see :func:`within_problems`.
    """
    hours = round(_seconds(within) / 3600)
    described = "hour" if hours == 1 else f"{hours} hours"
    description = (
        f"Nothing has arrived that launches {target.job_path} ({target.trigger_id}) in the last {described}. "
        "See whether the files were delivered, whether the bucket still sends its events to EventBridge, and whether "
        f"the rule is enabled. The runs so far: cdk-processing runs {shlex.quote(target.job_path)}. The alarm ends by "
        "itself with the next arrival."
    )
    return alarm(
        target.job,
        f"{target.trigger_id}Missed",
        f"{target.job_path}/{target.trigger_id}",
        "nothing has arrived",
        description,
        {
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
            **metric("AWS/Events", "Invocations", "RuleName", rule_name),
            **_none_for(hours),
            "TreatMissingData": "breaching",
            "AlarmActions": [target.alert_topic_arn],
        },
    )


def within_problems(field: str, within: Any) -> list[Problem]:
    """What is wrong with the time of ``expect_within``."""
    try:
        seconds = _seconds(within)
    except Exception:  # a Duration with a token raises an error of Node
        seconds = 0
    if 3600 <= seconds <= _MOST_HOURS * 3600 and seconds % 3600 == 0:
        return []
    allowed = "a Duration or timedelta of 1 hour to 7 days, in whole hours"
    return [Problem(field, within, allowed, "write Duration.hours(24), or timedelta(hours=24)")]


def _seconds(within: Any) -> float:
    return within.total_seconds() if isinstance(within, timedelta) else float(within.to_seconds())


def _hours_between_runs(
    expression: str, timezone: str | None, end: datetime | None, window_minutes: int | None
) -> int | None:
    """The longest time between two runs, in whole hours; None if there is none, or synth cannot know it."""
    if is_token(expression) or is_token(timezone) or is_token(window_minutes):
        return None
    try:
        gap = longest_gap(expression, timezone or "UTC", end=end)
    except ScheduleError:
        return None  # the trigger reports mistakes
    return None if gap is None else math.ceil((gap + timedelta(minutes=window_minutes or 0) + _SLACK) / _HOUR)


def _none_for(hours: int) -> dict[str, Any]:
    return {
        "Statistic": "Sum",
        "Period": 3600,
        "EvaluationPeriods": hours,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
    }
