"""Choice: the first rule that holds names the next state.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import assigned_by, input_of, output_path
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate, evaluation_failed, wrong_type
from cdk_processing.local.aws.stepfunctions.interpreter.paths import PathNotFoundError, read
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State
from cdk_processing.local.aws.stepfunctions.interpreter.waits import time_of

__all__ = ["run_choice"]


def run_choice(state: State) -> Outcome:
    """Go to the state of the first rule that holds, else to ``Default``."""
    return _run_jsonata(state) if state.jsonata else _run_jsonpath(state)


def _run_jsonata(state: State) -> Outcome:
    for number, rule in enumerate(state.get("Choices", ())):
        condition, where = rule.get("Condition"), f"Choices[{number}]/Condition"
        value = evaluate(state, condition, where)
        if not isinstance(value, bool):
            raise evaluation_failed(state, wrong_type(condition, where, "boolean", value), where)
        if value:
            return _chosen(state, rule, f"Choices[{number}]/", rule["Next"])
    return _chosen(state, state.definition, "", _default(state))


def _chosen(state: State, fields: Mapping[str, Any], location: str, next_state: str) -> Outcome:
    assigned = assigned_by(state, fields, f"{location}Assign", state.input)
    output = evaluate(state, fields["Output"], f"{location}Output") if "Output" in fields else state.input
    return Outcome(output, next_state, assigned)


def _run_jsonpath(state: State) -> Outcome:
    effective = input_of(state)
    output = output_path(state, effective)
    for number, rule in enumerate(state.get("Choices", ())):
        if _holds(state, rule, effective):
            return Outcome(output, rule["Next"], assigned_by(state, rule, f"Choices[{number}]/Assign", effective))
    next_state = _default(state)
    return Outcome(output, next_state, assigned_by(state, state.definition, "Assign", effective))


def _default(state: State) -> str:
    if "Default" not in state.definition:
        raise state.failed(
            "No choice rule matched, and no Default is specified."
            if state.jsonata
            else "Failed to transition out of the state. The state's choices and Default do not match the input.",
            "States.NoChoiceMatched",
        )
    return str(state.get("Default"))


def _holds(state: State, rule: Mapping[str, Any], document: Any) -> bool:
    if "And" in rule:
        return all(_holds(state, each, document) for each in rule["And"])
    if "Or" in rule:
        return any(_holds(state, each, document) for each in rule["Or"])
    if "Not" in rule:
        return not _holds(state, rule["Not"], document)
    name = next(key for key in rule if key not in ("Variable", "Next", "Assign", "Comment"))
    try:
        value = read(rule["Variable"], document, state.scope)
    except PathNotFoundError as error:
        if name == "IsPresent":
            return rule[name] is False
        raise _invalid_path(state, rule["Variable"]) from error
    if name in _KINDS:
        return _KINDS[name](value) is rule[name]
    expected = rule[name]
    if name.endswith("Path"):
        name = name.removesuffix("Path")
        try:
            expected = read(expected, document, state.scope)
        except PathNotFoundError as error:
            raise _invalid_path(state, expected) from error
    return _compare(name, value, expected)


def _invalid_path(state: State, path: str) -> Exception:
    return state.failed(f"Invalid path '{path}': The choice state's condition path references an invalid value.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "IsPresent": lambda value: True,
    "IsNull": lambda value: value is None,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsNumeric": _is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsTimestamp": lambda value: time_of(value) is not None,
}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_COMPARISON = re.compile(r"(?P<kind>Boolean|Numeric|String|Timestamp)(?P<order>\w+)")


def _compare(name: str, value: Any, expected: Any) -> bool:
    """A comparison of two values. Values of another type never match."""
    if name == "StringMatches":
        return isinstance(value, str) and _matches(expected, value)
    found = _COMPARISON.fullmatch(name)
    assert found is not None, name
    left, right = (_comparable(found["kind"], each) for each in (value, expected))
    return left is not None and right is not None and _ORDERS[found["order"]](left, right)


def _comparable(kind: str, value: Any) -> bool | float | str | datetime | None:
    if kind == "Boolean":
        return value if isinstance(value, bool) else None
    if kind == "Numeric":
        return value if _is_number(value) else None
    if kind == "String":
        return value if isinstance(value, str) else None
    return time_of(value)


def _matches(pattern: str, text: str) -> bool:
    r"""``StringMatches``: ``*`` is any text, ``\*`` an asterisk, and nothing else is special."""
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\)\*", pattern)]
    return re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None
