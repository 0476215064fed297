"""What one iteration of a Map gets as its input."""

from __future__ import annotations

import dataclasses
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate
from cdk_processing.local.aws.stepfunctions.interpreter.state import Scope, State
from cdk_processing.local.aws.stepfunctions.interpreter.templates import fill

__all__ = ["item_input"]


def item_input(state: State, scope: Scope, item: Any, effective: Any) -> Any:
    """The item, or what ``ItemSelector`` makes of it (or ``Parameters``, its older name)."""
    selector = next((name for name in ("ItemSelector", "Parameters") if name in state.definition), None)
    if selector is None:
        return item
    if state.jsonata:
        return evaluate(dataclasses.replace(state, scope=scope), state.get(selector), selector)
    return fill(state, state.get(selector), effective, scope)
