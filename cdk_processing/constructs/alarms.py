"""Alarms: what is told when something goes wrong, or when nothing happens. Each says where to look and what to do."""

from __future__ import annotations

import hashlib
import math
import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnResource, Duration
from constructs import Construct

from cdk_processing.constructs.resources import known_as, path_of, resource, stack_name_token, stack_of
from cdk_processing.errors import Problem, ScheduleError
from cdk_processing.request.tokens import is_token
from cdk_processing.schedules import longest_gap

if TYPE_CHECKING:
    from cdk_processing.constructs.triggers.base import Launch

__all__ = ["alarm_on_dead_letters", "alarm_on_failure", "expect_arrivals", "expect_schedule", "within_problems"]

_HOUR = timedelta(hours=1)
#: Period x EvaluationPeriods is at most 604,800 s, for periods of an hour and more:
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_MOST_HOURS = 7 * 24
#: What a scheduled run may be late: the scheduler's minute, its retries, and CloudWatch's delay.
_SLACK = 2 * _HOUR
_NAME_LENGTH = 255
_STACK_NAME_LENGTH = 128
_DESCRIPTION_LENGTH = 1024


def alarm_on_failure(scope: Construct, construct_id: str, *, state_machine_arn: Any, topic_arn: Any) -> CfnResource:
    """Tell when a run of a job failed for good, or timed out.

    One alarm for both: a run that times out stops its job, leaves a dead letter and fails.

    Args:
        scope: The job.
        construct_id: Id of the alarm.
        state_machine_arn: The job's state machine.
        topic_arn: Whom to tell.
    """
    job = shlex.quote(known_as(scope))
    description = (
        f"A run of {known_as(scope)} failed for good, or timed out. "
        f"Why: cdk-processing why {job}. Its event and the reason lie in the dead-letter queue: "
        f"cdk-processing dead-letters. When the cause is mended, run it again: cdk-processing redrive {job}."
    )
    return _alarm(
        scope,
        construct_id,
        known_as(scope),
        "a run failed or timed out",
        description,
        {
            **_metric("AWS/States", "ExecutionsFailed", "StateMachineArn", state_machine_arn),
            **_as_soon_as_one("Sum"),
            "AlarmActions": [topic_arn],
        },
    )


def alarm_on_dead_letters(scope: Construct, construct_id: str, *, queue_name: Any, topic_arn: Any) -> CfnResource:
    """Tell when something lies in a platform's dead-letter queue, whoever put it there.

    Args:
        scope: The platform.
        construct_id: Id of the alarm.
        queue_name: The queue's name.
        topic_arn: Whom to tell.
    """
    description = (
        f"Something lies in the dead-letter queue of {known_as(scope)}: runs that failed for good, or events and "
        "schedules that could not start a run. What and why: cdk-processing dead-letters. Nothing is lost for 14 days; "
        "run it again: cdk-processing redrive JOB for one run, cdk-processing dead-letters --redrive for all."
    )
    return _alarm(
        scope,
        construct_id,
        known_as(scope),
        "something lies in the dead-letter queue",
        description,
        {
            **_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue_name),
            **_as_soon_as_one("Maximum"),
            "AlarmActions": [topic_arn],
        },
    )


def expect_schedule(
    launch: Launch,
    *,
    expression: str,
    timezone: str | None = None,
    end: datetime | None = None,
    window_minutes: int | None = None,
) -> CfnResource | None:
    """Tell when a scheduled run did not happen.

    Any run of the job counts, whatever launched it.

    Args:
        launch: The job, and the schedule's construct id.
        expression: The schedule.
        timezone: In which it is read; UTC, where left out.
        end: Nothing is launched after.
        window_minutes: How late the scheduler may be on purpose.

    Returns:
        The alarm; None where the longest time between two runs, with 2 hours of slack, does not fit into the 7 days
        that CloudWatch looks back, and where there is a last run, after which none is expected.
    """
    hours = _hours_between_runs(expression, timezone, end, window_minutes)
    if hours is None or hours > _MOST_HOURS:
        return None
    job = shlex.quote(launch.path)
    description = (
        f"No run of {launch.path} has started for {hours} hours, and its schedule {expression} should have launched "
        f"one. See whether the schedule is there and enabled, and whether it could start the job: "
        f"cdk-processing dead-letters. The runs so far: cdk-processing runs {job}. To start one by hand: "
        f"cdk-processing start {job}."
    )
    return _alarm(
        launch.scope,
        f"{launch.construct_id}Missed",
        f"{launch.path}/{launch.construct_id}",
        "an expected run did not happen",
        description,
        {
            **_metric("AWS/States", "ExecutionsStarted", "StateMachineArn", launch.state_machine_arn),
            **_none_for(hours),
            # Nobody writes this metric while nothing starts: after so many hours the alarm turns from OK to
            # INSUFFICIENT_DATA, and that is told. A new alarm is in INSUFFICIENT_DATA already and does not turn, so a
            # deployment is silent until the first run; a schedule that cannot start any leaves a dead letter.
            "TreatMissingData": "missing",
            "InsufficientDataActions": [launch.alert_topic_arn],
        },
    )


