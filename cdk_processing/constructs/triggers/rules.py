"""EventBridge rules that start a job's state machine with the event as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnResource

from cdk_processing.constructs.resources import resource
from cdk_processing.constructs.triggers.base import LaunchTarget

__all__ = ["make_rule"]


def make_rule(target: LaunchTarget, pattern: Mapping[str, Any], *, event_bus: str | None = None) -> CfnResource:
    """The one resource of a trigger that is a rule.

    What cannot be delivered within 24 hours, or may not, goes to the platform's dead-letter queue. What is delivered
    has started an execution, and is that one's business from then on.
    """
    properties: dict[str, Any] = {
        "Description": f"Launches {target.job_path}",
        "EventPattern": dict(pattern),
        "Targets": [
            {
                "Id": "StateMachine",
                "Arn": target.state_machine_arn,
                "RoleArn": target.start_role_arn,
                "DeadLetterConfig": {"Arn": target.dead_letter_queue_arn},
            }
        ],
    }
    if event_bus is not None:
        properties["EventBusName"] = event_bus
    return resource(target.job, target.trigger_id, "AWS::Events::Rule", properties)
