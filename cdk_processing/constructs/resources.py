"""CloudFormation resources as plain dicts: one call into CDK's Node process for each.

Chaining L2 objects costs several times as much, because every call crosses to Node (``make bench`` measures it). What
users hold is L2 all the same: see the properties of :class:`~cdk_processing.constructs.job.ProcessingJob`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from aws_cdk import Aws, CfnResource, Stack
from constructs import Construct

from cdk_processing.access.statement import Place, Statement, acknowledgements, policy_document, service_trust

__all__ = ["arn_of", "place_of", "resource", "role"]


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


def arn_of(created: CfnResource) -> dict[str, Any]:
    """A resource's ARN, to be put into another resource of the same stack."""
    return {"Fn::GetAtt": [created.logical_id, "Arn"]}


def place_of(stack: Stack) -> Place:
    """Partition, region and account of a stack, as literals where the stack knows them."""
    return Place(partition_token(), stack.region, stack.account)


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
