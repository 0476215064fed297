"""CloudFormation resources as typed L1s, each made by one call into CDK's Node process; and the roles of this library.

Chaining L2 objects costs several times as much, because every call crosses to Node (``make bench`` measures it). What
users hold is L2 all the same: see the properties of :class:`~cdk_processing.constructs.job.ProcessingJob`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import CfnResource, Fn, IStringProducer, Lazy, Stack, Stage
from constructs import Construct, IConstruct, Node

from cdk_processing.access.statement import Place, Statement, policy_document, service_trust
from cdk_processing.constructs.acknowledgements import Acknowledged, of_packs, write_checkov_skips
from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.customized_roles import ReportedRole, customizes_roles, prevents_roles
from cdk_processing.constructs.list_tokens import with_split_lists
from cdk_processing.constructs.pseudo_parameters import account_token, partition_token
from cdk_processing.constructs.roles import RoleStandards
from cdk_processing.constructs.substitution import filled_in
from cdk_processing.constructs.typed import TypedResource, typed_resource
from cdk_processing.constructs.written_over import KeptRole
from cdk_processing.contract.texts import ROLE_DESCRIPTION, TAG_VALUE, fit
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.tokens import is_token

__all__ = [
    "OWN_POLICY",
    "AttachedPolicy",
    "acknowledge",
    "allow",
    "arn_of",
    "arn_with_path",
    "attach",
    "known_as",
    "makes_roles",
    "node_of",
    "path_of",
    "place_below",
    "place_of",
    "reports_roles",
    "resource",
    "role",
    "stack_of",
    "tree_of",
    "trust",
]

_ROLE = "AWS::IAM::Role"
#: Why a role has an inline policy.
OWN_POLICY = "The policy names what one job needs, belongs to this role alone and goes with it."
_stacks: WeakKeyDictionary[Construct, Stack] = WeakKeyDictionary()
_places: WeakKeyDictionary[Stack, Place] = WeakKeyDictionary()
_trees: WeakKeyDictionary[Stack, tuple[IConstruct, str]] = WeakKeyDictionary()
_nodes: WeakKeyDictionary[Construct, Node] = WeakKeyDictionary()
_paths: WeakKeyDictionary[Construct, str] = WeakKeyDictionary()
_parents: WeakKeyDictionary[Construct, Construct] = WeakKeyDictionary()
#: What must be kept of roles.
_kept: WeakKeyDictionary[TypedResource, KeptRole] = WeakKeyDictionary()


class AttachedPolicy(NamedTuple):
    """A managed policy that roles are attached to.

    Attributes:
        arn: Its ARN.
        statements: What it allows.
    """

    arn: str
    statements: Sequence[Statement]


def resource(
    scope: Construct, construct_id: str, kind: str, properties: dict[str, Any], *, is_default_child: bool = False
) -> TypedResource:
    """A CloudFormation resource of type ``kind``; see :func:`~cdk_processing.constructs.typed.typed_resource`."""
    checks_of(stack_of(scope)).resources.append((kind, properties))
    return typed_resource(scope, construct_id, kind, properties, is_default_child=is_default_child)


def role(
    scope: Construct,
    construct_id: str,
    *,
    services: Sequence[str],
    statements: Sequence[Statement],
    description: str,
    standards: RoleStandards,
    trust_policy: dict[str, Any] | None = None,
    attached: Sequence[AttachedPolicy] = (),
) -> TypedResource:
    """A role for AWS services, with the reasons for its wildcards acknowledged.

    Every role of this library is made here.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        services: Who may assume the role.
        statements: What it allows; inline, as far as no attached policy allows it.
        description: What it is for.
        standards: What it has in common with the other roles of the platform.
        trust_policy: Its trust policy; left out, the services may assume it for this account alone.
        attached: The policies that it is attached to; none where the CDK makes no roles.
    """
    path = f"{path_of(scope)}/{construct_id}"
    trusted = trust_policy or service_trust(services, account_token())
    properties = {
        **standards.properties(path),
        "AssumeRolePolicyDocument": trusted,
        "Description": fit(description, ROLE_DESCRIPTION),
        "Policies": _own_policies(statements, attached),
        **({"ManagedPolicyArns": [each.arn for each in attached]} if attached else {}),
    }
    checks = checks_of(stack_of(scope))
    if reports_roles(scope):
        made: TypedResource = _reported(scope, construct_id, trusted, properties, statements)
        if isinstance(made, ReportedRole) and not made.is_made:
            return made
    else:
        made = resource(scope, construct_id, _ROLE, properties)
    checks.statements[made] = _inline(statements, attached)
    acknowledge(made, scope, OWN_POLICY, *of_packs("IAMNoInlinePolicy"))
    kept = KeptRole(services, _sids(checks.statements[made]), [each.arn for each in attached])
    checks.kept[path] = _kept[made] = kept
    if standards.role_name_prefix is not None:
        given = made.read("RoleName")
        checks.late.append(lambda: _name_by_path(made, stack_of(scope), path, standards, given))
    return made


def _reported(
    scope: Construct,
    construct_id: str,
    trust: dict[str, Any],
    properties: dict[str, Any],
    statements: Sequence[Statement],
) -> ReportedRole:
    """A role in the CDK's report, with the logical id that it has without one: a report makes no role anew."""
    stack, usual = stack_of(scope), typed_resource(scope, construct_id, _ROLE, properties)
    logical_id = stack.get_logical_id(usual)
    scope.node.try_remove_child(construct_id)
    reported = ReportedRole.report(scope, construct_id, logical_id, trust, properties)
    reported.allow(statements)
    return reported


