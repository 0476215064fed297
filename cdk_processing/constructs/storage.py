"""What a job must know of the buckets it touches, asked of CDK once a bucket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, CfnResource, Stack
from constructs import Construct, IConstruct

from cdk_processing.access.execution import BucketAccess
from cdk_processing.constructs.resources import partition_token
from cdk_processing.request.datasets import AthenaDatasetDefinition, RedshiftDatasetDefinition
from cdk_processing.request.keys import key_name
from cdk_processing.request.location import S3Location

__all__ = ["bucket_access", "is_encrypted_with_a_key", "result_access", "send_events"]


class _Bucket(NamedTuple):
    arn: str
    key_arn: str | None


_known: WeakKeyDictionary[Any, _Bucket] = WeakKeyDictionary()
_sending: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def bucket_access(location: S3Location, *, exact: bool = False) -> BucketAccess:
    """A location as what a role is to be allowed on: the part of its key that is known before a run."""
    bucket = _bucket(location)
    return BucketAccess(bucket.arn, location.fixed_key, exact, bucket.key_arn)


def is_encrypted_with_a_key(location: S3Location) -> bool:
    """Whether a bucket is known to encrypt with a KMS key, be it its own or AWS's."""
    if _bucket(location).key_arn is not None:
        return True
    bucket = location.bucket
    child = None if isinstance(bucket, str) else bucket.node.default_child
    if not isinstance(child, CfnResource):
        return False
    # What it encrypts with by default may be given as a struct, a dict or a token: resolved, it is the template's.
    properties = Stack.of(child).resolve(getattr(child, "bucket_encryption", None))
    return "aws:kms" in json.dumps(properties)


def result_access(query: AthenaDatasetDefinition | RedshiftDatasetDefinition) -> list[BucketAccess]:
    """Where a query's result lies: once with its bucket's key, and once with the query's own, if it has one."""
    assert query.location is not None  # validated before
    result = bucket_access(query.location)
    own = key_name(query.kms_key_id)
    return [result] if own is None else [result, replace(result, key_arn=own)]


def send_events(location: S3Location, job: Construct) -> None:
    """See to it that the bucket tells EventBridge of its objects.

    The L1 property does that; ``Bucket(event_bridge_enabled=True)`` would add a Lambda, a role and a custom resource,
    and overflows at about 80 buckets (https://github.com/aws/aws-cdk/issues/38041).
    """
    bucket = location.bucket
    if not isinstance(bucket, str) and bucket in _sending:
        return
    child = None if isinstance(bucket, str) else bucket.node.default_child
    if isinstance(child, CfnResource) and child.cfn_resource_type == "AWS::S3::Bucket":
        child.add_property_override("NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True)
    else:
        _ask_for_events(location, job)
    if not isinstance(bucket, str):
        _sending[bucket] = True


def _ask_for_events(location: S3Location, job: IConstruct) -> None:
    name = location.bucket if isinstance(location.bucket, str) else location.bucket.node.path
    Annotations.of(job).add_warning_v2(
        "cdk-processing:imported-bucket",
        f"bucket {name} is not made by this app, so its events cannot be turned on from here; where they are off, "
        "arrivals launch nothing. Turn them on once: aws s3api put-bucket-notification-configuration --bucket NAME "
        "--notification-configuration '{\"EventBridgeConfiguration\": {}}' (it replaces the bucket's other "
        "notifications; give those too), or call bucket.enable_event_bridge_notification().",
    )


def _bucket(location: S3Location) -> _Bucket:
    bucket = location.bucket
    if isinstance(bucket, str):
        return _Bucket(f"arn:{partition_token()}:s3:::{bucket}", None)
    if bucket not in _known:
        _known[bucket] = _Bucket(bucket.bucket_arn, key_name(bucket.encryption_key))
    return _known[bucket]
