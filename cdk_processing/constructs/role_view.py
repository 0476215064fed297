"""A role that this library makes, as its users hold it: an L2 that grants and takes managed policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from constructs import Construct
from jsii._reference_map import InterfaceDynamicProxy

from cdk_processing.constructs.customized_roles import ReportedRole
from cdk_processing.constructs.resources import arn_with_path, attach
from cdk_processing.constructs.typed import TypedResource

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam

__all__ = ["role_view"]


def role_view(made: TypedResource, scope: Construct, construct_id: str) -> iam.IRole:
    """The role as an ``IRole``, imported by its ARN."""
    if isinstance(made, ReportedRole):
        return cast("iam.IRole", made.view)
    from aws_cdk import aws_iam

    return cast(
        "iam.IRole", _RoleView(aws_iam.Role.from_role_arn(scope, construct_id, arn_with_path(made, scope)), made)
    )


class _RoleView(InterfaceDynamicProxy):
    """An imported role, but for managed policies: the CDK attaches none of AWS's to one, and only warns."""

    _made: TypedResource

    def __init__(self, imported: Any, made: TypedResource) -> None:
        # jsii's object passes what it does not know on to what it stands for.
        self._delegates = imported._delegates
        object.__setattr__(self, "_made", made)

    def add_managed_policy(self, policy: iam.IManagedPolicy) -> None:
        """Attach a managed policy to the role."""
        attach(self._made, policy.managed_policy_arn)
