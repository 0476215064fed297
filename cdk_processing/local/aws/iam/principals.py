"""Principals and what IAM allows them. Only this module calls MiniStack's policy evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.local.ministack import internal, scope

__all__ = ["Principal", "caller", "evaluation", "role_account_and_name", "role_principal", "role_record"]


@dataclass(frozen=True)
class Principal:
    """The caller of an action, with the policies that apply to it (``policies`` is None for the account's root)."""

    arn: str
    kind: str
    account: str
    policies: list[Any] | None
    limits: tuple[Any, ...]
    keys: Mapping[str, Any]

    def denial(self, action: str, resource: str, context: Mapping[str, Any] | None = None) -> str | None:
        """Return AWS's error message if the action is denied, or None if it is allowed."""
        if self.policies is None:
            return None
        evaluator = "ministack.core.iam_evaluator"
        request = evaluation(self, action, resource, context)
        result = internal(evaluator, "evaluate")(request, self.policies, *self.limits)
        service = action.partition(":")[0]
        own = internal(evaluator, "_resource_policy")(service, resource)
        if own is not None:
            result = internal(evaluator, "combine_resource_policy")(
                result,
                request,
                *own,
                required=service in internal(evaluator, "_POLICY_REQUIRED"),
                limits=self.limits,
            )
        if result.decision == "Allow":
            return None
        explicit = result.decision == "Deny"
        return str(
            internal("ministack.core.iam_actions", "identity_denial_message")(action, self.arn, resource, explicit)
        )


def evaluation(principal: Principal, action: str, resource: str, context: Mapping[str, Any] | None) -> Any:
    """The input of MiniStack's evaluator: may this principal do this action on this resource?"""
    keys = {"aws:tagkeys": None, **{key.lower(): value for key, value in (context or {}).items()}}
    return internal("ministack.core.iam_evaluator", "EvalContext")(
        principal_arn=principal.arn,
        principal_type=principal.kind,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=scope()[1],
        service_context=keys,
        principal_keys=dict(principal.keys),
    )


def caller(headers: Mapping[str, str]) -> Principal:
    """The principal that signed a request."""
    access_key = internal("ministack.core.router", "extract_access_key_id")(headers, {}) or ""
    found = internal("ministack.core.iam_evaluator", "resolve_principal")(access_key, scope()[0])
    if isinstance(found, internal("ministack.core.iam_evaluator", "AuthError")):
        raise PermissionError(found.message)
    return Principal(found.arn, found.type, found.account, found.policies, tuple(found.limits), found.keys)


def role_record(role_arn: str) -> dict[str, Any] | None:
    """MiniStack's record of a role, or None if the role does not exist."""
    account, name = role_account_and_name(role_arn)
    role: dict[str, Any] | None = internal("ministack.services.iam", "_roles").get_scoped(account, None, name)
    return role


def role_account_and_name(role_arn: str) -> tuple[str, str]:
    """Account and name of a role, from its ARN; two empty strings if it is not the ARN of a role."""
    parts = role_arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("role/"):
        return "", ""
    return parts[4], parts[5].rsplit("/", 1)[-1]


def role_principal(role_arn: str, session_name: str) -> Principal:
    """The principal of an assumed role. A role that does not exist has no policies."""
    evaluator = "ministack.core.iam_evaluator"
    account, name = role_account_and_name(role_arn)
    role = role_record(role_arn) or {}
    return Principal(
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        kind="AssumedRole",
        account=account,
        policies=internal(evaluator, "_gather_role_policies")(name, account),
        limits=tuple(
            internal(evaluator, "_permissions_boundary")(internal("ministack.services.iam", "_roles"), name, account)
        ),
        keys={f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in role.get("Tags") or []},
    )
