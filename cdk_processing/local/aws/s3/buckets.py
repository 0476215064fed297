"""Buckets: the key that one encrypts with, as CloudFormation sets it and as other services see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from cdk_processing.local.aws.kms.keys import key_arn
from cdk_processing.local.ministack import internal

__all__ = ["bucket_key", "keep_encryption"]


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
