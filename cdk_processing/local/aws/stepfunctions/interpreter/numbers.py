"""Numbers in the fields of a Map, which a path or an expression may give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate
from cdk_processing.local.aws.stepfunctions.interpreter.paths import PathNotFoundError, read
from cdk_processing.local.aws.stepfunctions.interpreter.state import State, compact

__all__ = ["number", "whole_number"]

_WHOLE = re.compile(r"-?\d+")


def whole_number(state: State, fields: Mapping[str, Any], name: str, document: Any) -> int:
    """A whole number; 0 if the field is missing. A path may lead to its text."""
    value, path = _value_of(state, fields, name, document)
    if path is not None and not _WHOLE.fullmatch(_shown(value)):
        raise state.failed(
            f'The {name}Path field refers to value "{_shown(value)}" which is not a valid integer: {path}'
        )
    return int(value)


def number(state: State, fields: Mapping[str, Any], name: str, document: Any) -> float:
    """A number; 0 if the field is missing. A path may lead to its text."""
    value, path = _value_of(state, fields, name, document)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise state.failed(
            f'The {name}Path field refers to value "{_shown(value)}" which is not a valid float: {path}'
        ) from error


def _value_of(state: State, fields: Mapping[str, Any], name: str, document: Any) -> tuple[Any, str | None]:
    path = fields.get(f"{name}Path")
    if path is None:
        return evaluate(state, fields.get(name, 0), name) if state.jsonata else fields.get(name, 0), None
    try:
        return read(path, document, state.scope), path
    except PathNotFoundError as error:
        raise state.failed(str(error)) from error


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)
