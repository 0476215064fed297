"""The CDK's own custom resources, without the Lambda functions that handle them in AWS.

The CDK adds such a resource and its function for a bucket with notifications or ``auto_delete_objects=True``. The
embedded AWS records the function but never runs it. This module does the function's work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cdk_processing.local.aws.cloudformation.added_notifications import added, changed, removed
from cdk_processing.local.ministack import internal

__all__ = ["provide_cdk_handlers"]

#: Prefixes of the logical ids of the CDK's functions, the same in every app.
FUNCTIONS = (
    "BucketNotificationsHandler050a0587b7544547bf325f094a3db834",
    "CustomS3AutoDeleteObjectsCustomResourceProviderHandler",
)


class Buckets(Protocol):
    """The operations on S3 buckets that the custom resources need."""

    def set_notifications(self, bucket: str, configuration: Mapping[str, Any], *, unchecked: bool = False) -> None:
        """Replace a bucket's notification configuration, in the format of S3's API."""

    def notifications_of(self, bucket: str) -> dict[str, Any]:
        """The notification configuration of a bucket."""

    def empty(self, bucket: str) -> None:
        """Delete everything in a bucket."""


def provide_cdk_handlers(buckets: Buckets, refuse: Callable[..., Any]) -> None:
    """Provision the CDK's custom resources for buckets, and record their functions.

    Args:
        buckets: The buckets of S3.
        refuse: Refuses to create a function that is not one of the CDK's.
    """
    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    notifications = _Notifications(buckets)
    handlers["Custom::S3BucketNotifications"] = {
        "create": notifications.create,
        "update": notifications.update,
        "delete": notifications.delete,
    }
    handlers["Custom::S3AutoDeleteObjects"] = {
        "create": lambda logical_id, _properties, _stack: (logical_id, {}),
        "update": lambda physical_id, _old, _new, _stack: (physical_id, {}),
        "delete": lambda _physical_id, properties: buckets.empty(properties["BucketName"]),
    }

    def record(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        if not logical_id.startswith(FUNCTIONS):
            return refuse(logical_id, properties, stack)
        return _recorded(logical_id, stack)

    handlers["AWS::Lambda::Function"] = {
        "create": record,
        "delete": lambda _physical_id, _properties: None,
    }


class _Notifications:
    """Handles ``Custom::S3BucketNotifications`` as the CDK's function does.

    It writes the whole configuration of a bucket of the same stack. To an imported bucket, it adds notifications.
    """

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def create(self, logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        new = properties["NotificationConfiguration"]
        self._write(properties, new if _manages(properties) else added(self._existing(properties), new, stack))
        # In AWS the physical id is the logical id. Here it includes the stack: a deletion gets only this id.
        return f"{stack}/{logical_id}", {}

    def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        wanted = new["NotificationConfiguration"]
        if not _manages(new):
            wanted = changed(self._existing(new), old["NotificationConfiguration"], wanted, stack)
        self._write(new, wanted)
        return physical_id, {}

    def delete(self, physical_id: str, properties: Mapping[str, Any]) -> None:
        stack = physical_id.partition("/")[0]
        self._write(properties, {} if _manages(properties) else removed(self._existing(properties), stack))

    def _existing(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return self._buckets.notifications_of(properties["BucketName"])

    def _write(self, properties: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
        unchecked = str(properties.get("SkipDestinationValidation", "false")).lower() == "true"
        self._buckets.set_notifications(properties["BucketName"], configuration, unchecked=unchecked)


def _manages(properties: Mapping[str, Any]) -> bool:
    return str(properties.get("Managed", "true")).lower() == "true"


def _recorded(logical_id: str, stack: str) -> tuple[str, dict[str, Any]]:
    region, account = (internal("ministack.core.responses", name)() for name in ("get_region", "get_account_id"))
    name = f"{stack}-{logical_id}"[:64]
    return name, {"Arn": f"arn:aws:lambda:{region}:{account}:function:{name}"}
