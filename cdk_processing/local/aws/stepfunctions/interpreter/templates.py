"""Fills in payload templates of JSONPath: fields whose names end in ``.$`` hold a path or an intrinsic function.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
"""

from __future__ import annotations

from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.intrinsics import call
from cdk_processing.local.aws.stepfunctions.interpreter.paths import PathNotFoundError, read
from cdk_processing.local.aws.stepfunctions.interpreter.state import Scope, State, compact

__all__ = ["fill", "value_of"]


def fill(state: State, template: Any, document: Any, scope: Scope | None = None) -> Any:
    """A template with its paths and functions replaced by their values.

    Args:
        state: The state with the template.
        template: The template.
        document: What ``$`` is.
        scope: Variables and context object, if they are not those of the state.
    """
    if isinstance(template, list):
        return [fill(state, value, document, scope) for value in template]
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): value_of(state, value, document, key, scope)
        if key.endswith(".$")
        else fill(state, value, document, scope)
        for key, value in template.items()
    }


def value_of(state: State, source: str, document: Any, field: str, scope: Scope | None = None) -> Any:
    """The value of a path or an intrinsic function."""
    used = scope or state.scope
    if not source.startswith("$"):
        return call(state, source, document, used)
    try:
        return read(source, document, used)
    except PathNotFoundError as error:
        raise state.failed(
            f"The JSONPath '{source}' specified for the field '{field}' could not be found in the input "
            f"'{compact(document)}'"
        ) from error
