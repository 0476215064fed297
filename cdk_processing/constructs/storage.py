"""What a job must know of the buckets it touches, asked of CDK once a bucket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import CfnResource, Stack
from constructs import Construct

from cdk_processing.access.execution import BucketAccess
from cdk_processing.constructs.keys import permitted_key
from cdk_processing.constructs.pseudo_parameters import partition_token
from cdk_processing.request.datasets import AthenaDatasetDefinition, RedshiftDatasetDefinition
from cdk_processing.request.keys import key_name
from cdk_processing.request.location import S3Location
from cdk_processing.request.tokens import is_token

__all__ = ["bucket_access", "is_encrypted_with_a_key", "known_name", "result_access", "shown"]


class _Bucket(NamedTuple):
    arn: str
    key_arn: str | None


_known: WeakKeyDictionary[Any, _Bucket] = WeakKeyDictionary()
_names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def bucket_access(location: S3Location) -> BucketAccess:
    """A location as what a role is to be allowed on: the part of its key that is known before a run."""
    bucket = _bucket(location)
    return BucketAccess(bucket.arn, location.fixed_key, key_arn=bucket.key_arn)


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


def result_access(query: AthenaDatasetDefinition | RedshiftDatasetDefinition, scope: Construct) -> list[BucketAccess]:
    """Where a query's result lies: once with its bucket's key, and once with the query's own, if it has one."""
    assert query.location is not None  # validated before
    result = bucket_access(query.location)
    own = permitted_key(query.kms_key_id, scope)
    return [result] if own is None else [result, replace(result, key_arn=own)]


def known_name(location: S3Location) -> str:
    """A bucket's name; that which the app gives it, where the CDK has a token for it. Asked of CDK once a bucket."""
    bucket, name = location.bucket, location.bucket_name
    if isinstance(bucket, str) or not is_token(name):
        return name
    if bucket not in _names:
        given = getattr(bucket.node.default_child, "bucket_name", None)
        _names[bucket] = given if isinstance(given, str) and not is_token(given) else name
    return _names[bucket]


def shown(location: S3Location) -> str:
    """A location as people know it: a bucket whose name is a token is called by its construct's path."""
    bucket = location.bucket
    if isinstance(bucket, str) or not is_token(location.bucket_name):
        return location.uri
    return f"s3://<{bucket.node.path}>/{location.key}"


def _bucket(location: S3Location) -> _Bucket:
    bucket = location.bucket
    if isinstance(bucket, str):
        return _Bucket(f"arn:{partition_token()}:s3:::{bucket}", None)
    if bucket not in _known:
        _known[bucket] = _Bucket(bucket.bucket_arn, key_name(bucket.encryption_key))
    return _known[bucket]
