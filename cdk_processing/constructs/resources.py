"""CloudFormation resources as plain dicts: one call into CDK's Node process for each.

Chaining L2 objects costs several times as much, because every call crosses to Node (``make bench`` measures it). What
users hold is L2 all the same: see the properties of :class:`~cdk_processing.constructs.job.ProcessingJob`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk import Aws, CfnResource, Stack
from constructs import Construct

from cdk_processing.access.statement import Place, Statement, acknowledgements, policy_document, service_trust

__all__ = ["acknowledge", "arn_of", "path_of", "place_of", "resource", "role", "stack_of"]

_stacks: WeakKeyDictionary[Construct, Stack] = WeakKeyDictionary()
_places: WeakKeyDictionary[Stack, Place] = WeakKeyDictionary()
_paths: WeakKeyDictionary[Construct, str] = WeakKeyDictionary()


def resource(
    scope: Construct, construct_id: str, kind: str, properties: dict[str, Any], metadata: dict[str, Any] | None = None
) -> CfnResource:
    """A CloudFormation resource of type ``kind``; properties are as in a template, tokens welcome."""
    created = CfnResource(scope, construct_id, type=kind, properties=properties)
    for key, value in (metadata or {}).items():
        created.add_metadata(key, value)
    return created


def role(
    scope: Construct,
    construct_id: str,
    *,
    services: Sequence[str],
    statements: Sequence[Statement],
    description: str,
) -> CfnResource:
    """A role for AWS services, with its statements inline and the reasons for its wildcards beside them."""
    properties = {
        "AssumeRolePolicyDocument": service_trust(services, account_token()),
        "Description": description[:1000],
        "Policies": [{"PolicyName": "LeastPrivilege", "PolicyDocument": policy_document(statements)}],
    }
    return resource(scope, construct_id, "AWS::IAM::Role", properties, acknowledgements(statements))


def acknowledge(rule: str, reason: str) -> dict[str, Any]:
    """Metadata that tells cdk-nag why a rule does not apply to a resource."""
    return {"cdk_nag": {"rules_to_suppress": [{"id": rule, "reason": reason}]}}


def arn_of(created: CfnResource) -> dict[str, Any]:
    """A resource's ARN, to be put into another resource of the same stack."""
    return {"Fn::GetAtt": [created.logical_id, "Arn"]}


def place_of(stack: Stack) -> Place:
    """Partition, region and account of a stack, as literals where the stack knows them; fetched from Node once."""
    if stack not in _places:
        _places[stack] = Place(partition_token(), stack.region, stack.account)
    return _places[stack]


def stack_of(scope: Construct) -> Stack:
    """A construct's stack, fetched from Node once."""
    if isinstance(scope, Stack):
        return scope
    if scope not in _stacks:
        _stacks[scope] = Stack.of(scope)
    return _stacks[scope]


def path_of(scope: Construct) -> str:
    """A construct's path, fetched from Node once."""
    if scope not in _paths:
        _paths[scope] = scope.node.path
    return _paths[scope]


@cache
def partition_token() -> str:
    """``AWS::Partition``, fetched from Node once."""
    return Aws.PARTITION


@cache
def account_token() -> str:
    """``AWS::AccountId``, fetched from Node once."""
    return Aws.ACCOUNT_ID


@cache
def region_token() -> str:
    """``AWS::Region``, fetched from Node once."""
    return Aws.REGION


@cache
def url_suffix_token() -> str:
    """``AWS::URLSuffix``, fetched from Node once."""
    return Aws.URL_SUFFIX
