"""Map: one machine on each item of an array.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from cdk_processing.local.aws.stepfunctions.history import BranchEndedError
from cdk_processing.local.aws.stepfunctions.interpreter.branches import run_branches
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import finish, input_of
from cdk_processing.local.aws.stepfunctions.interpreter.distributed import run_distributed
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate, evaluation_failed, wrong_type
from cdk_processing.local.aws.stepfunctions.interpreter.items import item_input
from cdk_processing.local.aws.stepfunctions.interpreter.numbers import whole_number
from cdk_processing.local.aws.stepfunctions.interpreter.parallel import RunMachine
from cdk_processing.local.aws.stepfunctions.interpreter.paths import read_field
from cdk_processing.local.aws.stepfunctions.interpreter.retries import with_retry_and_catch
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State, compact

__all__ = ["run_map"]

# "Inline mode ... supports up to 40 concurrent iterations"
_AT_ONCE = 40


def run_map(state: State, run_machine: RunMachine) -> Outcome:
    """Run the processor on each item; the result is the list of its outputs."""
    effective = input_of(state)
    processor = state.get("ItemProcessor") or state.get("Iterator")
    at_once = whole_number(state, state.definition, "MaxConcurrency", effective)
    if at_once < 0:
        raise state.failed("MaxConcurrency cannot be negative.")
    if (processor.get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
        return with_retry_and_catch(
            state,
            lambda: run_distributed(state, effective, _items(state, effective), at_once, run_machine),
            "MapStateFailed",
        )
    return with_retry_and_catch(
        state, lambda: _attempt(state, effective, processor, at_once, run_machine), "MapStateFailed"
    )


def _attempt(
    state: State, effective: Any, processor: Mapping[str, Any], at_once: int, run_machine: RunMachine
) -> Outcome:
    items = _items(state, effective)
    state.write("MapStateStarted", {"length": len(items)})
    iterations = [
        partial(_iterate, state, processor, number, item, effective, run_machine) for number, item in enumerate(items)
    ]
    results = run_branches(
        iterations,
        min(at_once or _AT_ONCE, _AT_ONCE),
        lambda number: state.write("MapIterationAborted", {"name": state.name, "index": number}),
    )
    state.write("MapStateSucceeded")
    return finish(state, results)


def _items(state: State, effective: Any) -> list[Any]:
    """The array; nothing for an ``ItemReader``, which reads it later."""
    if state.get("ItemReader"):
        return []
    if state.jsonata:
        return _items_of_jsonata(state)
    items = read_field(state, "ItemsPath", effective) if "ItemsPath" in state.definition else effective
    if not isinstance(items, list):
        path = state.get("ItemsPath", "$")
        raise state.failed(f'Reference path "{path}" must point to array.')
    return items


def _items_of_jsonata(state: State) -> list[Any]:
    if "Items" not in state.definition:
        if not isinstance(state.input, list):
            raise evaluation_failed(state, f"Map state input must be an array but was: {compact(state.input)}", None)
        return state.input
    items = evaluate(state, state.get("Items"), "Items")
    if not isinstance(items, list):
        raise evaluation_failed(state, wrong_type(state.get("Items"), "Items", "array", items), "Items")
    return items


def _iterate(
    state: State, processor: Mapping[str, Any], number: int, item: Any, effective: Any, run_machine: RunMachine
) -> Any:
    which = {"name": state.name, "index": number}
    state.write("MapIterationStarted", which)
    try:
        scope = state.scope.inner(processor, Map={"Item": {"Index": number, "Value": item}})
        output = run_machine(processor, item_input(state, scope, item, effective), scope)
    except BranchEndedError:
        raise
    except Exception:
        state.write("MapIterationFailed", which)
        raise
    state.write("MapIterationSucceeded", which)
    return output
