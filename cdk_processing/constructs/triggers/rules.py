"""EventBridge rules that start a job's state machine with the event as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnResource

from cdk_processing.constructs.resources import resource
from cdk_processing.constructs.triggers.base import LaunchTarget
from cdk_processing.errors import DeclarationError, Problem

__all__ = ["make_rule"]

#: Characters of a pattern without blanks: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
_LONGEST_PATTERN = 2_048
_TOKEN = re.compile(r"\$\{Token\[[^\]]*\]\}")


def make_rule(target: LaunchTarget, pattern: Mapping[str, Any], *, event_bus: str | None = None) -> CfnResource:
    """The one resource of a trigger that is a rule.

    What cannot be delivered within 24 hours, or may not, goes to the platform's dead-letter queue. What is delivered
    has started an execution, and is that one's business from then on.

    Raises:
        DeclarationError: The pattern is too long for EventBridge, even if each value that is not known yet is short.
    """
    text = _TOKEN.sub("", json.dumps(dict(pattern), ensure_ascii=False, separators=(",", ":")))
    if len(text) > _LONGEST_PATTERN:
        allowed = f"at most {_LONGEST_PATTERN:,} characters long without blanks, as EventBridge takes it"
        fix = "match by fewer values, such as one prefix in place of many names, or split it into several triggers"
        problem = Problem("pattern", f"{len(text):,} characters", allowed, fix)
        raise DeclarationError(target.job_path, [problem.on(target.trigger_id)])
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
