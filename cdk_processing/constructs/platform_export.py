"""Writes what other stacks need of a platform to SSM parameters, which ``contract.platform_parameters`` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from constructs import Construct

from cdk_processing.constructs.resources import resource
from cdk_processing.contract.platform_parameters import LISTS, NONE, PlatformValue, parameter_name

__all__ = ["construct_id_of", "export_platform"]


def export_platform(platform: Construct, name: str, values: Mapping[PlatformValue, str | list[str] | None]) -> None:
    """Write the parameters.

    Args:
        platform: The platform.
        name: Its name.
        values: All values; None for one that the platform does not have.
    """
    scope = Construct(platform, "Parameters")
    for value in PlatformValue:
        properties = {
            "Name": parameter_name(name, value),
            "Type": "StringList" if value in LISTS else "String",
            "Value": _text(values[value]),
            "Description": f"Of the processing platform {name}; read by the stacks that use it",
        }
        resource(scope, construct_id_of(value), "AWS::SSM::Parameter", properties)


def construct_id_of(value: PlatformValue) -> str:
    """``dead-letter-queue-arn`` as ``DeadLetterQueueArn``."""
    return "".join(word.capitalize() for word in value.value.split("-"))


def _text(value: str | list[str] | None) -> Any:
    if not value:
        return NONE
    return {"Fn::Join": [",", value]} if isinstance(value, list) else value
