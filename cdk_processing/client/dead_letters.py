"""Dead letters: runs that were given up and events that could not be delivered, in the platform's queue.

Looking loses nothing: a message that is received is hidden from others for a moment, and shown to them again at the
end. Only what has been dealt with is deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AwsCallError, NoDeadLettersError
from cdk_processing.contract.dead_letter import GivenUpRun
from cdk_processing.contract.tags import DEAD_LETTERS_TAG
from cdk_processing.errors import NewerContractError

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.client.runs import Run

__all__ = ["DeadLetter", "HeldLetters", "delete_letters", "delete_letters_of", "hold_letters", "list_letters"]

_LOOKING = 60
# More than one call takes, even where AWS is slow and the call is tried again.
_HANDLING = 300
# Without a wait SQS asks only some of its servers, and may say that there is nothing where there is.
_WAIT_SECONDS = 1
# SQS may bring a message twice; that many batches of nothing but known ones are the end.
_BATCHES_OF_KNOWN = 3

# Where the scheduler has not filled these in, its message tells what they would have been.
_CONTEXT_ATTRIBUTES = {
    "<aws.scheduler.scheduled-time>": "SCHEDULED_TIME",
    "<aws.scheduler.schedule-arn>": "SCHEDULE_ARN",
}


@dataclass(frozen=True)
class DeadLetter:
    """A message in a dead-letter queue.

    Attributes:
        kind: ``run``: a run that was given up. ``event``: an event that could not be delivered, so that no run was
            started. ``unreadable``: neither; it is shown, never touched.
        message_id: SQS's id of it.
        queue_url: Where it lies.
        when: When it was sent there.
        body: Its text.
        job: The construct's path, of a run; of an event, where the job is known.
        state_machine_arn: The job's state machine.
        execution_arn: The run that was given up.
        run_id: Its run id.
        run_key: Its run key.
        attempt: The attempt it ended with.
        job_name: The processing job of that attempt.
        error: The name of the error.
        reason: The error in words.
        event: What launched the run, or would have.
        source_arn: The rule or the schedule, of an event.
        receipt: What SQS deletes it by, as long as it is held.
    """

    kind: Literal["run", "event", "unreadable"]
    message_id: str
    queue_url: str
    when: datetime
    body: str
    job: str | None = None
    state_machine_arn: str | None = None
    execution_arn: str | None = None
    run_id: str | None = None
    run_key: str | None = None
    attempt: int | None = None
    job_name: str | None = None
    error: str | None = None
    reason: str | None = None
    event: Any = None
    source_arn: str | None = None
    receipt: str = field(default="", repr=False, compare=False)

    @property
    def run_name(self) -> str | None:
        """The name of the run that was given up."""
        return self.execution_arn.rsplit(":", 1)[-1] if self.execution_arn else None


def list_letters(account: Account, jobs: Iterable[Job], only: Job | None = None) -> list[DeadLetter]:
    """What lies in the dead-letter queues of jobs, the oldest first.

    Args:
        account: Where the queues are.
        jobs: Every deployed job.
        only: Only what is of that job.

    Raises:
        NoDeadLettersError: No queue is known.
    """
    jobs = list(jobs)
    found: list[DeadLetter] = []
    for url in queues_of(jobs, only):
        with hold_letters(account, url, jobs, only, seconds=_LOOKING) as held:
            found += held
    return sorted(found, key=lambda letter: (letter.when, letter.message_id))


def delete_letters(account: Account, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Delete letters that were listed, except those nobody can read; returns those that were still there.

    Nothing else is deleted, whatever has come to lie in the queue since.
    """
    wanted: dict[str, set[str]] = {}
    for letter in letters:
        if letter.kind != "unreadable":
            wanted.setdefault(letter.queue_url, set()).add(letter.message_id)
    deleted: list[DeadLetter] = []
    for url, ids in wanted.items():
        with hold_letters(account, url) as held:
            for letter in held:
                if letter.message_id in ids:
                    held.delete(letter)
                    deleted.append(letter)
    return deleted


def delete_letters_of(account: Account, run: Run) -> list[DeadLetter]:
    """Delete the letters of a run that was given up, and has been seen to since; returns them."""
    if run.job.dead_letters is None:
        return []
    deleted: list[DeadLetter] = []
    with hold_letters(account, run.job.dead_letters) as held:
        for letter in held:
            # Not those of the same run id: its redrive may have failed by now, and left one of its own.
            if letter.kind == "run" and letter.execution_arn == run.arn:
                held.delete(letter)
                deleted.append(letter)
    return deleted


def queues_of(jobs: Iterable[Job], only: Job | None = None) -> list[str]:
    """The URLs of the dead-letter queues of jobs, each once.

    Raises:
        NoDeadLettersError: There are jobs, and none names one.
    """
    asked = [only] if only is not None else list(jobs)
    urls = list(dict.fromkeys(job.dead_letters for job in asked if job.dead_letters is not None))
    if asked and not urls:
        names = ", ".join(job.name for job in asked)
        raise NoDeadLettersError(
            f"No dead-letter queue is known of {names}: their state machines lack the tag {DEAD_LETTERS_TAG}; "
            "deploy them with this version of cdk_processing"
        )
    return urls


