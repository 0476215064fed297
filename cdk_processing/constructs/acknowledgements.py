"""Why rules of cdk-nag and checkov do not apply to resources of this library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aws_cdk import CfnResource, Stack
from constructs import IConstruct

from cdk_processing.access.statement import Statement

__all__ = ["Acknowledged", "acknowledged_wildcards", "of_packs", "write_checkov_skips"]

_PACKS = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
#: Rules that one of the packs does not have.
_MISSING = (
    "NIST.800.53.R4-S3DefaultEncryptionKMS",
    "PCI.DSS.321-DynamoDBInBackupPlan",
    "PCI.DSS.321-DynamoDBPITREnabled",
)
_CHECKOV = "CKV_"


class Acknowledged(NamedTuple):
    """A rule that does not apply to a resource.

    Attributes:
        made: The resource, or a construct that has it below itself.
        rule: The rule's id: one of cdk-nag, or a ``CKV_`` one of checkov.
        reason: Why it does not apply.
    """

    made: IConstruct
    rule: str
    reason: str

    @property
    def is_for_checkov(self) -> bool:
        """Whether it is a rule of checkov, which reads it in the template."""
        return self.rule.startswith(_CHECKOV)


def of_packs(*names: str) -> list[str]:
    """The ids that rules have in cdk-nag's HIPAA, NIST and PCI packs, which check much alike."""
    return [rule for name in names for pack in _PACKS if (rule := f"{pack}-{name}") not in _MISSING]


def acknowledged_wildcards(stack: Stack, statements: Mapping[Any, Sequence[Statement]]) -> list[Acknowledged]:
    """The reason of each wildcard in a stack's statements; names values of other stacks as the template does.

    Args:
        stack: The stack.
        statements: What each role or policy allows.
    """
    wild = [
        (made, resource, statement.wildcard_reason)
        for made, listed in statements.items()
        for statement in listed
        for resource in statement.resources
        if "*" in resource
    ]
    resolved = stack.resolve([resource for _, resource, _ in wild])
    return [
        Acknowledged(made, f"AwsSolutions-IAM5[Resource::{_flat(resource)}]", reason)
        for (made, _, reason), resource in zip(wild, resolved, strict=True)
    ]


def write_checkov_skips(made: CfnResource, acknowledged: Sequence[Acknowledged]) -> None:
    """Write the rules of checkov that do not apply to a resource where checkov looks for them: into its metadata.

    Source: https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html
    """
    skips = [{"id": each.rule, "comment": each.reason} for each in acknowledged if each.is_for_checkov]
    if skips:
        made.add_metadata("checkov", {"skip": skips})


def _flat(value: Any) -> str:
    """A value of a template as cdk-nag writes it in the ids of its findings."""
    if isinstance(value, str):
        return value.replace("${", "<").replace("}", ">")
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Fn::Join":
            return str(argument[0]).join(_flat(part) for part in argument[1])
        if function == "Fn::GetAtt":
            return f"<{_flat(argument[0])}.{_flat(argument[1])}>"
        if function in ("Fn::Sub", "Fn::ImportValue"):
            return _flat(argument)
        if function == "Ref":
            return f"<{_flat(argument)}>"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
