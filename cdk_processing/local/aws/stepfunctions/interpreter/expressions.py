"""Evaluates JSONata in a state's fields, and says what failed as AWS does.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions import history
from cdk_processing.local.aws.stepfunctions.execution import execution_error
from cdk_processing.local.aws.stepfunctions.interpreter.state import State, compact

__all__ = ["evaluate", "evaluate_as", "evaluation_failed", "json_type", "sequence_of_one", "wrong_type"]

_SFN = "ministack.services.stepfunctions"
_ERROR = "States.QueryEvaluationError"
_JSON_TYPES = {bool: "boolean", str: "string", int: "number", float: "number", list: "array", type(None): "null"}


def sequence_of_one(make: Callable[..., list[Any]]) -> Callable[..., Any]:
    """Let ``$range`` return a number where it makes one number: JSONata's sequences of one are their value."""

    def make_range(start: Any, end: Any, step: Any) -> Any:
        made = make(start, end, step)
        return made[0] if len(made) == 1 else made

    return make_range


def json_type(value: Any) -> str:
    """The name of a value's type in JSON."""
    return _JSON_TYPES.get(type(value), "object")


def evaluation_failed(state: State, text: str, location: str | None) -> Exception:
    """Write that an evaluation failed into the history, and make the error."""
    cause = state.where(text)
    details = {"error": _ERROR, "cause": cause, "location": location, "state": state.name}
    history.write(
        state.scope.record,
        "EvaluationFailed",
        {name: value for name, value in details.items() if value is not None},
        after=state.before,
    )
    return execution_error(_ERROR, cause)


def evaluate(state: State, template: Any, location: str, **states: Any) -> Any:
    """A value with all its expressions evaluated.

    Args:
        state: The state with the field.
        template: The field's value.
        location: Its place in the state, such as ``Output/files[0]``.
        **states: What ``$states`` has beside ``input`` and ``context``: ``result`` or ``errorOutput``.
    """
    if isinstance(template, str) and template.startswith("{%") and template.endswith("%}"):
        return _evaluated(state, template[2:-2].strip(), location, states)
    if isinstance(template, dict):
        return {key: evaluate(state, value, f"{location}/{key}", **states) for key, value in template.items()}
    if isinstance(template, list):
        return [evaluate(state, value, f"{location}[{n}]", **states) for n, value in enumerate(template)]
    return template


def evaluate_as(state: State, field: str, expected: str, **states: Any) -> Any:
    """A field of a state whose expression must return one type of JSON."""
    template = state.get(field)
    value = evaluate(state, template, field, **states)
    if json_type(value) != expected:
        raise evaluation_failed(state, wrong_type(template, field, expected, value), field)
    return value


def wrong_type(template: Any, field: str, expected: str, value: Any) -> str:
    """AWS's words for an expression that returned another type."""
    expression = template[2:-2].strip() if isinstance(template, str) else compact(template)
    return (
        f"The JSONata expression '{expression}' specified for the field '{field}' returned an unexpected result type. "
        f"Expected '{expected}', but was '{json_type(value)}' for value: {compact(value)}"
    )


def _evaluated(state: State, expression: str, location: str, states: dict[str, Any]) -> Any:
    engine = ministack.internal(_SFN, "jsonata")
    scope = state.scope
    null = engine.utils.Utils.NULL_VALUE
    bindings = {name: null if value is None else value for name, value in scope.variables.items()}
    bindings["states"] = {"input": state.input, "context": copy.deepcopy(scope.context), **states}
    told = f"The JSONata expression '{expression}' specified for the field '{location}' "
    try:
        compiled = engine.Jsonata.jsonata(expression, timeout=1000)
        ministack.internal(_SFN, "_register_sfn_jsonata_functions")(compiled)
        value = compiled.evaluate(None, bindings)
    except Exception as error:
        code = getattr(error, "error", None)
        message = f"{code}: {error}" if isinstance(code, str) and code else str(error)
        raise evaluation_failed(state, f"{told}threw an error during evaluation. {message}", location) from error
    if value is None and not ministack.internal(_SFN, "_jsonata_result_defined")(expression, bindings):
        raise evaluation_failed(state, f"{told}returned nothing (undefined).", location)
    if not _is_json(value):
        raise evaluation_failed(state, f"{told}returned an unsupported result type.", location)
    return value


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return all(map(_is_json, value)) if isinstance(value, list) else type(value) in _JSON_TYPES
