"""Parse messages of a dead-letter queue into dead letters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from cdk_processing.contract.dead_letter import GivenUpRun
from cdk_processing.errors import NewerContractError

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

__all__ = ["DeadLetter", "read_letter"]

# EventBridge Scheduler may leave these placeholders in an undelivered event. The message's attributes hold the values.
_CONTEXT_ATTRIBUTES = {
    "<aws.scheduler.scheduled-time>": "SCHEDULED_TIME",
    "<aws.scheduler.schedule-arn>": "SCHEDULE_ARN",
}


@dataclass(frozen=True)
class DeadLetter:
    """A message in a dead-letter queue.

    Attributes:
        kind: ``run``: a run that failed for good. ``event``: an event that could not be delivered, so no run
            started. ``unreadable``: neither, or written by a newer release; it can only be listed.
        message_id: The message's id in SQS.
        queue_url: The queue that holds it.
        when: When it was sent.
        body: Its text.
        job: The job's name. For an event, None if the job is unknown.
        state_machine_arn: ARN of the job's state machine.
        execution_arn: ARN of the execution that failed for good.
        run_id: The run's id.
        run_key: The run's key.
        attempt: The attempt that the run ended with.
        job_name: The processing job of that attempt.
        error: The error's name.
        reason: The error in words.
        event: The event that launched the run, or was not delivered.
        source_arn: For an event, ARN of the rule or schedule that could not deliver it.
        why_unreadable: Why it is unreadable; empty for any other letter.
        receipt: The receipt handle to delete the message, while it is held.
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
    why_unreadable: str = ""
    receipt: str = field(default="", repr=False, compare=False)

    @property
    def run_name(self) -> str | None:
        """The name of the run that failed for good."""
        return self.execution_arn.rsplit(":", 1)[-1] if self.execution_arn else None


def read_letter(message: MessageTypeDef, url: str, names: Mapping[str, str]) -> DeadLetter:
    """Parse a message.

    Args:
        message: The message.
        url: The queue that it came from.
        names: Job names by state machine ARN.
    """
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
        return DeadLetter("unreadable", why_unreadable="its text is no JSON", **common)
    if source := attributes.get("RULE_ARN") or attributes.get("SCHEDULE_ARN"):
        return _undelivered(content, source, attributes, common, names)
    try:
        given_up = GivenUpRun.parse(content)
    except NewerContractError as newer:
        return DeadLetter("unreadable", why_unreadable=str(newer), **common)
    if given_up is None:
        why = "it is neither a run that was given up nor an event that was not delivered"
        return DeadLetter("unreadable", why_unreadable=why, **common)
    return _given_up(given_up, common)


def _undelivered(
    event: Any, source: str, attributes: Mapping[str, str], common: Mapping[str, Any], names: Mapping[str, str]
) -> DeadLetter:
    target = attributes.get("TARGET_ARN", "")
    why_unreadable = ""
    if ":stateMachine:" not in target:
        why_unreadable = f"its event was not for a job, but for {target or 'nobody'}"
    elif attributes.get("IS_PAYLOAD_TRUNCATED") == "true":
        why_unreadable = "its event was too large for a message and is cut off"
    return DeadLetter(
        "unreadable" if why_unreadable else "event",
        job=names.get(target),
        state_machine_arn=target or None,
        error=attributes.get("ERROR_CODE"),
        reason=attributes.get("ERROR_MESSAGE"),
        event=event,
        source_arn=source,
        why_unreadable=why_unreadable,
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
