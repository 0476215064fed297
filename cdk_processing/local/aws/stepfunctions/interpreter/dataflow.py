"""From a state's input to its output, and to the variables that it assigns.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_processing.local.aws.stepfunctions.execution import execution_error
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate
from cdk_processing.local.aws.stepfunctions.interpreter.paths import read_field, write
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State
from cdk_processing.local.aws.stepfunctions.interpreter.templates import fill
from cdk_processing.local.aws.stepfunctions.limits import refuse_large_variables

__all__ = ["arguments_of", "assigned_by", "caught", "finish", "input_of", "output_path"]


def input_of(state: State) -> Any:
    """The input after ``InputPath``."""
    if state.jsonata or "InputPath" not in state.definition:
        return state.input
    return {} if state.get("InputPath") is None else read_field(state, "InputPath", state.input)


def output_path(state: State, output: Any) -> Any:
    """An output after ``OutputPath``."""
    if state.jsonata or "OutputPath" not in state.definition:
        return output
    return {} if state.get("OutputPath") is None else read_field(state, "OutputPath", output)


def arguments_of(state: State) -> Any:
    """What a state passes on: ``Arguments``, or the input after ``InputPath`` and ``Parameters``."""
    if state.jsonata:
        return evaluate(state, state.get("Arguments"), "Arguments") if "Arguments" in state.definition else state.input
    effective = input_of(state)
    return fill(state, state.get("Parameters"), effective) if "Parameters" in state.definition else effective


def finish(state: State, result: Any) -> Outcome:
    """The outcome of a state with a result."""
    if state.jsonata:
        assigned = assigned_by(state, state.definition, "Assign", result, result=result)
        output = (
            evaluate(state, state.get("Output"), "Output", result=result) if "Output" in state.definition else result
        )
        return Outcome.of(state, output, assigned)
    selected = fill(state, state.get("ResultSelector"), result) if "ResultSelector" in state.definition else result
    assigned = assigned_by(state, state.definition, "Assign", result)
    return Outcome.of(state, output_path(state, _placed(state, state.definition, selected)), assigned)


def _placed(state: State, fields: Mapping[str, Any], result: Any) -> Any:
    """The state's input with a result at ``ResultPath``."""
    path = fields.get("ResultPath", "$")
    if path is None:
        return state.input
    try:
        return write(path, state.input, result)
    except (LookupError, TypeError) as error:
        raise execution_error(
            "States.ResultPathMatchFailure",
            state.where(f'Unable to apply step "{path.split(".")[-1]}" to input {state.input}'),
        ) from error


def assigned_by(state: State, fields: Mapping[str, Any], location: str, document: Any, **states: Any) -> dict[str, Any]:
    """The variables of an ``Assign``. Every expression sees the values of variables before the state."""
    template = fields.get("Assign")
    if not template:
        return {}
    values = evaluate(state, template, location, **states) if state.jsonata else fill(state, template, document)
    refuse_large_variables(values, state.name)
    return dict(values)


def caught(state: State, catcher: Mapping[str, Any], number: int, error_output: dict[str, Any]) -> Outcome:
    """The outcome of a state whose error a ``Catch`` has caught."""
    location = f"Catch[{number}]/"
    if state.jsonata:
        assigned = assigned_by(state, catcher, f"{location}Assign", None, errorOutput=error_output)
        output: Any = error_output
        if "Output" in catcher:
            output = evaluate(state, catcher["Output"], f"{location}Output", errorOutput=error_output)
        return Outcome(output, catcher["Next"], assigned)
    assigned = assigned_by(state, catcher, f"{location}Assign", error_output)
    return Outcome(_placed(state, catcher, error_output), catcher["Next"], assigned)
