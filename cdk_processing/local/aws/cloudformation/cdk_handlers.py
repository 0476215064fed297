"""Custom resources of the CDK's own, without the Lambda functions that do their work in AWS.

A bucket with notifications of its own, or with ``auto_delete_objects=True``, brings such a resource and its function.
The function is recorded and never runs; what it would do is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["provide_cdk_handlers"]

#: What the logical ids of the CDK's functions begin with; they are the same in every app.
FUNCTIONS = (
    "BucketNotificationsHandler050a0587b7544547bf325f094a3db834",
    "CustomS3AutoDeleteObjectsCustomResourceProviderHandler",
)


def provide_cdk_handlers(
    set_notifications: Callable[[str, Mapping[str, Any]], None],
    empty: Callable[[str], None],
    refuse: Callable[..., Any],
) -> None:
    """Provision the CDK's custom resources for buckets, and record their functions.

    Args:
        set_notifications: Gives a bucket a notification configuration, in the words of S3's API.
        empty: Deletes all that a bucket holds.
        refuse: Refuses to make a function that is not the CDK's own.
    """

    def notify(logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, dict[str, Any]]:
        if str(properties.get("Managed", "true")).lower() != "true":
            raise ValueError(
                f"The embedded AWS does not add notifications to {properties['BucketName']}, a bucket that another "
                "stack made: declare them in the stack of the bucket"
            )
        set_notifications(properties["BucketName"], properties["NotificationConfiguration"])
        return logical_id, {}

    def renew(
        physical_id: str, _old: Mapping[str, Any], new: Mapping[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        return notify(physical_id, new, stack)

    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers["Custom::S3BucketNotifications"] = {
        "create": notify,
        "update": renew,
        "delete": lambda _physical_id, properties: set_notifications(properties["BucketName"], {}),
    }
    handlers["Custom::S3AutoDeleteObjects"] = {
        "create": lambda logical_id, _properties, _stack: (logical_id, {}),
        "update": lambda physical_id, _old, _new, _stack: (physical_id, {}),
        "delete": lambda _physical_id, properties: empty(properties["BucketName"]),
    }

    def record(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        if not logical_id.startswith(FUNCTIONS):
            return refuse(logical_id, properties, stack)
        return _recorded(logical_id, stack)

    handlers["AWS::Lambda::Function"] = {
        "create": record,
        "delete": lambda _physical_id, _properties: None,
    }


def _recorded(logical_id: str, stack: str) -> tuple[str, dict[str, Any]]:
    region, account = (internal("ministack.core.responses", name)() for name in ("get_region", "get_account_id"))
    name = f"{stack}-{logical_id}"[:64]
    return name, {"Arn": f"arn:aws:lambda:{region}:{account}:function:{name}"}
