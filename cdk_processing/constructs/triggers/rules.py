"""EventBridge rules that start a job's state machine with the event as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnResource

from cdk_processing.constructs.resources import resource
from cdk_processing.constructs.triggers.base import LaunchTarget
from cdk_processing.contract.rule_description import USUAL, rule_description
from cdk_processing.errors import DeclarationError, Problem

__all__ = ["make_rule"]

#: Characters of a pattern without blanks: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
_LONGEST_PATTERN = 2_048
_TOKEN = re.compile(r"\$\{Token\[[^\]]*\]\}")


def make_rule(
    target: LaunchTarget, pattern: Mapping[str, Any], *, event_bus: str | None = None, run_key: str = USUAL
) -> CfnResource:
    """The one resource of a trigger that is a rule.

    What cannot be delivered within 24 hours, or may not, goes to the platform's dead-letter queue. What is delivered
    has started an execution, and is that one's business from then on.

    Args:
        target: The job.
        pattern: The event pattern.
        event_bus: The bus; left out, the default one.
        run_key: By what the runs of its events are known, if it is not the usual of an event.

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
        "Description": rule_description(target.job_path, run_key),
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
