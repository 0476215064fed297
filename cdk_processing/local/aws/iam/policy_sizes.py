"""Size limits of policies, which MiniStack does not check. White space does not count.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["refuse_large_inline", "refuse_large_managed", "stack_managed_policy", "stack_policy", "stack_role"]

_IAM = "ministack.services.iam"
_INLINE = 10_240
_MANAGED = 6_144

_Handler = Callable[[Mapping[str, Any]], Any]


def refuse_large_inline(put: _Handler) -> _Handler:
    """Check PutRolePolicy. The limit applies to all inline policies of a role together."""

    def put_role_policy(parameters: Mapping[str, Any]) -> Any:
        role, name, document = (_given(parameters, key) for key in ("RoleName", "PolicyName", "PolicyDocument"))
        return _refused(_inline_reason(role, {name: document})) or put(parameters)

    return put_role_policy


def refuse_large_managed(create: _Handler) -> _Handler:
    """Check CreatePolicy and CreatePolicyVersion."""

    def create_policy(parameters: Mapping[str, Any]) -> Any:
        return _refused(_managed_reason(_given(parameters, "PolicyDocument"))) or create(parameters)

    return create_policy


def stack_role(properties: Mapping[str, Any]) -> str:
    """Why CloudFormation cannot create a role with these properties, or "" if it can."""
    policies = {each.get("PolicyName", ""): each.get("PolicyDocument") for each in properties.get("Policies") or []}
    return _inline_reason(str(properties.get("RoleName", "")), policies)


def stack_policy(properties: Mapping[str, Any]) -> str:
    """The same for an inline policy, on each role that it is attached to."""
    policy = {str(properties.get("PolicyName", "")): properties.get("PolicyDocument")}
    reasons = (_inline_reason(str(role), policy) for role in properties.get("Roles") or [])
    return next((reason for reason in reasons if reason), "")


def stack_managed_policy(properties: Mapping[str, Any]) -> str:
    """The same for a managed policy."""
    return _managed_reason(properties.get("PolicyDocument"))


def _inline_reason(role: str, policies: Mapping[str, Any]) -> str:
    there = (internal(_IAM, "_roles").get(role) or {}).get("InlinePolicies") or {}
    size = sum(_size(document) for document in {**there, **policies}.values())
    return f"Maximum policy size of {_INLINE} bytes exceeded for role {role}" if size > _INLINE else ""


def _managed_reason(document: Any) -> str:
    return f"Cannot exceed quota for PolicySize: {_MANAGED}" if _size(document) > _MANAGED else ""


def _size(document: Any) -> int:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return 0  # IAM refuses it for another reason
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def _refused(reason: str) -> Any:
    return internal(_IAM, "_error")(409, "LimitExceeded", reason, ns="iam") if reason else None


def _given(parameters: Mapping[str, Any], key: str) -> str:
    return str(internal(_IAM, "_p")(parameters, key))
