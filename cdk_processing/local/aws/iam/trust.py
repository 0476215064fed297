"""Whether a policy allows an AWS service: a role's trust policy, or the policy of a queue, topic or key."""

from __future__ import annotations

import json
from typing import Any

from cdk_processing.local.aws.iam.principals import Principal, evaluation, role_record
from cdk_processing.local.ministack import internal

__all__ = ["service_may_assume", "service_may_deliver"]


def service_may_assume(role_arn: str, service: str, source_account: str, source_arn: str) -> bool:
    """Whether a role's trust policy lets an AWS service assume it, on behalf of a resource of an account."""
    role = role_record(role_arn)
    if role is None:
        return False
    document = role.get("AssumeRolePolicyDocument") or "{}"
    policy = json.loads(document) if isinstance(document, str) else document
    evaluator = "ministack.core.iam_evaluator"
    request = evaluation(
        Principal(f"arn:aws:iam::{source_account}:service/{service}", "Service", source_account, [], (), {}),
        "sts:AssumeRole",
        role_arn,
        {"aws:SourceAccount": source_account, "aws:SourceArn": source_arn},
    )
    allowed = False
    for statement in _listed(policy.get("Statement")):
        if (
            internal(evaluator, "_service_principal_matches")(statement.get("Principal"), service)
            and internal(evaluator, "_action_matches")(
                "sts:AssumeRole", _listed(statement.get("Action")), _listed(statement.get("NotAction"))
            )
            and internal(evaluator, "_conditions_met")(statement.get("Condition") or {}, request)
        ):
            if statement.get("Effect") == "Deny":
                return False
            allowed = True
    return allowed


def service_may_deliver(
    policy: str | None, service: str, action: str, resource: str, source_account: str, source_arn: str
) -> bool:
    """Whether a resource's own policy (of a queue or a key, say) allows an AWS service."""
    request = evaluation(
        Principal("*", "Service", source_account, [], (), {}),
        action,
        resource,
        {"aws:SourceAccount": source_account, "aws:SourceArn": source_arn},
    )
    evaluate = internal("ministack.core.iam_evaluator", "evaluate_resource_policy")
    return bool(evaluate(policy, request, service=service).decision == "Allow")


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
