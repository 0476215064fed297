"""The alarms of a job and of a platform. Each text says what happened, where to look and what to do.

The alarms of triggers, which report that nothing happened, are in :mod:`cdk_processing.constructs.triggers.missed`.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

from aws_cdk import CfnResource
from constructs import Construct

from cdk_processing.constructs.pseudo_parameters import stack_name_token
from cdk_processing.constructs.resources import known_as, path_of, resource, stack_of

__all__ = ["alarm", "alarm_on_dead_letters", "alarm_on_failure", "metric"]

_NAME_LENGTH = 255
_STACK_NAME_LENGTH = 128
_DESCRIPTION_LENGTH = 1024


def alarm_on_failure(scope: Construct, construct_id: str, *, state_machine_arn: Any, topic_arn: Any) -> CfnResource:
    """Raise an alarm when a run of a job fails for good or times out.

    One alarm serves both: a run that times out stops its job, leaves a dead letter and fails.

    Args:
        scope: The job.
        construct_id: Id of the alarm.
        state_machine_arn: The job's state machine.
        topic_arn: The topic that gets the alarm.
    """
    job = shlex.quote(known_as(scope))
    description = (
        f"A run failed for good, or timed out. Why: cdk-processing why {job}. When the cause is mended, "
        f"run it again: cdk-processing redrive {job}."
    )
    return alarm(
        scope,
        construct_id,
        known_as(scope),
        "a run failed or timed out",
        description,
        {
            **metric("AWS/States", "ExecutionsFailed", "StateMachineArn", state_machine_arn),
            **_as_soon_as_one("Sum"),
            "AlarmActions": [topic_arn],
        },
    )


def alarm_on_dead_letters(scope: Construct, construct_id: str, *, queue_name: Any, topic_arn: Any) -> CfnResource:
    """Raise an alarm while a platform's dead-letter queue holds a message.

    Args:
        scope: The platform.
        construct_id: Id of the alarm.
        queue_name: The queue's name.
        topic_arn: The topic that gets the alarm.
    """
    description = (
        f"Something lies in the dead-letter queue of {known_as(scope)}: runs that failed for good, or events and "
        "schedules that could not start a run. What and why: cdk-processing dead-letters. Nothing is lost for 14 days; "
        "run it again: cdk-processing redrive JOB for one run, cdk-processing dead-letters --redrive for all."
    )
    return alarm(
        scope,
        construct_id,
        known_as(scope),
        "something lies in the dead-letter queue",
        description,
        {
            **metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue_name),
            **_as_soon_as_one("Maximum"),
            "AlarmActions": [topic_arn],
        },
    )


def alarm(
    scope: Construct, construct_id: str, path: str, what: str, description: str, properties: dict[str, Any]
) -> CfnResource:
    """Create an alarm.

    Args:
        scope: The construct that has it.
        construct_id: Id of the alarm.
        path: The path of what it watches.
        what: What happened, in a few words; part of the alarm's name.
        description: What happened, where to look and what to do.
        properties: The other properties of the resource.
    """
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


def metric(namespace: str, name: str, dimension: str, value: Any) -> dict[str, Any]:
    """The properties of an alarm on a metric with one dimension."""
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