def reports_roles(scope: Construct) -> bool:
    """Whether the app has called ``iam.Role.customize_roles`` for a construct's roles."""
    # A construct takes context only until it has its first child. So all jobs side by side have the same.
    return customizes_roles(_parents.get(scope, scope))


def makes_roles(scope: Construct) -> bool:
    """Whether a construct's roles are made, and not only reported."""
    return not prevents_roles(_parents.get(scope, scope))


def _name_by_path(made: TypedResource, stack: Stack, path: str, standards: RoleStandards, given: str) -> list[str]:
    """Give a role another name where an aspect has given it another path: CloudFormation makes it anew."""
    now = stack.resolve(made.read("Path"))
    if now != stack.resolve(standards.role_path) and made.read("RoleName") == given:
        made.write("RoleName", standards.name(path, now if now is None else str(now)))
    return []


def _own_policies(statements: Sequence[Statement], attached: Sequence[AttachedPolicy]) -> list[dict[str, Any]]:
    """The one inline policy of a role."""
    document = filled_in(with_split_lists(policy_document(_inline(statements, attached))))
    return [{"PolicyName": "LeastPrivilege", "PolicyDocument": document}]


def _inline(statements: Sequence[Statement], attached: Sequence[AttachedPolicy]) -> list[Statement]:
    return [each for each in statements if not any(each in policy.statements for policy in attached)]


def allow(
    made: TypedResource, scope: Construct, statements: Sequence[Statement], attached: Sequence[AttachedPolicy] = ()
) -> None:
    """Write a role's statements again, and attach it to more policies."""
    if isinstance(made, ReportedRole):
        made.allow(statements)
        if not made.is_made:
            return
    inline = _inline(statements, attached)
    _kept[made].sids = _sids(inline)
    made.write("Policies", _own_policies(statements, attached))
    for policy in attached:
        _attach(made, policy.arn)
    checks_of(stack_of(scope)).statements[made] = inline


def attach(made: TypedResource, policy_arn: str) -> None:
    """Attach a role to a managed policy, beside those that it is attached to."""
    if isinstance(made, ReportedRole):
        made.report_policy(policy_arn)
    _attach(made, policy_arn)


def _attach(made: TypedResource, policy_arn: str) -> None:
    attached = made.read("ManagedPolicyArns") or []
    if policy_arn not in attached:
        made.write("ManagedPolicyArns", [*attached, policy_arn])
        if made in _kept:
            _kept[made].attached.append(policy_arn)


def _sids(statements: Sequence[Statement]) -> list[str]:
    return [each.sid for each in statements]


def trust(made: TypedResource, services: Sequence[str]) -> None:
    """Let other services assume a role."""
    made.write("AssumeRolePolicyDocument", service_trust(services, account_token()))
    if made in _kept:
        _kept[made].services = services


