"""CloudFormation's pseudo parameters as CDK tokens, each fetched from Node once."""

from __future__ import annotations

import re
from functools import cache

from aws_cdk import Aws

from cdk_processing.errors import Problem

__all__ = [
    "account_token",
    "no_value_problems",
    "partition_token",
    "pseudo_parameters",
    "region_token",
    "stack_name_token",
    "url_suffix_token",
    "with_tokens",
]

#: How the CDK writes the token of Aws.NO_VALUE.
_NO_VALUE = "${Token[AWS.NoValue."
_NAMED = re.compile(r"\$\{([^}]*)\}")


@cache
def partition_token() -> str:
    """``AWS::Partition``."""
    return Aws.PARTITION


@cache
def account_token() -> str:
    """``AWS::AccountId``."""
    return Aws.ACCOUNT_ID


@cache
def region_token() -> str:
    """``AWS::Region``."""
    return Aws.REGION


@cache
def stack_name_token() -> str:
    """``AWS::StackName``."""
    return Aws.STACK_NAME


@cache
def url_suffix_token() -> str:
    """``AWS::URLSuffix``."""
    return Aws.URL_SUFFIX


@cache
def pseudo_parameters() -> dict[str, str]:
    """The names by their tokens."""
    return {
        partition_token(): "AWS::Partition",
        region_token(): "AWS::Region",
        account_token(): "AWS::AccountId",
        url_suffix_token(): "AWS::URLSuffix",
    }


def no_value_problems(text: str) -> list[Problem]:
    """``AWS::NoValue`` within a definition: CloudFormation leaves out properties by it, and no part of a text."""
    if _NO_VALUE not in text:
        return []
    allowed = "a text: CloudFormation can leave out a property, and no part of a state machine's definition"
    fix = "leave the value out of the declaration, as in arguments=[...] if needed else None"
    return [Problem("Aws.NO_VALUE", "AWS::NoValue", allowed, fix)]


def with_tokens(body: str) -> str | None:
    """The text of an ``Fn::Sub`` with tokens in it; None where it names something else than these parameters."""
    tokens = {name: token for token, name in pseudo_parameters().items()}
    if any(name not in tokens for name in _NAMED.findall(body)):
        return None
    return _NAMED.sub(lambda match: tokens[match[1]], body)
