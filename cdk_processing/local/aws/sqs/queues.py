"""Queues as other services see them: their key, their policy, and a message sent by a service."""

from __future__ import annotations

from collections.abc import Mapping

from cdk_processing.local.aws.kms.keys import key_arn
from cdk_processing.local.ministack import internal

__all__ = ["queue_key", "queue_policy", "send_to_queue"]


def queue_key(queue_arn: str) -> str | None:
    """ARN of the customer managed key a queue is encrypted with, if any."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    return key_arn(queue["attributes"].get("KmsMasterKeyId")) if queue else None


def queue_policy(queue_arn: str) -> str | None:
    """A queue's own policy; None where there is no such queue or it has none."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    return queue["attributes"].get("Policy") if queue else None


def send_to_queue(queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
    """Put a message into a queue as a service does; a queue that does not exist swallows it."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    if queue is None:
        return
    internal("ministack.services.sqs", "_act_send_message")(
        {
            "QueueUrl": queue["url"],
            "MessageBody": body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        },
        queue["url"],
    )
