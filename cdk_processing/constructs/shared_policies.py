"""Managed policies of a stack, for what the roles of all its jobs may do alike.

A template holds 1 MB, and written into each role these statements took a tenth of what a job adds to it. A role is
attached to a policy only if it needs all of the policy's statements, so it may do what it needs and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct

from cdk_processing.access.statement import Statement, policy_document
from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.platform_interface import IProcessingPlatform
from cdk_processing.constructs.resources import AttachedPolicy, makes_roles, path_of, resource, stack_of
from cdk_processing.constructs.substitution import filled_in
from cdk_processing.request.tokens import is_token

__all__ = ["name_of_text", "shared_policies"]

_SCOPE = "ProcessingPolicies"


class _OfPlatform(NamedTuple):
    """The policies in a stack for the jobs of one platform."""

    platform: IProcessingPlatform
    scope: Construct
    made: dict[str, AttachedPolicy]


_known: WeakKeyDictionary[Stack, list[_OfPlatform]] = WeakKeyDictionary()


def shared_policies(
    job: Construct, platform: IProcessingPlatform, construct_id: str, statements: Callable[[], Sequence[Statement]]
) -> list[AttachedPolicy]:
    """The policy of the job's stack for all jobs of a platform; the first job that needs it makes it.

    Where the CDK makes no roles there is none: whoever makes them finds all that each must allow in the report.

    Args:
        job: The job.
        platform: The job's platform.
        construct_id: Id of the policy.
        statements: Returns what it allows, the same for all jobs of the platform in the stack.
    """
    if not makes_roles(job):
        return []
    known = _of_platform(stack_of(job), platform)
    if construct_id not in known.made:
        known.made[construct_id] = _make(known, construct_id, statements())
    return [known.made[construct_id]]


def name_of_text(text: str) -> str | None:
    """A name for what a policy is about, the same at each synth; None if only the deployment knows the text.

    A policy of another content must have another id: it is attached to roles of jobs that run.
    """
    filled = filled_in(text)
    known = filled["Fn::Sub"] if isinstance(filled, dict) else text
    return None if is_token(known) else hashlib.sha256(known.encode()).hexdigest()[:8]


def _of_platform(stack: Stack, platform: IProcessingPlatform) -> _OfPlatform:
    found = _known.setdefault(stack, [])
    for each in found:
        if each.platform is platform:
            return each
    found.append(_OfPlatform(platform, _scope(stack, platform, len(found) + 1), {}))
    return found[-1]


def _scope(stack: Stack, platform: IProcessingPlatform, number: int) -> Construct:
    """Where the policies are made: in the platform if it is in the stack."""
    if isinstance(platform, Construct) and stack_of(platform) is stack:
        return platform
    return Construct(stack, f"{_SCOPE}{number if number > 1 else ''}")


def _make(known: _OfPlatform, construct_id: str, statements: Sequence[Statement]) -> AttachedPolicy:
    names = known.platform.role_standards.properties(f"{path_of(known.scope)}/{construct_id}")
    properties = {"PolicyDocument": filled_in(policy_document(statements))}
    for name, of_roles in (("Path", "Path"), ("ManagedPolicyName", "RoleName")):
        if of_roles in names:
            properties[name] = names[of_roles]
    made = resource(known.scope, construct_id, "AWS::IAM::ManagedPolicy", properties)
    checks_of(stack_of(known.scope)).statements[made] = statements
    return AttachedPolicy(made.attribute("ref"), statements)
