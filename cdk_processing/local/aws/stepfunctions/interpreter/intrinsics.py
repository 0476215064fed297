"""Calls the intrinsic functions of JSONPath, ``States.Format`` and the others.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.execution import execution_error
from cdk_processing.local.aws.stepfunctions.interpreter.paths import PathNotFoundError, read
from cdk_processing.local.aws.stepfunctions.interpreter.state import Scope, State, compact

__all__ = ["call"]

_SFN = "ministack.services.stepfunctions"


def call(state: State, source: str, document: Any, scope: Scope) -> Any:
    """The value of a call, with its paths read and its inner calls made."""
    try:
        node, _ = ministack.internal(_SFN, "_parse_intrinsic_call")(source, 0)
        return _value(node, document, scope)
    except (PathNotFoundError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise execution_error("States.IntrinsicFailure", state.where(f"{source}: {error}")) from error


def _value(node: tuple[Any, ...], document: Any, scope: Scope) -> Any:
    if node[0] == "path":
        return read(node[1], document, scope)
    if node[0] == "str":
        return node[1]
    if node[0] != "call":
        return node[1]
    name, values = node[1], [_value(each, document, scope) for each in node[2]]
    own = _OWN.get(name)
    if own is not None:
        return own(*values)
    # MiniStack's own functions, with arguments that are values already.
    return ministack.internal(_SFN, "_exec_intrinsic")(("call", name, [("num", value) for value in values]), None, None)


def _format(template: str, *values: Any) -> str:
    """``States.Format``: ``{}`` is the next value, and a backslash keeps the character after it."""
    made, rest, at = [], list(values), 0
    while at < len(template):
        if template[at] == "\\" and at + 1 < len(template):
            made.append(template[at + 1])
            at += 2
        elif template.startswith("{}", at):
            value = rest.pop(0)
            made.append(_as_java(value))
            at += 2
        else:
            made.append(template[at])
            at += 1
    return "".join(made)


def _as_java(value: Any) -> str:
    """A value as Java shows it: objects are ``{name=value}``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_as_java(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_java, value)) + "]"
    return value if isinstance(value, str) else compact(value)


def _rounded(value: float) -> int:
    """Round as Java does: a half goes up."""
    return math.floor(value + 0.5)


def _parsed(text: str) -> Any:
    return json.loads(text) if text.strip() else None


def _contains(array: list[Any], value: Any) -> bool:
    return any(_same(each, value) for each in array)


def _unique(array: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in array:
        if not _contains(kept, value):
            kept.append(value)
    return kept


def _same(left: Any, right: Any) -> bool:
    # Python says that 1 == True; JSON has no such equality.
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _merge(left: dict[str, Any], right: dict[str, Any], deep: bool) -> dict[str, Any]:
    if deep:
        raise ValueError("States.JsonMerge supports only the shallow merge, so its third argument must be false")
    return {**left, **right}


def _range(first: float, last: float, step: float) -> list[int]:
    start, stop, by = _rounded(first), _rounded(last), _rounded(step)
    if by == 0:
        raise ValueError("the step of States.ArrayRange must not be 0")
    return list(range(start, stop + (1 if by > 0 else -1), by))


_OWN: dict[str, Callable[..., Any]] = {
    "States.Format": _format,
    "States.ArrayContains": _contains,
    "States.ArrayUnique": _unique,
    "States.ArrayRange": _range,
    "States.JsonMerge": _merge,
    "States.JsonToString": compact,
    "States.MathAdd": lambda left, right: _rounded(left) + _rounded(right),
    "States.StringToJson": _parsed,
}
