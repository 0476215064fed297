"""Roles where the app has called ``iam.Role.customize_roles``: the CDK reports what they must allow.

Only L2 roles follow that call, so such a role is one. The CDK makes no role then: it takes the one that
``use_precreated_roles`` names, and raises an error where it names none. With ``prevent_synthesis=False`` it writes the
report and makes the roles.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from constructs import Construct

from cdk_processing.access.statement import Statement
from cdk_processing.constructs.list_tokens import with_split_lists
from cdk_processing.constructs.typed import TypedResource

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam

__all__ = ["ReportedRole", "customizes_roles", "prevents_roles"]

_CUSTOMIZED = "@aws-cdk/iam:customizeRoles"
_known: WeakKeyDictionary[Construct, Mapping[str, Any] | None] = WeakKeyDictionary()


def customizes_roles(scope: Construct) -> bool:
    """Whether the app has called ``iam.Role.customize_roles`` on the scope or above it."""
    return _options(scope) is not None


def prevents_roles(scope: Construct) -> bool:
    """Whether that call has the CDK make no roles either."""
    options = _options(scope)
    return options is not None and options.get("preventSynthesis") is not False


def _options(scope: Construct) -> Mapping[str, Any] | None:
    # The call is a method of this module, which is slow to load; so an app without it has made no such call.
    if "aws_cdk.aws_iam" not in sys.modules:
        return None
    if scope not in _known:  # asked of Node once for all roles of a job
        _known[scope] = scope.node.try_get_context(_CUSTOMIZED)
    return _known[scope]


class ReportedRole(TypedResource):
    """A role of this library in the CDK's report.

    Attributes:
        view: The role as its users hold it.
        is_made: Whether the template makes the role too.
    """

    view: iam.Role
    is_made: bool
    _reported: set[str]
    _attached: set[str]

    @classmethod
    def report(
        cls, scope: Construct, construct_id: str, logical_id: str, trust: Mapping[str, Any], properties: dict[str, Any]
    ) -> ReportedRole:
        """Declare a role.

        Args:
            scope: The parent construct.
            construct_id: The construct's id.
            logical_id: The role's logical id, if the template makes the role.
            trust: The trust policy, of one statement for services.
            properties: The role's properties, as in a template; they count if the template makes the role.
        """
        from aws_cdk import aws_iam as iam

        [statement] = trust["Statement"]
        names = statement["Principal"]["Service"]
        principals: list[iam.IPrincipal] = [
            cast("iam.IPrincipal", iam.ServicePrincipal(name, conditions=statement.get("Condition")))
            for name in ([names] if isinstance(names, str) else names)
        ]
        role = iam.Role(scope, construct_id, assumed_by=cast("iam.IPrincipal", iam.CompositePrincipal(*principals)))
        child = role.node.default_child
        made = cls.__new__(cls)
        made.view, made.is_made = role, child is not None
        made._known, made._reported, made._attached = {}, set(), set()
        made.__jsii_ref__ = cast(Any, role if child is None else child).__jsii_ref__
        if child is not None:
            cast(Any, child).override_logical_id(logical_id)
            for name, value in properties.items():
                made.write(name, value)
        return made

    def attribute(self, name: str) -> str:
        """The role's ARN or, as ``ref``, its name."""
        if self.is_made:
            return super().attribute(name)
        return self.view.role_name if name == "ref" else self.view.role_arn

    def write(self, name: str, value: Any) -> None:
        """Set a property, if the template makes the role."""
        if self.is_made:
            super().write(name, value)

    def read(self, name: str) -> Any:
        """A property as it is now; None if the template makes no role."""
        return super().read(name) if self.is_made else None

    def report_policy(self, policy_arn: str) -> None:
        """Add a managed policy to the report, once."""
        from aws_cdk import aws_iam as iam

        if policy_arn not in self._attached:
            self._attached.add(policy_arn)
            policy = iam.ManagedPolicy.from_managed_policy_arn(self.view, f"Attached{len(self._attached)}", policy_arn)
            self.view.add_managed_policy(policy)

    def allow(self, statements: Sequence[Statement]) -> None:
        """Add statements to the report, each once."""
        from aws_cdk import aws_iam as iam

        for statement in statements:
            rendered = with_split_lists(statement.render())
            text = json.dumps(rendered, sort_keys=True)
            if text not in self._reported:
                self._reported.add(text)
                self.view.add_to_principal_policy(iam.PolicyStatement.from_json(rendered))
