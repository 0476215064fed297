"""Makes a watched bucket send its events to EventBridge. It decides how when the whole app is known.

A bucket of this app gets one L1 property. A bucket with notifications, from ``add_event_notification`` or another
construct, gets the CDK's own way instead: a custom resource writes the bucket's whole configuration at deployment. It
would turn off what the property has turned on.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, CfnResource
from constructs import Construct

from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.resources import stack_of
from cdk_processing.request.location import S3Location

__all__ = ["send_events"]

_PROPERTY = "NotificationConfiguration.EventBridgeConfiguration"
_WARNING = "cdk-processing:imported-bucket"
_sending: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def send_events(location: S3Location, job: Construct) -> None:
    """Make a bucket send the events of its objects to EventBridge.

    ``Bucket(event_bridge_enabled=True)`` adds a Lambda function, a role and a custom resource, and overflows at about
    80 buckets (https://github.com/aws/aws-cdk/issues/38041).
    """
    bucket: Any = location.bucket
    if isinstance(bucket, str):
        _warn(job, bucket)
        return
    late = checks_of(stack_of(job)).late
    made_here = _made_here(bucket)
    if made_here is None:
        late.append(lambda: _use_notifications_or_warn(bucket, job))
    elif bucket not in _sending:
        # Aspects may change the bucket, or add notifications.
        late.append(lambda: _choose_way(bucket, made_here))
        _sending[bucket] = True


def _choose_way(bucket: Any, made: CfnResource) -> list[str]:
    """Turn on the events of a bucket of this app."""
    if _has_notifications(bucket):
        bucket.enable_event_bridge_notification()
        made.add_property_deletion_override(_PROPERTY)
    else:
        made.add_property_override(f"{_PROPERTY}.EventBridgeEnabled", True)
    return []


def _use_notifications_or_warn(bucket: Any, job: Construct) -> list[str]:
    """Use the notifications that the app adds to another app's bucket; warn if it adds none."""
    if _has_notifications(bucket):
        bucket.enable_event_bridge_notification()
    else:
        _warn(job, bucket.node.path)
    return []


def _made_here(bucket: Any) -> CfnResource | None:
    child = bucket.node.default_child
    return child if isinstance(child, CfnResource) and child.cfn_resource_type == "AWS::S3::Bucket" else None


def _has_notifications(bucket: Any) -> bool:
    """Whether the CDK's custom resource writes the bucket's notifications; the first notification creates it."""
    own = bucket.node.try_find_child("Notifications")
    return own is not None and own.node.try_find_child("Resource") is not None


def _warn(job: Construct, name: str) -> None:
    Annotations.of(job).add_warning_v2(
        _WARNING,
        f"this app did not make the bucket {name}. Arrivals launch nothing while the bucket does not send its events "
        "to EventBridge. Call bucket.enable_event_bridge_notification() on the imported bucket; that adds a Lambda "
        "function. Or turn the events on by hand: aws s3api put-bucket-notification-configuration --bucket NAME "
        "--notification-configuration '{\"EventBridgeConfiguration\": {}}'. That replaces the bucket's other "
        f'notifications, so name those too. Then write Annotations.of(job).acknowledge_warning("{_WARNING}").',
    )
