"""Permissions on customer managed keys. To use a bucket, queue or table with such a key, a caller needs the key too.

MiniStack encrypts, but does not check whether the caller may use the key. A role without ``kms:Decrypt`` would work
here and fail in AWS.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.dynamodb.tables import table_key
from cdk_processing.local.aws.kms.keys import key_aliases, key_arn
from cdk_processing.local.aws.s3.buckets import bucket_key, object_key
from cdk_processing.local.aws.sqs.queues import queue_key

__all__ = ["enforce_key_too", "name_the_key"]

_EVALUATOR = "ministack.core.iam_evaluator"
_ACTIONS = "ministack.core.iam_actions"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_NEEDS = {
    **{
        f"dynamodb:{action}": ("kms:Decrypt",)
        for action in (
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "UpdateItem",
        )
    },
    "s3:GetObject": ("kms:Decrypt",),
    "s3:GetObjectVersion": ("kms:Decrypt",),
    "s3:PutObject": ("kms:GenerateDataKey",),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
}
_KEY_IN_REQUEST = "s3:x-amz-server-side-encryption-aws-kms-key-id"

# The denied action and key, if IAM denied the key and not the object or queue. The error message names the key.
_denied: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("denied_key", default=None)


def enforce_key_too(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """Also check the caller's permission on the key of a bucket, queue or table."""

    def enforce_both(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        _denied.set(None)
        denied = enforce(access_key, action, service, region, resource_arn, service_context)
        needed = _NEEDS.get(action)
        if denied is not None or needed is None:
            return denied
        key = _key_of(action, service, resource_arn, service_context or {})
        if key is None:
            return None
        # https://docs.aws.amazon.com/kms/latest/developerguide/policy-conditions.html
        context = {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:ResourceAliases": key_aliases(key)}
        for each in needed:
            denied = enforce(access_key, each, "kms", region, key, context)
            if denied is not None:
                _denied.set((each, key))
                return denied
        return None

    return enforce_both


def _key_of(action: str, service: str, resource_arn: str, context: Mapping[str, Any]) -> str | None:
    if service == "sqs":
        return queue_key(resource_arn)
    if service == "dynamodb":
        return table_key(resource_arn)
    bucket, _, key = resource_arn.partition(":::")[2].partition("/")
    if action != "s3:PutObject":
        return object_key(bucket, key)
    given = next((value for name, value in context.items() if name.lower() == _KEY_IN_REQUEST), None)
    return key_arn(given) or bucket_key(bucket)


def name_the_key(respond: Callable[..., Any]) -> Callable[..., Any]:
    """Name the key in the error message if the key was denied."""

    def access_denied_response(service: str, action: str, principal_arn: str, *rest: Any, **options: Any) -> Any:
        instead = _denied.get()
        if instead is not None:
            action, key = instead
            explicit = bool(options.get("explicit_deny"))
            options["message"] = ministack.internal(_ACTIONS, "identity_denial_message")(
                action, principal_arn, key, explicit
            )
            if service == "sqs":
                options["error_code"] = "KmsAccessDenied"
        return respond(service, action, principal_arn, *rest, **options)

    return access_denied_response
