"""Pass, Succeed and Fail."""

from __future__ import annotations

from typing import Any

from cdk_processing.local.aws.stepfunctions.execution import execution_error
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import (
    arguments_of,
    assigned_by,
    finish,
    input_of,
    output_path,
)
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate, evaluate_as
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State
from cdk_processing.local.aws.stepfunctions.interpreter.templates import value_of

__all__ = ["run_fail", "run_pass", "run_succeed"]


def run_pass(state: State) -> Outcome:
    """Pass its input on, or a result."""
    if state.jsonata:
        assigned = assigned_by(state, state.definition, "Assign", None)
        output = evaluate(state, state.get("Output"), "Output") if "Output" in state.definition else state.input
        return Outcome.of(state, output, assigned)
    passed = arguments_of(state)
    return finish(state, state.get("Result", passed))


def run_succeed(state: State) -> Outcome:
    """End the machine."""
    if state.jsonata:
        output = evaluate(state, state.get("Output"), "Output") if "Output" in state.definition else state.input
        return Outcome(output, None)
    return Outcome(output_path(state, input_of(state)), None)


def run_fail(state: State) -> Outcome:
    """Fail with an error and a cause, each of which may be left out."""
    raise execution_error(_text_of(state, "Error"), _text_of(state, "Cause"))


def _text_of(state: State, field: str) -> Any:
    if f"{field}Path" in state.definition:
        return value_of(state, state.get(f"{field}Path"), state.input, f"{field}Path")
    if state.jsonata and field in state.definition:
        return evaluate_as(state, field, "string")
    return state.get(field)