def expect_arrivals(launch: Launch, *, rule_name: Any, within: timedelta | Duration) -> CfnResource:
    """Tell when nothing has launched the job for too long; on until the first arrival.

    Args:
        launch: The job, and the trigger's construct id.
        rule_name: Name of the trigger's rule.
        within: How long may pass without an arrival; see :func:`within_problems`.
    """
    hours = round(_seconds(within) / 3600)
    described = "hour" if hours == 1 else f"{hours} hours"
    description = (
        f"Nothing has arrived that launches {launch.path} ({launch.construct_id}) in the last {described}. "
        "Look at whoever delivers; then whether the bucket still sends its events to EventBridge and the rule is "
        f"enabled. The runs so far: cdk-processing runs {shlex.quote(launch.path)}. The alarm ends by itself with the "
        "next arrival."
    )
    return _alarm(
        launch.scope,
        f"{launch.construct_id}Missed",
        f"{launch.path}/{launch.construct_id}",
        "nothing has arrived",
        description,
        {
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
            **_metric("AWS/Events", "Invocations", "RuleName", rule_name),
            **_none_for(hours),
            "TreatMissingData": "breaching",
            "AlarmActions": [launch.alert_topic_arn],
        },
    )


def within_problems(field: str, within: Any) -> list[Problem]:
    """What is wrong with a time within which something is expected."""
    try:
        seconds = _seconds(within)
    except Exception:  # what Duration raises for a token comes from Node
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
    """The longest time between two runs, in whole hours; None where there is none, or none that synth can know."""
    if is_token(expression) or is_token(timezone) or is_token(window_minutes):
        return None
    try:
        gap = longest_gap(expression, timezone or "UTC", end=end)
    except ScheduleError:
        return None  # whether it is a mistake, is the trigger's to say
    return None if gap is None else math.ceil((gap + timedelta(minutes=window_minutes or 0) + _SLACK) / _HOUR)


def _alarm(
    scope: Construct, construct_id: str, path: str, what: str, description: str, properties: dict[str, Any]
) -> CfnResource:
    named = {"AlarmName": _name(scope, path, what), "AlarmDescription": description[:_DESCRIPTION_LENGTH]}
    return resource(scope, construct_id, "AWS::CloudWatch::Alarm", {**named, **properties})


def _name(scope: Construct, path: str, what: str) -> str:
    """``<stack> <path below it>: <what>``: unique in an account and region, as the stack's name is."""
    below = path.removeprefix(f"{path_of(stack_of(scope))}/")
    room = _NAME_LENGTH - _STACK_NAME_LENGTH - len(f" : {what}")
    if len(below) > room:
        mark = hashlib.sha256(below.encode()).hexdigest()[:8]
        below = f"{mark}...{below[-(room - 11) :]}"
    return f"{stack_name_token()} {below}: {what}"


def _metric(namespace: str, name: str, dimension: str, value: Any) -> dict[str, Any]:
    return {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": dimension, "Value": value}]}


def _as_soon_as_one(statistic: str) -> dict[str, Any]:
    return {
        "Statistic": statistic,
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def _none_for(hours: int) -> dict[str, Any]:
    return {
        "Statistic": "Sum",
        "Period": 3600,
        "EvaluationPeriods": hours,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
    }
