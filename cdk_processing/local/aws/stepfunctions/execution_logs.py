"""Writes an execution's events to the log group of its state machine.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from cdk_processing.local import ministack

__all__ = ["log_event"]

_LOGS = "ministack.services.cloudwatch_logs"
_SFN = "ministack.services.stepfunctions"
_FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
# The table "Event types for logging".
_ERROR = _FATAL | {
    "EvaluationFailed",
    "FailStateEntered",
    "MapIterationAborted",
    "MapIterationFailed",
    "MapRunFailed",
    "MapStateFailed",
    "ParallelStateFailed",
    "TaskFailed",
    "TaskTimedOut",
}
_LEVELS = {"ERROR": _ERROR, "FATAL": _FATAL}
_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")
# The stream of an execution, in its record.
_STREAM = "logStream"


def log_event(record: dict[str, Any], event: Mapping[str, Any]) -> None:
    """Write an event, if the state machine logs events of its type."""
    machine = ministack.internal(_SFN, "_state_machines").get(record.get("stateMachineArn"))
    config = _configuration(machine) if machine is not None else {}
    level = config.get("level", "OFF")
    if level == "OFF" or (level != "ALL" and event["type"] not in _LEVELS[level]):
        return
    message = json.dumps(_message(record, event, bool(config.get("includeExecutionData"))), separators=(",", ":"))
    now = int(time.time() * 1000)
    for group in _groups(config):
        stream = group["streams"].get(record.setdefault(_STREAM, _stream_name(machine["name"])))
        if stream is None:
            stream = group["streams"][record[_STREAM]] = _new_stream(now)
        entry = {"timestamp": now, "ingestionTime": now, "message": message, "eventId": str(uuid.uuid4())}
        ministack.internal(_LOGS, "_append_log_events")(stream, [entry])


def _configuration(machine: Mapping[str, Any]) -> dict[str, Any]:
    """The logging configuration. MiniStack keeps CloudFormation's spelling."""
    config: dict[str, Any] = _lowered(machine.get("loggingConfiguration") or {})
    return config


def _lowered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: _lowered(each) for name, each in value.items()}
    return [_lowered(each) for each in value] if isinstance(value, list) else value


def _groups(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for destination in config.get("destinations") or ():
        arn = str((destination.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn", ""))
        group = ministack.internal(_LOGS, "_log_groups").get(arn.partition(":log-group:")[2].removesuffix(":*"))
        if group is not None:
            yield group


def _stream_name(machine: str) -> str:
    """The stream of all executions that start in this minute."""
    minute = f"states/{machine}/{datetime.now(timezone.utc):%Y-%m-%d-%H-%M}"
    return f"{minute}/{uuid.uuid5(uuid.NAMESPACE_URL, minute).hex[:8]}"


def _new_stream(now: int) -> dict[str, Any]:
    """A stream as MiniStack keeps it."""
    times = dict.fromkeys(("firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"))
    return {"events": [], "uploadSequenceToken": "1", "creationTime": now, **times}


def _message(record: Mapping[str, Any], event: Mapping[str, Any], with_data: bool) -> dict[str, Any]:
    found: Mapping[str, Any] = next(
        (value for name, value in event.items() if name.endswith("EventDetails") and value), {}
    )
    details = {name: value for name, value in found.items() if value is not None and (with_data or name not in _DATA)}
    return {
        "id": str(event["id"]),
        "type": event["type"],
        "details": details,
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(int(time.time() * 1000)),
        "execution_arn": record["executionArn"],
        "redrive_count": "0",
    }
