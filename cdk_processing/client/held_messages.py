"""Messages of a queue, held while they are read: hidden from others, shown to them again unless they are deleted."""

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

# More than one call takes, even where AWS is slow and the call is tried again.
_SECONDS = 300
# Without a wait, SQS asks only some of its servers, and may miss messages.
_WAIT_SECONDS = 1
# SQS may deliver a message twice. After so many batches of nothing but known messages there are no others.
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
        """Delete a message that was received."""
        with aws_errors_as_ours(f"delete the dead letter {message_id}"):
            self._account.queues.delete_message(QueueUrl=self.url, ReceiptHandle=self._receipts[message_id])
        self._deleted.add(message_id)

    def release(self) -> None:
        """Show the rest to others again. If that fails, SQS shows them when their time is over."""
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
    """The messages of a queue, hidden from others until the end of the ``with``.

    Args:
        account: Where the queue is.
        url: The queue.
        seconds: How long they stay hidden if this process dies.
    """
    held = HeldMessages(account, url, seconds)
    try:
        yield held
    finally:
        held.release()
