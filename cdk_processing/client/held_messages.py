"""Hold the messages of a queue: hide them from other consumers while they are read, then delete or release them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AwsCallError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_sqs.type_defs import MessageTypeDef

    from cdk_processing.client.account import Account

__all__ = ["HeldMessages", "hold_messages"]

# Longer than one call takes, even if AWS is slow and the call is retried.
_SECONDS = 300
# Long polling: without a wait, SQS asks only some of its servers, and may miss messages.
_WAIT_SECONDS = 1
# SQS may deliver a message twice. After this many batches with only known messages, assume there are no others.
_BATCHES_OF_KNOWN = 3


class HeldMessages:
    """The messages of one queue, each once; see :func:`hold_messages`."""

    def __init__(self, account: Account, url: str, seconds: int) -> None:
        self.url = url
        self._account = account
        self._seconds = seconds
        self._receipts: dict[str, str] = {}
        self._deleted: set[str] = set()

    def __iter__(self) -> Iterator[MessageTypeDef]:
        """Receive the messages, up to ten at a time."""
        known = 0
        while known < _BATCHES_OF_KNOWN and (batch := self._receive()):
            new = [message for message in batch if message["MessageId"] not in self._receipts]
            known = 0 if new else known + 1
            self._receipts.update((message["MessageId"], message["ReceiptHandle"]) for message in batch)
            yield from new

    def delete(self, message_id: str) -> None:
        """Delete a received message."""
        with aws_errors_as_ours(f"delete the dead letter {message_id}"):
            self._account.queues.delete_message(QueueUrl=self.url, ReceiptHandle=self._receipts[message_id])
        self._deleted.add(message_id)

    def release(self) -> None:
        """Make the other messages visible again. If that fails, SQS does so when the visibility timeout ends."""
        held = [receipt for message_id, receipt in self._receipts.items() if message_id not in self._deleted]
        for start in range(0, len(held), 10):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(held[start : start + 10])
            ]
            try:
                with aws_errors_as_ours("release the dead letters"):
                    self._account.queues.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
            except AwsCallError:
                return

    def _receive(self) -> list[MessageTypeDef]:
        with aws_errors_as_ours("read the dead letters"):
            answer = self._account.queues.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=self._seconds,
                WaitTimeSeconds=_WAIT_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return answer.get("Messages", [])


@contextmanager
def hold_messages(account: Account, url: str, *, seconds: int = _SECONDS) -> Iterator[HeldMessages]:
    """Receive the messages of a queue, and hide them from others until the end of the ``with`` block.

    Args:
        account: The account and region of the queue.
        url: The queue's URL.
        seconds: How long they stay hidden if this process dies.
    """
    held = HeldMessages(account, url, seconds)
    try:
        yield held
    finally:
        held.release()
