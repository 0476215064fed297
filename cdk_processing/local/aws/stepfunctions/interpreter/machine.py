"""Runs a machine: from state to state, to its end."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.execution import current_execution, execution_error
from cdk_processing.local.aws.stepfunctions.execution_logs import log_event
from cdk_processing.local.aws.stepfunctions.history import Branch, BranchEndedError, begin_branch, current_branch, write
from cdk_processing.local.aws.stepfunctions.interpreter.choices import run_choice
from cdk_processing.local.aws.stepfunctions.interpreter.maps import run_map
from cdk_processing.local.aws.stepfunctions.interpreter.parallel import run_parallel
from cdk_processing.local.aws.stepfunctions.interpreter.simple_states import run_fail, run_pass, run_succeed
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, Scope, State, compact
from cdk_processing.local.aws.stepfunctions.interpreter.tasks import run_task
from cdk_processing.local.aws.stepfunctions.interpreter.waits import run_wait
from cdk_processing.local.aws.stepfunctions.times import now

__all__ = ["interpret", "run_machine"]

_SFN = "ministack.services.stepfunctions"
_log = logging.getLogger(__name__)


def interpret(_original: Any) -> Callable[[str], None]:
    """Run an execution, where MiniStack would run it by its own interpreter."""

    def run_execution(exec_arn: str) -> None:
        execution = current_execution()
        if execution is None:
            return
        record, definition = execution.record, json.loads(execution.machine["definition"])
        _complete_first_event(record)
        begin_branch(Branch(ended=execution.stopped))
        given = json.loads(record["input"])
        context = {
            "Execution": {
                "Id": exec_arn,
                "Input": given,
                "Name": record["name"],
                "RoleArn": execution.role_arn,
                "StartTime": record["startDate"],
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": record["stateMachineArn"], "Name": execution.machine["name"]},
        }
        scope = Scope(record, context, language=definition.get("QueryLanguage", "JSONPath"))
        try:
            _succeed(record, run_machine(definition, given, scope))
        except BranchEndedError:
            return  # stopped, or out of time
        except ministack.internal(_SFN, "_ExecutionError") as error:
            ministack.internal(_SFN, "_fail_execution")(record, error.error, error.cause)
        except Exception as error:
            _log.exception("%s cannot be interpreted", exec_arn)
            ministack.internal(_SFN, "_fail_execution")(record, "States.Runtime", str(error))

    return run_execution


def _complete_first_event(record: dict[str, Any]) -> None:
    """Add to ExecutionStarted what MiniStack leaves out, and log it."""
    event = record["events"][0]
    event["previousEventId"] = 0
    event["executionStartedEventDetails"]["inputDetails"] = {"truncated": False}
    log_event(record, event)


def _succeed(record: dict[str, Any], output: Any) -> None:
    text = compact(output)
    write(record, "ExecutionSucceeded", {"output": text})
    record.update(output=text, stopDate=now(), status="SUCCEEDED")
    ministack.internal(_SFN, "_emit_execution_status_event")(record)


_RUN: dict[str, Callable[[State], Outcome]] = {
    "Pass": run_pass,
    "Succeed": run_succeed,
    "Fail": run_fail,
    "Wait": run_wait,
    "Choice": run_choice,
    "Task": run_task,
    "Parallel": lambda state: run_parallel(state, run_machine),
    "Map": lambda state: run_map(state, run_machine),
}


def run_machine(machine: Mapping[str, Any], given: Any, scope: Scope) -> Any:
    """Run a machine on an input, and return its output."""
    name: str | None = machine["StartAt"]
    while name is not None:
        state = _enter(machine["States"], name, given, scope)
        outcome = _RUN[state.get("Type")](state)
        scope.variables.update(outcome.assigned)
        _leave(state, outcome)
        given, name = outcome.output, outcome.next_state
    return given


def _enter(states: Mapping[str, Any], name: str, given: Any, scope: Scope) -> State:
    if name not in states:
        raise execution_error("States.Runtime", f"State '{name}' does not exist.")
    definition = states[name]
    branch = current_branch()
    before = branch.last if branch is not None else 0
    scope.context["State"] = {"Name": name, "EnteredTime": now()}
    if definition["Type"] in ("Task", "Parallel", "Map"):
        scope.context["State"]["RetryCount"] = 0
    entered = write(scope.record, f"{definition['Type']}StateEntered", {"name": name, "input": compact(given)})
    return State(name, definition, given, scope, entered, before)


def _leave(state: State, outcome: Outcome) -> None:
    details: dict[str, Any] = {"name": state.name, "output": compact(outcome.output)}
    if outcome.assigned:
        details["assignedVariables"] = {name: compact(value) for name, value in outcome.assigned.items()}
    state.write(f"{state.get('Type')}StateExited", details)
