"""Deletes a state machine while executions run.

"It sets the state machine's status to DELETING ... A state machine is deleted only when all its executions are
completed. On the next state transition, the state machine's executions are terminated"
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html). A terminated execution is
FAILED, with ``States.Runtime`` and "State machine ... has been deleted."
(https://repost.aws/knowledge-center/step-functions-stuck-deleting-status): no state can catch that. So the run
writes no dead letter, and nobody stops its processing job: the job goes on to its end, and the transition after it ends
the execution. If the task is the last state, the execution succeeds, because no transition follows.

CloudFormation does not wait for the executions. It deletes the next resource, such as a role, at once
(https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-stepfunctions, ``DeleteHandler``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.execution import current_execution, execution_error

__all__ = [
    "delete",
    "forget_orphans",
    "mark_for_deletion",
    "refuse_while_deleting",
    "terminate_at_transition",
    "terminate_if_deleting",
    "then_delete",
    "with_a_clean_slate",
]

_SFN = "ministack.services.stepfunctions"
_MACHINE = "AWS::StepFunctions::StateMachine"
_DELETING = "DELETING"
# Marks an execution whose state machine is deleted, so that a new one of that name starts without executions.
_ORPHAN = "stateMachineDeleted"


def delete(data: Mapping[str, Any]) -> Any:
    """DeleteStateMachine: mark the state machine, and delete it when nothing runs."""
    # AWS also accepts the deletion of a state machine that does not exist.
    mark_for_deletion(str(data.get("stateMachineArn")))
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, b"{}"


def mark_for_deletion(arn: str) -> None:
    """Set a state machine's status to DELETING; the end of its last execution deletes it."""
    machine = ministack.internal(_SFN, "_state_machines").get(arn)
    if machine is not None:
        machine["status"] = _DELETING
        _delete_if_idle(machine)


def _delete_if_idle(machine: Mapping[str, Any]) -> None:
    arn = machine["stateMachineArn"]
    machines = ministack.internal(_SFN, "_state_machines")
    # Another one of this name may have been created meanwhile.
    if machines.get(arn) is not machine or any(record["status"] == "RUNNING" for record in _executions(arn)):
        return
    machines.pop(arn, None)
    ministack.internal(_SFN, "_tags").pop(arn, None)
    for record in _executions(arn):
        record[_ORPHAN] = True


def _executions(machine_arn: str) -> Iterator[dict[str, Any]]:
    for record in list(ministack.internal(_SFN, "_executions").values()):
        if record.get("stateMachineArn") == machine_arn:
            yield record


def forget_orphans(machine_arn: str) -> None:
    """Hide the executions of a deleted state machine from a new one of its name."""
    for record in _executions(machine_arn):
        if record.get(_ORPHAN):
            ministack.internal(_SFN, "_executions").pop(record["executionArn"], None)


def refuse_while_deleting(start: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to start an execution of a state machine that is being deleted."""

    def start_execution(data: Mapping[str, Any]) -> Any:
        arn = ministack.internal(_SFN, "_resolve_state_machine_arn")(data.get("stateMachineArn", ""))
        machine = ministack.internal(_SFN, "_state_machines").get(arn) if arn else None
        if machine is not None and machine.get("status") == _DELETING:
            refuse = ministack.internal("ministack.core.responses", "error_response_json")
            return refuse("StateMachineDeleting", f"State Machine is being deleted: '{arn}'", 400)
        return start(data)

    return start_execution


def with_a_clean_slate(create: Callable[..., Any]) -> Callable[..., Any]:
    """Create a state machine without the executions of an older one of its name."""

    def create_state_machine(data: Mapping[str, Any]) -> Any:
        answer = create(data)
        if answer[0] < 400:
            account, region = ministack.scope()
            forget_orphans(f"arn:aws:states:{region}:{account}:stateMachine:{data['name']}")
        return answer

    return create_state_machine


def then_delete(run: Callable[[str], None]) -> Callable[[str], None]:
    """Delete a state machine with status DELETING when its last execution ends."""

    def run_execution(exec_arn: str) -> None:
        machine: Any = None
        with contextlib.suppress(KeyError, TypeError):
            record = ministack.internal(_SFN, "_executions").get(exec_arn)
            machine = ministack.internal(_SFN, "_state_machines").get(record["stateMachineArn"])
        run(exec_arn)
        if machine is not None and machine.get("status") == _DELETING:
            ministack.main_loop_call(lambda: _delete_if_idle(machine))

    return run_execution


def terminate_at_transition(add: Callable[..., Any]) -> Callable[..., Any]:
    """End an execution at its next transition if its state machine is being deleted."""

    def add_event(execution: Mapping[str, Any], event_type: str, details: Any = None) -> Any:
        if event_type.endswith("StateEntered"):
            terminate_if_deleting()
        return add(execution, event_type, details)

    return add_event


def terminate_if_deleting() -> None:
    """End the execution of this thread if its state machine is being deleted."""
    execution = current_execution()
    if execution is not None and execution.machine.get("status") == _DELETING:
        raise execution_error("States.Runtime", f"State machine {execution.machine['name']} has been deleted.")
