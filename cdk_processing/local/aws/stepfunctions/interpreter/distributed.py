"""Distributed Map: each item, or batch of items, is an execution of its own in a Map Run.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.execution import execution_error
from cdk_processing.local.aws.stepfunctions.history import Branch, BranchEndedError, begin_branch, current_branch, write
from cdk_processing.local.aws.stepfunctions.interpreter.batches import batches_of
from cdk_processing.local.aws.stepfunctions.interpreter.branches import run_branches
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import finish
from cdk_processing.local.aws.stepfunctions.interpreter.item_readers import read_items
from cdk_processing.local.aws.stepfunctions.interpreter.items import item_input
from cdk_processing.local.aws.stepfunctions.interpreter.map_runs import MapRun
from cdk_processing.local.aws.stepfunctions.interpreter.numbers import number, whole_number
from cdk_processing.local.aws.stepfunctions.interpreter.parallel import RunMachine
from cdk_processing.local.aws.stepfunctions.interpreter.result_writers import write_results
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, Scope, State, compact

__all__ = ["run_distributed"]

_SFN = "ministack.services.stepfunctions"
#: "up to 10,000 parallel child workflow executions"; threads cost more here.
_AT_ONCE = 40


def run_distributed(
    state: State, effective: Any, items: Sequence[Any], at_once: int, run_machine: RunMachine
) -> Outcome:
    """Run each item in an execution; the result is the list of outputs, or where ``ResultWriter`` put them."""
    state.write("MapStateStarted", {"length": len(items)})
    run = MapRun(state, at_once, *_tolerated(state, effective))
    state.write("MapRunStarted", {"mapRunArn": run.arn})
    try:
        if state.get("ItemReader"):
            items = read_items(state, effective)
        inputs = batches_of(state, effective, [_selected(state, effective, *each) for each in enumerate(items)])
        run.begin(len(items), len(inputs))
        results = _run_children(state, run, inputs, at_once, run_machine)
        result = write_results(state, effective, run) if state.get("ResultWriter") else results
    except ministack.internal(_SFN, "_ExecutionError") as error:
        run.end("FAILED")
        told = {"error": error.error, "cause": error.cause}
        state.write("MapRunFailed", {name: text for name, text in told.items() if text is not None})
        raise
    run.end("SUCCEEDED")
    state.write("MapRunSucceeded")
    state.write("MapStateSucceeded")
    return finish(state, result)


def _tolerated(state: State, effective: Any) -> tuple[int, float]:
    count = whole_number(state, state.definition, "ToleratedFailureCount", effective)
    percentage = number(state, state.definition, "ToleratedFailurePercentage", effective)
    if count < 0:
        raise state.failed("ToleratedFailureCount cannot be negative.")
    if not 0 <= percentage <= 100:
        raise state.failed("ToleratedFailurePercentage must be between 0 and 100.")
    return count, percentage


def _selected(state: State, effective: Any, index: int, item: Any) -> Any:
    context = {**state.scope.context, "Map": {"Item": {"Index": index, "Value": item}}}
    scope = Scope(state.scope.record, context, state.scope.variables, state.scope.language)
    return item_input(state, scope, item, effective)


def _run_children(state: State, run: MapRun, inputs: Sequence[Any], at_once: int, run_machine: RunMachine) -> list[Any]:
    """The outputs of the executions that succeeded, in order."""
    processor = state.get("ItemProcessor") or state.get("Iterator")
    jobs = [partial(_run_child, state, run, processor, given, run_machine) for given in inputs]
    outputs = run_branches(jobs, min(at_once or _AT_ONCE, _AT_ONCE))
    return [output for succeeded, output in outputs if succeeded]


def _run_child(
    state: State, run: MapRun, processor: Mapping[str, Any], given: Any, run_machine: RunMachine
) -> tuple[bool, Any]:
    """Run one execution; whether it succeeded, and its output."""
    record = run.child(compact(given))
    outer = current_branch()
    begin_branch(Branch(ended=outer.ended, parked=outer.parked) if outer is not None else Branch())
    execution = {
        **state.scope.context["Execution"],
        "Id": record["executionArn"],
        "Input": given,
        "Name": record["name"],
        "StartTime": record["startDate"],
    }
    machine = {**state.scope.context["StateMachine"], "Id": record["stateMachineArn"]}
    # A child execution sees no variables of its parent.
    language = processor.get("QueryLanguage", state.scope.language)
    scope = Scope(record, {"Execution": execution, "StateMachine": machine}, ChainMap(), language)
    try:
        output = run_machine(processor, given, scope)
        write(record, "ExecutionSucceeded", {"output": compact(output)})
    except BranchEndedError:
        run.child_ended(record, "ABORTED")
        raise
    except ministack.internal(_SFN, "_ExecutionError") as error:
        told = {"error": error.error, "cause": error.cause}
        write(record, "ExecutionFailed", {name: text for name, text in told.items() if text is not None})
        run.child_ended(record, "FAILED", error=error.error, cause=error.cause)
        if run.exceeded:
            raise execution_error(
                "States.ExceedToleratedFailureThreshold",
                "The specified tolerated failure threshold was exceeded",
            ) from error
        return False, None
    run.child_ended(record, "SUCCEEDED", output=json.dumps(output))
    return True, output
