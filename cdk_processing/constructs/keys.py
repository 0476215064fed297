"""KMS keys whose names hold CDK tokens: what permissions call them.

A request may name a key by its id or its alias, also where the CDK fills the name in: ``key.key_id``,
``alias.alias_name``. IAM takes neither: a policy needs the key's ARN, or the alias as text in a condition.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Tokenization
from constructs import Construct

from cdk_processing.constructs.resources import place_of, stack_of
from cdk_processing.request.keys import key_name
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import Key

__all__ = ["permitted_key"]


def permitted_key(key: Key | str | None, scope: Construct) -> str | None:
    """A key as permissions name it: its ARN, or else its id or its alias as text."""
    name = key_name(key)
    if not isinstance(key, str) or not is_token(key):
        return name
    # Of an ARN the last part is looked at; it tells whether the ARN is one of an alias.
    before, colon, last = key.rpartition(":")
    if not is_token(last):
        return name
    stack = stack_of(scope)
    known: Any = stack.resolve(last)
    if isinstance(known, str):
        return f"{before}{colon}{known}"
    if isinstance(known, dict) and "Ref" in known:
        target = _target(last)
        kind = getattr(target, "cfn_resource_type", None)
        if kind == "AWS::KMS::Alias":
            return f"{before}{colon}{stack.resolve(target.alias_name)}"
        if kind == "AWS::KMS::Key" and not before:
            return place_of(stack).arn("kms", f"key/{last}")
    return name


def _target(text: str) -> Any:
    """The resource that a text refers to, which is one token."""
    return getattr(Tokenization.reverse_string(text).tokens[0], "target", None)
