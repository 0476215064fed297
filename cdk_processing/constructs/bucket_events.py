"""Makes a watched bucket send its events to EventBridge. It decides how when the whole app is known.

A bucket of this app gets one L1 property. A bucket with notifications, from ``add_event_notification`` or another
construct, gets the CDK's own way instead: a custom resource writes the bucket's whole configuration at deployment. It
would turn off what the property has turned on. It is not deleted with the last notification: the property, which comes
back then, replaces what the custom resource has written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, CfnResource, Stack, Stage
from constructs import Construct

from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.resources import stack_of
from cdk_processing.request.location import S3Location

__all__ = ["send_events"]

_PROPERTY = "NotificationConfiguration.EventBridgeConfiguration"
_WARNING = "cdk-processing:imported-bucket"
_OTHERS = "cdk-processing:notifications-added-elsewhere"
#: Id of the function that the CDK makes in a stack with notifications.
_HANDLER = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"
_sending: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
_made: WeakKeyDictionary[Any, CfnResource | None] = WeakKeyDictionary()


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
        late.append(lambda: _choose_way(bucket, made_here, job))
        _sending[bucket] = True


def _choose_way(bucket: Any, made: CfnResource, job: Construct) -> list[str]:
    """Turn on the events of a bucket of this app."""
    if _custom_resource(bucket) is not None:
        bucket.enable_event_bridge_notification()
        made.add_property_deletion_override(_PROPERTY)
        # When it is deleted, it turns everything off, and so the events that the property has just turned on.
        _custom_resource(bucket).add_override("DeletionPolicy", "Retain")
    else:
        made.add_property_override(f"{_PROPERTY}.EventBridgeEnabled", True)
        for other in _others_that_notify(bucket, made):
            _warn_of_others(job, bucket.node.path, other)
    return []


def _use_notifications_or_warn(bucket: Any, job: Construct) -> list[str]:
    """Use the notifications that the app adds to another app's bucket; warn if it adds none."""
    if _custom_resource(bucket) is not None:
        bucket.enable_event_bridge_notification()
    else:
        _warn(job, bucket.node.path)
    return []


def _made_here(bucket: Any) -> CfnResource | None:
    """The resource of a bucket of this app; None for an imported one. Asked of Node once a bucket."""
    if bucket not in _made:
        child = bucket.node.default_child
        is_bucket = isinstance(child, CfnResource) and child.cfn_resource_type == "AWS::S3::Bucket"
        _made[bucket] = child if is_bucket else None
    return _made[bucket]


def _custom_resource(bucket: Any) -> Any:
    """The CDK's custom resource that writes the bucket's notifications; the first notification creates it."""
    own = bucket.node.try_find_child("Notifications")
    return None if own is None else own.node.try_find_child("Resource")


def _others_that_notify(bucket: Any, made: CfnResource) -> list[str]:
    """Paths at which the app imports a bucket of its own by name and adds notifications to it."""
    names = {bucket.bucket_name, getattr(made, "bucket_name", None)}
    own = bucket.node.path
    return [
        each.node.path
        for stack in _stacks_below(bucket.node.root)
        if stack.node.try_find_child(_HANDLER) is not None  # otherwise nothing in the stack has notifications
        for each in stack.node.find_all()
        if getattr(each, "bucket_name", "") in names and _custom_resource(each) is not None and each.node.path != own
    ]


def _stacks_below(scope: Any) -> Iterator[Any]:
    for child in scope.node.children:
        if isinstance(child, Stack):
            yield child
        elif isinstance(child, Stage):
            yield from _stacks_below(child)


def _warn_of_others(job: Construct, bucket: str, other: str) -> None:
    Annotations.of(job).add_warning_v2(
        _OTHERS,
        f"{other} adds notifications to the bucket {bucket}, which launches this job. CloudFormation writes all "
        "notifications of a bucket at once: when it turns on the events of a bucket that has those already, they are "
        "gone, without an error. Add them to the bucket construct itself. Or see after the first deployment of this "
        "job that they are there, and deploy them again with a change if they are not; then write "
        f'Annotations.of(job).acknowledge_warning("{_OTHERS}").',
    )


def _warn(job: Construct, name: str) -> None:
    Annotations.of(job).add_warning_v2(
        _WARNING,
        f"this app did not make the bucket {name}. Arrivals launch nothing while the bucket does not send its events "
        "to EventBridge. Call bucket.enable_event_bridge_notification() on the imported bucket; that adds a Lambda "
        "function. Or turn the events on by hand: aws s3api put-bucket-notification-configuration --bucket NAME "
        "--notification-configuration '{\"EventBridgeConfiguration\": {}}'. That replaces the bucket's other "
        f'notifications, so name those too. Then write Annotations.of(job).acknowledge_warning("{_WARNING}").',
    )
