"""The limits of Step Functions: the depth of an expression, and 256 KiB of data.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html,
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (States.DataLimitExceeded). AWS does
not document the depth; it was measured as 99 to 101: https://github.com/floci-io/floci/issues/2737
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cdk_processing.local import ministack

__all__ = ["DATA_LIMIT", "bounded_engine", "catch_no_terminal_error", "refuse_large_results", "refuse_large_variables"]

_SFN = "ministack.services.stepfunctions"
#: The most bytes of a state's input or output, of a task's result, and of all variables that one ``Assign`` sets.
DATA_LIMIT = 262_144
_DEPTH_LIMIT = 100
_TOO_DEEP = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive."
_TERMINAL = frozenset({"States.DataLimitExceeded", "States.Runtime"})


class _Engine:
    """Replaces the module ``jsonata`` there, with a limit of depth."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self.Jsonata = _Expressions(module.Jsonata)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class _Expressions:
    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def jsonata(self, expression: str, **options: Any) -> Any:
        made = self._original.jsonata(expression, stack=_DEPTH_LIMIT, **options)
        evaluate = made.evaluate

        def evaluate_within(*given: Any) -> Any:
            try:
                return evaluate(*given)
            except Exception as error:
                if getattr(error, "error", None) != "D1011":
                    raise
                raise RuntimeError(_TOO_DEEP) from error

        made.evaluate = evaluate_within
        return made


def bounded_engine(module: Any) -> _Engine:
    """The engine of JSONata, which stops at a depth of 100."""
    return _Engine(module)


def catch_no_terminal_error(matches: Callable[..., bool]) -> Callable[..., bool]:
    """``States.ALL`` does not match ``States.Runtime`` and ``States.DataLimitExceeded``; their own names do."""

    def error_matches(error_equals: Collection[str], error: str) -> bool:
        return error in error_equals if error in _TERMINAL else matches(error_equals, error)

    return error_matches


def refuse_large_results(add: Callable[..., Any]) -> Callable[..., Any]:
    """End the execution if a task's result or a state's output is too large."""

    def add_event(execution: Mapping[str, Any], event_type: str, details: Any = None) -> Any:
        if event_type == "TaskSucceeded" or event_type.endswith("StateExited"):
            for told in (details or {}).values():
                if _size(told.get("output")) > DATA_LIMIT:
                    what = told.get("name") or told.get("resource")
                    excess = "a result with a size exceeding the maximum number of bytes service limit."
                    raise _exceeded(f"The state/task '{what}' returned {excess}")
        return add(execution, event_type, details)

    return add_event


def refuse_large_variables(values: Mapping[str, Any], state: str) -> None:
    """End the execution if the variables that one ``Assign`` sets are too large together."""
    if len(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()) > DATA_LIMIT:
        raise _exceeded(f"The variables assigned in the state '{state}' exceed the limit of {DATA_LIMIT} bytes.")


def _size(text: str | None) -> int:
    return 0 if text is None else len(text.encode())


def _exceeded(cause: str) -> Exception:
    made: Exception = ministack.internal(_SFN, "_ExecutionError")("States.DataLimitExceeded", cause)
    return made
