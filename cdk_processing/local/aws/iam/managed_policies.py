"""The policies that AWS manages: ``AmazonSageMakerFullAccess`` and more than a thousand others, as AWS publishes them.

MiniStack has only a few of them. Attaching a policy that does not exist fails, as in AWS. MiniStack alone would attach
it, and it would grant nothing.
"""

from __future__ import annotations

import functools
import json
import lzma
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["known", "refuse_unknown", "refuse_unknown_of_stack"]

_IAM = "ministack.services.iam"
_PREFIX = "arn:aws:iam::aws:policy/"


def known(look_up: Callable[[str], Any]) -> Callable[[str], Any]:
    """Also find the AWS managed policies that MiniStack lacks."""

    def lookup_policy(arn: str) -> Any:
        found = look_up(arn)
        if found is None and arn.startswith(_PREFIX):
            name = arn.removeprefix(_PREFIX)
            document = _documents().get(name)
            if document is not None:
                found = internal(_IAM, "_make_aws_managed_record")(name, json.dumps(document), "")
                internal(_IAM, "_aws_managed_policies")[arn] = found
        return found

    return lookup_policy


def refuse_unknown(attach: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Attach a policy only if its ARN exists."""

    def attach_policy(parameters: Mapping[str, Any]) -> Any:
        reason = _refusal(internal(_IAM, "_p")(parameters, "PolicyArn"))
        return internal(_IAM, "_error")(404, "NoSuchEntity", reason, ns="iam") if reason else attach(parameters)

    return attach_policy


def refuse_unknown_of_stack(attach: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Attach a policy to a role of a stack. If the policy does not exist, the stack fails."""

    def attach_managed_policy(role: Any, policy_arn: str) -> None:
        if reason := _refusal(policy_arn):
            raise ValueError(reason)
        attach(role, policy_arn)

    return attach_managed_policy


def _refusal(arn: str) -> str:
    return "" if internal(_IAM, "_policy_exists")(arn) else f"Policy {arn} does not exist or is not attachable."


@functools.cache
def _documents() -> dict[str, Any]:
    packed = files(__package__).joinpath("managed_policies.json.xz").read_bytes()
    documents: dict[str, Any] = json.loads(lzma.decompress(packed))
    return documents
