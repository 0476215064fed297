"""Wait: for seconds, or until a time."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import assigned_by, input_of, output_path
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate, evaluate_as, evaluation_failed
from cdk_processing.local.aws.stepfunctions.interpreter.paths import PathNotFoundError, read
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State, compact
from cdk_processing.local.aws.stepfunctions.times import portable

__all__ = ["run_wait", "time_of"]

# "ISO-8601 extended offset date-time": with a T, seconds and an offset.
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_LONGEST = 2**31 - 1


def run_wait(state: State) -> Outcome:
    """Wait; the output is the input."""
    effective = input_of(state)
    seconds = _seconds_of(state, effective)
    if seconds > _LONGEST:
        raise state.failed("Wait state delay is too long.")
    ministack.internal("ministack.services.stepfunctions", "_scaled_sleep")(max(0.0, seconds))
    assigned = assigned_by(state, state.definition, "Assign", effective)
    if state.jsonata and "Output" in state.definition:
        return Outcome.of(state, evaluate(state, state.get("Output"), "Output"), assigned)
    return Outcome.of(state, output_path(state, effective), assigned)


def time_of(text: Any) -> datetime | None:
    """The time that a timestamp of the States language names; None if it is no such timestamp."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(portable(text))
    except ValueError:
        return None


def _seconds_of(state: State, effective: Any) -> float:
    if "SecondsPath" in state.definition:
        return _from_seconds_path(state, effective)
    if "TimestampPath" in state.definition:
        return _from_timestamp_path(state, effective)
    if "Timestamp" in state.definition:
        return _from_timestamp(state)
    seconds = state.get("Seconds")
    return float(evaluate_as(state, "Seconds", "number") if isinstance(seconds, str) else seconds)


def _from_seconds_path(state: State, effective: Any) -> float:
    path = state.get("SecondsPath")
    try:
        seconds = read(path, effective, state.scope)
    except PathNotFoundError as error:
        raise state.failed(f"The SecondsPath parameter does not reference an input value: {path}") from error
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise state.failed(f"The SecondsPath parameter cannot be parsed as a long value: {path} == {_shown(seconds)}")
    if seconds < 0:
        raise state.failed(f"The SecondsPath parameter references a negative value: {path} == {seconds}")
    return float(seconds)


def _from_timestamp_path(state: State, effective: Any) -> float:
    path = state.get("TimestampPath")
    try:
        text = read(path, effective, state.scope)
    except PathNotFoundError as error:
        raise state.failed(f"The TimestampPath parameter does not reference an input value: {path}") from error
    time = time_of(text)
    if time is None:
        raise state.failed(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            f"{path} == {_shown(text)}"
        )
    return _until(time)


def _from_timestamp(state: State) -> float:
    text = state.get("Timestamp")
    if state.jsonata:
        text = evaluate_as(state, "Timestamp", "string")
    time = time_of(text)
    if time is None:
        raise evaluation_failed(
            state,
            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
            f"{_shown(text)}",
            "Timestamp",
        )
    return _until(time)


def _until(time: datetime) -> float:
    return (time - datetime.now(timezone.utc)).total_seconds()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)
