"""Services and operations as Step Functions and the scheduler name them: ``aws-sdk:sfn:describeExecution``."""

from __future__ import annotations

from typing import Any

__all__ = ["find_operation", "service_name"]


# Step Functions names services after the Java SDK, v2.
_SERVICES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs", "cloudwatchevents": "events"}


def service_name(sdk_name: str) -> str:
    """The service as botocore names it."""
    return _SERVICES.get(sdk_name.lower(), sdk_name.lower())


def find_operation(client: Any, action: str) -> str:
    """The operation of an action in camelCase.

    Raises:
        LookupError: The service has none of that name.
    """
    for operation in client.meta.service_model.operation_names:
        if operation.lower() == action.lower():
            return str(operation)
    raise LookupError(f"{client.meta.service_model.service_name} has no {action}")
