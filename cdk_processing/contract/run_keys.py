"""Run keys, and the run ids that are computed from them.

One table lists the parts of each kind of key. :func:`run_key_of` computes a key from it in Python.
:mod:`cdk_processing.workflow.launches` renders the same table as JSONata for the state machine.

| kind | the run is known by | key |
|---|---|---|
| ``version`` | an object and its version, else its write | ``s3://<bucket>/<key>@<version id, else sequencer>`` |
| ``content`` | an object and its content | ``s3://<bucket>/<key>@etag:<ETag>`` |
| ``arrival`` | one notification of an object | ``s3://<bucket>/<key>@event:<id>`` |
| ``folder`` | an object's name, however often it is written | ``s3://<bucket>/<key>@folder`` |
| ``schedule`` | a schedule and its time | ``<schedule's ARN>@<time>`` |
| ``time`` | a scheduled time, and what the schedule gives (with ``job_id``) | ``schedule:<parameters>@<time>`` |
| ``manual`` | the key that a start by hand gives | ``manual:<key>`` |
| ``event`` | an event's id | ``event:<id>`` |
| ``upstream`` | the run of another job | ``upstream:<state machine's ARN>@<run id>`` |
| ``identity`` | the run of another job that has a ``job_id`` | ``upstream:<job's identity>@<run id>`` |
| ``execution`` | the execution itself, so each start is a run | ``<execution's ARN>`` |
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdk_processing.contract.redrive import REDRIVE_FIELD, RedriveEnvelope

__all__ = [
    "MANUAL_KEY",
    "RUN_KEYS",
    "SERIES_FIELD",
    "EventValue",
    "KeyKind",
    "KeyPart",
    "key_text",
    "kind_of",
    "run_id",
    "run_key_of",
]

KeyKind = Literal[
    "version", "content", "arrival", "folder", "schedule", "time", "manual", "event", "upstream", "identity"
]

#: The prefix of the run key of a start by hand with a key.
MANUAL_KEY = "manual:"
#: The field of a schedule's event with the parameters that it gives, as text; only for jobs with a ``job_id``.
SERIES_FIELD = "series"

# JSON readers agree on whole numbers up to here: https://www.rfc-editor.org/rfc/rfc8259#section-6
_LARGEST_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class EventValue:
    """A value of the event that launched the run.

    Attributes:
        paths: The paths of names that lead to it. If the first one finds nothing, the next one counts.
        any_type: Whether it may be other than text, as in starts by hand and in users' events.
    """

    paths: tuple[tuple[str, ...], ...]
    any_type: bool = False


#: Fixed text, or a value of the event.
KeyPart = str | EventValue


def _value(*paths: str, any_type: bool = False) -> EventValue:
    return EventValue(tuple(tuple(path.split(".")) for path in paths), any_type)


_URI = ("s3://", _value("detail.bucket.name"), "/", _value("detail.object.key"))
_VERSION = ("detail.object.version-id", "detail.object.sequencer")

#: The parts of the keys of each kind.
RUN_KEYS: Mapping[KeyKind, tuple[KeyPart, ...]] = {
    "version": (*_URI, "@", _value(*_VERSION)),
    "content": (*_URI, "@etag:", _value("detail.object.etag", *_VERSION)),
    "arrival": (*_URI, "@event:", _value("id")),
    "folder": (*_URI, "@folder"),
    "schedule": (_value("schedule"), "@", _value("time")),
    "time": ("schedule:", _value(SERIES_FIELD), "@", _value("time")),
    "manual": (MANUAL_KEY, _value("run_key", any_type=True)),
    "event": ("event:", _value("id")),
    "upstream": ("upstream:", _value("detail.state_machine"), "@", _value("detail.run_id")),
    "identity": ("upstream:", _value("detail.identity"), "@", _value("detail.run_id")),
}


def kind_of(event: object) -> KeyKind | None:
    """By what an event is known that no trigger reads in a way of its own; None for the execution that it starts."""
    if not isinstance(event, Mapping):
        return None
    if event.get("source") == "aws.s3" and event.get("detail-type") == "Object Created":
        return "version"
    if event.get("source") == "aws.scheduler":
        return "time" if SERIES_FIELD in event else "schedule"
    if event.get("run_key") is not None:
        return "manual"
    return "event" if "id" in event and "detail-type" in event else None


def run_key_of(request: Mapping[str, Any], execution: str, kind: KeyKind | None = None) -> str:
    """The run key of an execution.

    Args:
        request: The execution's input: an event, a start by hand, or a redrive.
        execution: The execution's ARN.
        kind: The kind of key of the job's trigger; left out, the usual one of the event.

    Raises:
        ValueError: The key is made from a number that JSON readers do not agree on.
        NewerContractError: A newer release wrote the redrive.

    Example:
        >>> run_key_of({"run_key": "2024-03-05"}, "arn:aws:states:eu-west-1:111122223333:execution:Census:e1")
        'manual:2024-03-05'
    """
    found = request.get(REDRIVE_FIELD)
    again = RedriveEnvelope.parse(request) if isinstance(found, Mapping) and "event" in found else None
    if again is not None and again.run_key is not None:
        return again.run_key
    event = request if again is None else again.event
    known_by = kind or kind_of(event)
    return execution if known_by is None else "".join(_text(part, event) for part in RUN_KEYS[known_by])


def run_id(identity: str, key: str) -> str:
    """The run id: the same for every run of a job with one key, another for every other job.

    Args:
        identity: The job's identity; see :func:`~cdk_processing.contract.identity.identity_of`.
        key: The run key.
    """
    return hashlib.md5(f"{identity}{key}".encode(), usedforsecurity=False).hexdigest()


def key_text(value: object) -> str:
    """A value as text of a key.

    Raises:
        ValueError: It is a number that JSON readers do not agree on.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int) and abs(value) <= _LARGEST_WHOLE:
        return str(value)
    raise ValueError(
        f"run_key must be text, a whole number up to 2**53, true, false or null, got {value!r}; write it as text"
    )


def _text(part: KeyPart, event: object) -> str:
    if isinstance(part, str):
        return part
    for path in part.paths:
        found, value = _find(event, path)
        if found:
            return key_text(value)
    return ""


def _find(event: object, path: tuple[str, ...]) -> tuple[bool, object]:
    for name in path:
        if not isinstance(event, Mapping) or name not in event:
            return False, None
        event = event[name]
    return True, event
