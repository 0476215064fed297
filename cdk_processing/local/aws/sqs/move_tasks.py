"""Message move tasks: how an operator sends the messages of a dead-letter queue back to where they came from.

MiniStack has none. What SQS answers is as AWS's recorded answers show (``localstack/localstack``,
``tests/aws/services/sqs/test_sqs_move_task.snapshot.json``).
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["MoveTasks", "of_moved_queue"]

_SQS = "ministack.services.sqs"
_KEPT = 10
_MOST_PER_SECOND = 500
_AT_ONCE = 100
_QUEUE_GONE = "AWS.SimpleQueueService.NonExistentQueue"
_RUNNING_ALREADY = (
    "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
)
_UNKNOWN_SOURCE = "CouldNotDetermineMessageSource"

_Request = Mapping[str, Any]


@dataclass(slots=True)
class _Task:
    source: str
    destination: str | None
    per_second: int | None
    to_move: int
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    moving: asyncio.Task[None] | None = None

    @property
    def handle(self) -> str:
        return base64.b64encode(json.dumps({"taskId": self.identifier, "sourceArn": self.source}).encode()).decode()

    def described(self) -> dict[str, Any]:
        optional = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.per_second,
            "FailureReason": self.failure,
        }
        return {
            "Status": self.status,
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started,
            **{name: value for name, value in optional.items() if value is not None},
        }


class MoveTasks:
    """The message move tasks of all queues, newest first."""

    def __init__(self) -> None:
        self._of_queue: dict[str, list[_Task]] = {}

    def handlers(self) -> dict[str, Callable[[_Request, str], dict[str, Any]]]:
        """The operations of SQS that are served here."""
        return {
            "StartMessageMoveTask": self._start,
            "ListMessageMoveTasks": self._list,
            "CancelMessageMoveTask": self._cancel,
        }

    def reset(self) -> None:
        """Forget all tasks, and stop those that run."""
        for task in [task for tasks in self._of_queue.values() for task in tasks]:
            if task.moving is not None:
                task.moving.cancel()
        self._of_queue.clear()

    def _start(self, request: _Request, _: str) -> dict[str, Any]:
        source, destination = str(request.get("SourceArn") or ""), request.get("DestinationArn") or None
        per_second = request.get("MaxNumberOfMessagesPerSecond")
        queue = _existing(source, "SourceArn")
        if destination is not None:
            _existing(destination, "DestinationArn")
        if not _is_dead_letter_queue(source):
            raise _invalid("Source queue must be configured as a Dead Letter Queue.")
        if per_second is not None and not 0 < int(per_second) <= _MOST_PER_SECOND:
            raise _invalid("Value for parameter MaxNumberOfMessagesPerSecond is invalid.")
        tasks = self._of_queue.setdefault(source, [])
        if any(task.status == "RUNNING" for task in tasks):
            raise _invalid(_RUNNING_ALREADY)
        task = _Task(source, destination, None if per_second is None else int(per_second), len(queue["messages"]))
        task.moving = asyncio.get_running_loop().create_task(_move(task))
        tasks.insert(0, task)
        del tasks[_KEPT:]
        return {"TaskHandle": task.handle}

    def _list(self, request: _Request, _: str) -> dict[str, Any]:
        source, most = str(request.get("SourceArn") or ""), int(request.get("MaxResults") or 1)
        _existing(source, "SourceArn")
        if not 0 < most <= _KEPT:
            raise _invalid("Value for parameter MaxResults is invalid.")
        return {"Results": [task.described() for task in self._of_queue.get(source, [])[:most]]}

    def _cancel(self, request: _Request, _: str) -> dict[str, Any]:
        told = _told(str(request.get("TaskHandle") or ""))
        if told is None:
            raise _invalid("Value for parameter TaskHandle is invalid.")
        source, identifier = told
        _existing(source, "SourceArn")
        found = next((task for task in self._of_queue.get(source, []) if task.identifier == identifier), None)
        if found is None:
            raise _error("ResourceNotFoundException", "Task does not exist.", 404)
        if found.status != "RUNNING":
            raise _invalid("Only active tasks can be cancelled.")
        assert found.moving is not None
        found.moving.cancel()
        found.status = "CANCELLED"
        return {"ApproximateNumberOfMessagesMoved": found.moved}


async def _move(task: _Task) -> None:
    """Move the messages that can be received, one by one, until there is none."""
    while (queue := _queue(task.source)) is not None:
        now = time.time()
        message = next((each for each in queue["messages"] if each["visible_at"] <= now), None)
        if message is None:
            task.status = "COMPLETED"
            return
        arn = task.destination or message.get("sys", {}).get("DeadLetterQueueSourceArn")
        target = _queue(arn) if arn else None
        if target is None:
            task.status, task.failure = "FAILED", _QUEUE_GONE if arn else _UNKNOWN_SOURCE
            return
        try:
            _send_again(message, target)
        except internal(_SQS, "_Err") as error:
            task.status, task.failure = "FAILED", error.code
            return
        # A message that was sent back to the same queue is a new one, behind all others.
        queue["messages"].remove(message)
        task.moved += 1
        if task.per_second is not None:
            await asyncio.sleep(1 / task.per_second)
        elif task.moved % _AT_ONCE == 0:
            await asyncio.sleep(0)  # other calls are answered meanwhile
    task.status, task.failure = "FAILED", _QUEUE_GONE


def _send_again(message: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Send a message to a queue as a new one: with an id, a time and a number of receptions of its own."""
    request = {
        "QueueUrl": target["url"],
        "MessageBody": message["body"],
        "MessageAttributes": message.get("message_attributes") or {},
    }
    if target["is_fifo"]:
        request["MessageGroupId"] = message.get("group_id") or "redriven"
        request["MessageDeduplicationId"] = str(uuid.uuid4())
    internal(_SQS, "_act_send_message")(request, target["url"])


def _queue(arn: str) -> Any:
    return internal(_SQS, "_queue_by_arn")(arn)


def _existing(arn: str, parameter: str) -> Any:
    queue = _queue(arn)
    if queue is None:
        message = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise _error("ResourceNotFoundException", message, 404)
    return queue


def _is_dead_letter_queue(arn: str) -> bool:
    """Whether a queue of this account and region sends its messages there when they were received too often."""
    for queue in internal(_SQS, "_queues").values():
        policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
        if policy.get("deadLetterTargetArn") == arn:
            return True
    return False


def _told(handle: str) -> tuple[str, str] | None:
    """Read a task's handle: the queue and the task. None if it is none."""
    try:
        told = json.loads(base64.b64decode(handle, validate=True))
        return str(told["sourceArn"]), str(told["taskId"])
    except (ValueError, KeyError, TypeError):
        return None


def _invalid(message: str) -> Exception:
    return _error("InvalidParameterValue", message, 400)


def _error(code: str, message: str, status: int) -> Exception:
    error: Exception = internal(_SQS, "_Err")(code, message, status)
    return error


def of_moved_queue(extract: Callable[..., str]) -> Callable[..., str]:
    """Wrap how IAM finds the resource of a request. For a task, it is the queue whose messages are moved."""

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        if service == "sqs" and str(headers.get("x-amz-target")).endswith(("MessageMoveTask", "MessageMoveTasks")):
            try:
                request = json.loads(body)
            except ValueError:
                request = {}
            told = _told(str(request.get("TaskHandle") or ""))
            return told[0] if told else str(request.get("SourceArn") or "*")
        return extract(service, method, path, headers, body, *more)

    return extract_resource_arn
