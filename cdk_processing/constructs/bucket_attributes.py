"""``s3://`` URIs made of an attribute of a bucket that is not its name, such as its ARN: no bucket has that name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from constructs import Construct

from cdk_processing.constructs.resources import stack_of
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.tokens import is_token

__all__ = ["bucket_attribute_problems"]


def bucket_attribute_problems(
    scope: Construct, request: ProcessingRequest | None, triggers: Sequence[Trigger]
) -> list[Problem]:
    """What is wrong with the buckets that a job names as text with a token.

    Args:
        scope: The job.
        request: What it runs; None where only triggers are judged.
        triggers: What launches it, each right by itself.
    """
    named: list[tuple[str, S3Location | None]] = []
    if request is not None:
        named += [(f"inputs[{index}].source", each.location) for index, each in enumerate(request.inputs)]
        named += [(f"outputs[{index}].destination", each.location) for index, each in enumerate(request.outputs)]
    for index, trigger in enumerate(triggers):
        named += [(f"triggers[{index}].{field}", location) for field, location in trigger.locations.items()]
    return [
        Problem(field, f"s3://<{attribute} of a bucket>/{location.key}", "made of a bucket's name", _fix(location))
        for field, location in named
        if location is not None and (attribute := _attribute(scope, location)) is not None
    ]


def _attribute(scope: Construct, location: S3Location) -> str | None:
    """The attribute of a resource that stands where the bucket's name belongs; None for anything else."""
    if not isinstance(location.bucket, str) or not is_token(location.bucket):
        return None
    resolved: Any = stack_of(scope).resolve(location.bucket)
    attribute = resolved.get("Fn::GetAtt") if isinstance(resolved, dict) else None
    return str(attribute[1]) if isinstance(attribute, list) and attribute[1] in _OF_BUCKETS else None


_OF_BUCKETS = ("Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL")


def _fix(location: S3Location) -> str:
    return f"write S3Location(bucket, {location.key!r}), or f's3://{{bucket.bucket_name}}/{location.key}'"
