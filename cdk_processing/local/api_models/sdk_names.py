"""Names of services and operations in Step Functions and EventBridge Scheduler: ``aws-sdk:sfn:describeExecution``."""

from __future__ import annotations

from typing import Any

__all__ = ["find_operation", "service_name"]


# Step Functions names services after the Java SDK, v2.
_SERVICES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs", "cloudwatchevents": "events"}


def service_name(sdk_name: str) -> str:
    """Botocore's name of the service."""
    return _SERVICES.get(sdk_name.lower(), sdk_name.lower())


def find_operation(client: Any, action: str) -> str:
    """The operation for an action in camelCase.

    Raises:
        LookupError: The service has no operation of that name.
    """
    for operation in client.meta.service_model.operation_names:
        if operation.lower() == action.lower():
            return str(operation)
    raise LookupError(f"{client.meta.service_model.service_name} has no {action}")