def acknowledge(made: IConstruct, scope: Construct, reason: str, *rules: str) -> None:
    """Say why rules do not apply to a resource.

    cdk-nag learns it at the end of synth, if the app uses it; checkov reads it in the template.

    Args:
        made: The resource, or for rules of cdk-nag a construct that has it below itself.
        scope: A construct in its stack.
        reason: Why they do not apply.
        rules: Their ids.
    """
    known, added = checks_of(stack_of(scope)).rules, [Acknowledged(made, rule, reason) for rule in rules]
    known += added
    if any(each.is_for_checkov for each in added):
        assert isinstance(made, CfnResource)  # checkov reads templates
        write_checkov_skips(made, [each for each in known if each.made is made])


def arn_of(created: CfnResource) -> str:
    """A resource's ARN, to be put into another resource."""
    if isinstance(created, TypedResource):
        return created.attribute("Arn")
    return created.get_att("Arn").to_string()


def arn_with_path(made: TypedResource, scope: Construct) -> str:
    """A role's ARN in which the CDK finds the role's name, whatever path an aspect gives the role.

    ``Role.from_role_arn`` takes what follows the first slash of an ARN for the name, and of the token of an ARN that it
    cannot read, that is the path.
    """
    account = place_of(stack_of(scope)).account
    folder = Lazy.uncached_string(_RoleFolder(made))
    return f"arn:{partition_token()}:iam::{account}:role{folder}/{made.attribute('ref')}"


@jsii.implements(IStringProducer)
class _RoleFolder:
    """A role's path without the slash at its end, as it is when the CDK asks for it."""

    def __init__(self, made: TypedResource) -> None:
        self._made = made

    def produce(self, context: object) -> str:
        """The text."""
        del context
        path = self._made.read("Path")
        if not isinstance(path, str):
            return ""
        if not is_token(path):
            return path.rstrip("/")
        # CloudFormation can take the slash from the end only together with what follows it.
        return Fn.select(0, Fn.split("/|", f"{path}|"))


def place_of(stack: Stack) -> Place:
    """Partition, region and account of a stack, as literals where the stack knows them; fetched from Node once."""
    if stack not in _places:
        _places[stack] = Place(partition_token(), stack.region, stack.account)
    return _places[stack]


def tree_of(stack: Stack) -> tuple[IConstruct, str]:
    """The root of a stack's tree, and the path of its stage, "" where it has none; fetched from Node once."""
    if stack not in _trees:
        stage = Stage.of(stack)
        _trees[stack] = (stack.node.root, "" if stage is None else stage.node.path)
    return _trees[stack]


def stack_of(scope: Construct) -> Stack:
    """A construct's stack, fetched from Node once."""
    if isinstance(scope, Stack):
        return scope
    if scope not in _stacks:
        try:
            _stacks[scope] = Stack.of(scope)
        except RuntimeError as error:  # jsii's: there is none
            fix = "make a Stack(app, 'Name') and pass it as scope"
            path = path_of(scope) or "the app"  # an app has no path
            raise DeclarationError(path, [Problem("scope", path, "in a Stack", fix)]) from error
    return _stacks[scope]


def place_below(scope: Construct, parent: Construct, construct_id: str) -> None:
    """Note where a new construct is in the tree, so that Node need not be asked for its stack and its path."""
    _parents[scope], _stacks[scope] = parent, stack_of(parent)
    # constructs writes so what would separate two ids: https://github.com/aws/constructs/blob/10.x/src/construct.ts
    own, above = construct_id.replace("/", "--"), path_of(parent)
    _paths[scope] = f"{above}/{own}" if above else own


def known_as(scope: Construct) -> str:
    """The path by which a job or platform is known outside of this app: as a tag takes it."""
    return fit(path_of(scope), TAG_VALUE)


def node_of(scope: Construct) -> Node:
    """A construct's node, fetched from Node.js once."""
    if scope not in _nodes:
        _nodes[scope] = scope.node
    return _nodes[scope]


def path_of(scope: Construct) -> str:
    """A construct's path, fetched from Node once."""
    if scope not in _paths:
        _paths[scope] = node_of(scope).path
    return _paths[scope]
