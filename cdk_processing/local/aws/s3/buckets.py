"""Buckets, as CloudFormation sets them up and as other services see them: key, notifications, and emptying one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from cdk_processing.local.aws.kms.keys import key_arn
from cdk_processing.local.ministack import internal

__all__ = ["bucket_key", "empty", "keep_encryption", "set_notifications"]

#: HTTP statuses from here on refuse a call.
_REFUSED = 300


def bucket_key(bucket: str) -> str | None:
    """ARN of the customer managed key a bucket encrypts with by default, if any."""
    headers = internal("ministack.services.s3", "_bucket_default_sse_headers")(bucket)
    return key_arn(headers.get("x-amz-server-side-encryption-aws-kms-key-id"))


def keep_encryption(bucket: str, properties: Mapping[str, Any]) -> None:
    """Give a bucket the key that its template names, which MiniStack's CloudFormation passes over."""
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or []
    defaults = [rule.get("ServerSideEncryptionByDefault") or {} for rule in rules]
    # AWS's own key (no id, or its alias) needs no permission of the caller's.
    if not any(default.get("KMSMasterKeyID") for default in defaults):
        return
    root = Element("ServerSideEncryptionConfiguration", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
    for default in defaults:
        by_default = SubElement(SubElement(root, "Rule"), "ApplyServerSideEncryptionByDefault")
        for name in ("SSEAlgorithm", "KMSMasterKeyID"):
            if name in default:
                SubElement(by_default, name).text = str(default[name])
    internal("ministack.services.s3", "_put_bucket_encryption")(bucket, tostring(root))


def set_notifications(bucket: str, configuration: Mapping[str, Any]) -> None:
    """Give a bucket a whole notification configuration, in the words of S3's API."""
    import botocore.session
    from botocore.serialize import create_serializer

    s3 = botocore.session.get_session().get_service_model("s3")
    operation = s3.operation_model("PutBucketNotificationConfiguration")
    given = {"Bucket": bucket, "NotificationConfiguration": dict(configuration)}
    body = create_serializer("rest-xml").serialize_to_request(given, operation)["body"]
    status, _, answer = internal("ministack.services.s3", "_put_bucket_notification")(bucket, body, {})
    if status >= _REFUSED:
        raise ValueError(answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer))


def empty(bucket: str) -> None:
    """Delete every object of a bucket, with all its versions."""
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
