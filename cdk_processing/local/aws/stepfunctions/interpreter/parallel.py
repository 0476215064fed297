"""Parallel: several machines on one input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.branches import run_branches
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import arguments_of, finish
from cdk_processing.local.aws.stepfunctions.interpreter.retries import with_retry_and_catch
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, Scope, State

__all__ = ["RunMachine", "run_parallel"]

#: Runs a machine on an input, and returns its output.
RunMachine = Callable[[Mapping[str, Any], Any, Scope], Any]


def run_parallel(state: State, run_machine: RunMachine) -> Outcome:
    """Run the branches; the result is the list of their outputs."""
    return with_retry_and_catch(state, lambda: _attempt(state, run_machine), "ParallelStateFailed")


def _attempt(state: State, run_machine: RunMachine) -> Outcome:
    given = arguments_of(state)
    state.write("ParallelStateStarted")
    branches = state.get("Branches", ())
    results = run_branches([partial(run_machine, each, given, state.scope.inner(each)) for each in branches])
    state.write("ParallelStateSucceeded")
    return finish(state, results)
