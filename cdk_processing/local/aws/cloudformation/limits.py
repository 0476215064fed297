"""AWS limits that MiniStack's CloudFormation ignores: the length of names, patterns and definitions.

The API reference of each service documents them. A value over the limit fails the stack, as in AWS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.aws.iam.policy_sizes import stack_managed_policy, stack_policy, stack_role

__all__ = ["LIMITS", "limit_problem"]

#: Maximum length in characters, by resource type and property.
_LENGTHS = {
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::S3::Bucket": ("BucketName", 63),
    "AWS::Scheduler::Schedule": ("Name", 64),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", 80),
}
_PATTERN = 2_048
_DEFINITION = 1_048_576


def limit_problem(resource_type: str, properties: Mapping[str, Any]) -> str:
    """Why CloudFormation cannot create a resource, or "" if it exceeds no limit."""
    field, longest = _LENGTHS.get(resource_type, ("", 0))
    given = str(properties.get(field) or "")
    if len(given) > longest:
        return (
            f"1 validation error detected: Value '{given}' at '{field[:1].lower() + field[1:]}' failed to satisfy "
            f"constraint: Member must have length less than or equal to {longest}"
        )
    check = _OTHERS.get(resource_type)
    return check(properties) if check else ""


def _rule(properties: Mapping[str, Any]) -> str:
    pattern = properties.get("EventPattern")
    if isinstance(pattern, Mapping):
        pattern = json.dumps(pattern, separators=(",", ":"), ensure_ascii=False)
    found = len(pattern or "")
    return f"Event pattern exceeds the quota of {_PATTERN} characters, got {found}" if found > _PATTERN else ""


def _state_machine(properties: Mapping[str, Any]) -> str:
    if len(str(properties.get("DefinitionString") or "")) > _DEFINITION:
        return f"Invalid State Machine Definition: the definition has more than {_DEFINITION} characters"
    return ""


_OTHERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "AWS::Events::Rule": _rule,
    "AWS::IAM::ManagedPolicy": stack_managed_policy,
    "AWS::IAM::Policy": stack_policy,
    "AWS::IAM::Role": stack_role,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
#: The resource types with a limit that is checked.
LIMITS = sorted({*_LENGTHS, *_OTHERS})
