"""Queues that other services use: their key, their policy, and how a service sends a message."""

from __future__ import annotations

from collections.abc import Mapping

from cdk_processing.local.aws.kms.keys import key_arn
from cdk_processing.local.ministack import internal

__all__ = ["queue_key", "queue_policy", "send_to_queue"]


def queue_key(queue_arn: str) -> str | None:
    """ARN of the customer managed key that encrypts a queue, if any."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    return key_arn(queue["attributes"].get("KmsMasterKeyId")) if queue else None


def queue_policy(queue_arn: str) -> str | None:
    """A queue's policy, or None if the queue does not exist or has no policy."""
    queue = internal("ministack.services.sqs", "_queue_by_arn")(queue_arn)
    return queue["attributes"].get("Policy") if queue else None


def send_to_queue(queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
    """Send a message to a queue on behalf of a service. If the queue does not exist, the message is lost."""
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
