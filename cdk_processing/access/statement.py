"""IAM statements, with a reason for each wildcard, and policy documents built from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Place", "Statement", "literal", "one_or_many", "policy_document", "service_trust"]


@dataclass(frozen=True, slots=True)
class Place:
    """The partition, region and account where a role acts. Each may be a CDK token."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this place."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Statement:
    """An Allow statement.

    Attributes:
        sid: Its purpose, in one word.
        actions: The actions allowed.
        resources: ARNs or patterns.
        conditions: As in a policy document.
        wildcard_reason: Why a ``*`` in the resources is as narrow as possible. Required if there is one.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    wildcard_reason: str = ""

    def __post_init__(self) -> None:
        if any("*" in resource for resource in self.resources) != bool(self.wildcard_reason):
            raise AssertionError(f"{self.sid}: a wildcard and its reason come together")

    def render(self) -> dict[str, Any]:
        """The statement as it appears in a policy document."""
        rendered: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": one_or_many(self.actions),
            "Resource": one_or_many(self.resources),
        }
        if self.conditions:
            rendered["Condition"] = {operator: dict(keys) for operator, keys in self.conditions.items()}
        return rendered


def policy_document(statements: Iterable[Statement]) -> dict[str, Any]:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": [statement.render() for statement in statements]}


def service_trust(services: Sequence[str], account: str) -> dict[str, Any]:
    """A trust policy for AWS services that act for this account only (prevents the confused deputy problem).

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": one_or_many(services)},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


def literal(text: str) -> str:
    """Text escaped for a policy's resource, so that ``*``, ``?`` and ``$`` are literal.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    if "${Token[" in text:
        return text
    return re.sub(r"[*?$]", lambda match: f"${{{match[0]}}}", text)


def one_or_many(values: Sequence[str]) -> str | list[str]:
    """A list of values as it appears in a policy document; a single value by itself."""
    return values[0] if len(values) == 1 else list(values)
