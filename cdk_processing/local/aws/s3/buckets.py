"""Buckets for CloudFormation and other services: encryption keys, tags, notifications, and emptying a bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from cdk_processing.local.aws.kms.keys import key_arn
from cdk_processing.local.ministack import internal, scope

__all__ = [
    "bucket_key",
    "empty",
    "keep_encryption",
    "keep_tags",
    "notifications_of",
    "object_key",
    "set_notifications",
    "with_default_key",
]

_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"

#: HTTP statuses from this one on are errors.
_REFUSED = 300


def bucket_key(bucket: str) -> str | None:
    """ARN of the customer managed key that a bucket encrypts with by default, if any."""
    headers = internal("ministack.services.s3", "_bucket_default_sse_headers")(bucket)
    return key_arn(headers.get(_KEY_HEADER))


def object_key(bucket: str, key: str) -> str | None:
    """ARN of the customer managed key that an object is encrypted with, if any."""
    held = (internal("ministack.services.s3", "_buckets").get(bucket) or {"objects": {}})["objects"].get(key) or {}
    return key_arn(held.get("preserved_headers", {}).get(_KEY_HEADER))


def with_default_key(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Use the account's key ``aws/s3`` if a request asks for ``aws:kms`` and names no key, as S3 does."""

    def resolve_sse_write_headers(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get("x-amz-server-side-encryption") == "aws:kms" and not headers.get(_KEY_HEADER):
            account, region = scope()
            headers = {**headers, _KEY_HEADER: f"arn:aws:kms:{region}:{account}:alias/aws/s3"}
        return resolve(headers, bucket)

    return resolve_sse_write_headers


def keep_encryption(bucket: str, properties: Mapping[str, Any]) -> None:
    """Give a bucket the key from its template, which MiniStack's CloudFormation ignores."""
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or []
    defaults = [rule.get("ServerSideEncryptionByDefault") or {} for rule in rules]
    # With the AWS managed key (no id, or its alias), the caller needs no permission.
    if not any(default.get("KMSMasterKeyID") for default in defaults):
        return
    root = Element("ServerSideEncryptionConfiguration", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
    for default in defaults:
        by_default = SubElement(SubElement(root, "Rule"), "ApplyServerSideEncryptionByDefault")
        for name in ("SSEAlgorithm", "KMSMasterKeyID"):
            if name in default:
                SubElement(by_default, name).text = str(default[name])
    internal("ministack.services.s3", "_put_bucket_encryption")(bucket, tostring(root))


def keep_tags(bucket: str, properties: Mapping[str, Any]) -> None:
    """Give a bucket the tags from its template, which MiniStack's CloudFormation ignores."""
    tags = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in properties.get("Tags") or []}
    if tags:
        internal("ministack.services.s3", "_bucket_tags")[bucket] = tags
    else:
        internal("ministack.services.s3", "_bucket_tags").pop(bucket, None)


def set_notifications(bucket: str, configuration: Mapping[str, Any], *, unchecked: bool = False) -> None:
    """Replace a bucket's notification configuration.

    Args:
        bucket: The bucket's name.
        configuration: The configuration, in the format of S3's API.
        unchecked: Whether S3 skips the check that the destinations accept notifications.
    """
    from botocore.serialize import create_serializer

    given = {"Bucket": bucket, "NotificationConfiguration": dict(configuration)}
    operation = _operation("PutBucketNotificationConfiguration")
    body = create_serializer("rest-xml").serialize_to_request(given, operation)["body"]
    headers = {"x-amz-skip-destination-validation": "true"} if unchecked else {}
    _answered(internal("ministack.services.s3", "_put_bucket_notification")(bucket, body, headers))


def notifications_of(bucket: str) -> dict[str, Any]:
    """The notification configuration of a bucket, in the format of S3's API."""
    from botocore.parsers import create_parser

    body = _answered(internal("ministack.services.s3", "_get_bucket_notification")(bucket))
    answer: dict[str, Any] = {
        "status_code": 200,
        "headers": {},
        "body": body if isinstance(body, bytes) else body.encode(),
    }
    operation = _operation("GetBucketNotificationConfiguration")
    parsed: dict[str, Any] = create_parser("rest-xml").parse(answer, operation.output_shape)
    return {name: value for name, value in parsed.items() if name != "ResponseMetadata"}


def _operation(name: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("s3").operation_model(name)


def _answered(answer: tuple[int, Any, Any]) -> Any:
    """The body of S3's response.

    Raises:
        ValueError: S3 returned an error.
    """
    status, _, body = answer
    if status >= _REFUSED:
        raise ValueError(body.decode(errors="replace") if isinstance(body, bytes) else str(body))
    return body


def empty(bucket: str) -> None:
    """Delete every object in a bucket, with all versions."""
    held = internal("ministack.services.s3", "_buckets").get(bucket)
    if held is None:
        return
    delete = internal("ministack.services.s3", "_delete_object")
    for key in list(held["objects"]):
        delete(bucket, key)
    versions = internal("ministack.services.s3", "_object_versions")
    for name, key in [each for each in versions if each[0] == bucket]:
        for version in list(versions.get((name, key), ())):
            delete(bucket, key, None, {"versionId": [str(version["version_id"] or "null")]})