class HeldLetters:
    """The letters of one queue, each once, hidden from others until they are released; see :func:`hold_letters`."""

    def __init__(self, account: Account, url: str, jobs: Iterable[Job], only: Job | None, seconds: int) -> None:
        self._account = account
        self._url = url
        self._names = {job.state_machine_arn: job.name for job in jobs}
        self._only = only
        self._seconds = seconds
        self._receipts: dict[str, str] = {}
        self._deleted: set[str] = set()

    def __iter__(self) -> Iterator[DeadLetter]:
        """Receive the letters, some at a time."""
        known = 0
        while known < _BATCHES_OF_KNOWN and (batch := self._receive()):
            new = [message for message in batch if message["MessageId"] not in self._receipts]
            known = 0 if new else known + 1
            self._receipts.update((message["MessageId"], message["ReceiptHandle"]) for message in batch)
            for message in new:
                letter = _read(message, self._url, self._names)
                if self._only is None or self._is_of(letter, self._only):
                    yield letter

    def _is_of(self, letter: DeadLetter, job: Job) -> bool:
        # A job may have got another state machine since; then its name still tells.
        by_name = letter.job == job.name and letter.state_machine_arn not in self._names
        return letter.state_machine_arn == job.state_machine_arn or by_name

    def delete(self, letter: DeadLetter) -> None:
        """Delete a letter that has been dealt with."""
        with aws_errors_as_ours(f"delete the dead letter {letter.message_id}"):
            self._account.queues.delete_message(
                QueueUrl=self._url, ReceiptHandle=self._receipts.get(letter.message_id, letter.receipt)
            )
        self._deleted.add(letter.message_id)

    def release(self) -> None:
        """Show the rest to others again. Where that fails they come back by themselves, a little later."""
        held = [receipt for message_id, receipt in self._receipts.items() if message_id not in self._deleted]
        for start in range(0, len(held), 10):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(held[start : start + 10])
            ]
            try:
                with aws_errors_as_ours("release the dead letters"):
                    self._account.queues.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
            except AwsCallError:
                return

    def _receive(self) -> list[MessageTypeDef]:
        with aws_errors_as_ours("read the dead letters"):
            answer = self._account.queues.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=self._seconds,
                WaitTimeSeconds=_WAIT_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return answer.get("Messages", [])


@contextmanager
def hold_letters(
    account: Account, url: str, jobs: Iterable[Job] = (), only: Job | None = None, *, seconds: int = _HANDLING
) -> Iterator[HeldLetters]:
    """The letters of one queue, to be dealt with one after the other; what is not deleted is given back at the end.

    Args:
        account: Where the queue is.
        url: The queue.
        jobs: Jobs whose names are to be told, where a letter itself does not.
        only: Only what is of that job.
        seconds: How long the letters are hidden from others, if this process dies.
    """
    held = HeldLetters(account, url, jobs, only, seconds)
    try:
        yield held
    finally:
        held.release()


def _read(message: MessageTypeDef, url: str, names: Mapping[str, str]) -> DeadLetter:
    text = message.get("Body", "")
    common: dict[str, Any] = {
        "message_id": message["MessageId"],
        "queue_url": url,
        "when": datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, timezone.utc),
        "body": text,
        "receipt": message["ReceiptHandle"],
    }
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    for written, attribute in _CONTEXT_ATTRIBUTES.items():
        if attribute in attributes:
            text = text.replace(written, attributes[attribute])
    try:
        content = json.loads(text)
    except ValueError:
        return DeadLetter("unreadable", **common)
    if source := attributes.get("RULE_ARN") or attributes.get("SCHEDULE_ARN"):
        return _undelivered(content, source, attributes, common, names)
    try:
        given_up = GivenUpRun.parse(content)
    except NewerContractError as newer:
        return DeadLetter("unreadable", reason=str(newer), **common)
    return DeadLetter("unreadable", **common) if given_up is None else _given_up(given_up, common)


def _undelivered(
    event: Any, source: str, attributes: Mapping[str, str], common: Mapping[str, Any], names: Mapping[str, str]
) -> DeadLetter:
    target = attributes.get("TARGET_ARN", "")
    cut_off = attributes.get("IS_PAYLOAD_TRUNCATED") == "true"
    return DeadLetter(
        "unreadable" if cut_off or ":stateMachine:" not in target else "event",
        job=names.get(target),
        state_machine_arn=target or None,
        error=attributes.get("ERROR_CODE"),
        reason=attributes.get("ERROR_MESSAGE"),
        event=event,
        source_arn=source,
        **common,
    )


def _given_up(run: GivenUpRun, common: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        "run",
        job=run.job,
        state_machine_arn=run.state_machine,
        execution_arn=run.execution,
        run_id=run.run_id,
        run_key=run.run_key,
        attempt=run.attempt if isinstance(run.attempt, int) else None,
        job_name=run.job_name,
        error=run.error,
        reason=run.reason,
        event=run.event,
        **common,
    )
