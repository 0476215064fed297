"""A state machine deleted while executions run.

"It sets the state machine's status to DELETING ... A state machine is deleted only when all its executions are
completed. On the next state transition, the state machine's executions are terminated"
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html). A terminated execution is
FAILED, with ``States.Runtime`` and "State machine ... has been deleted."
(https://repost.aws/knowledge-center/step-functions-stuck-deleting-status): nothing in it can catch that, so no dead
letter is written, and nobody stops the processing job that its task waits for: the job goes on to its own end, and the
transition after it ends the execution. A task in the last state ends its execution well: no transition follows.

CloudFormation does not wait for any of that and deletes what is next, the roles say, right away
(https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-stepfunctions, ``DeleteHandler``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdk_processing.local.aws import ministack
from cdk_processing.local.stepfunctions.execution import current_execution, execution_error

__all__ = ["delete_machines_as_aws_does"]

_SFN = "ministack.services.stepfunctions"
_MACHINE = "AWS::StepFunctions::StateMachine"
_DELETING = "DELETING"
# On the record of an execution whose state machine is gone: a new one of that name begins with a clean slate.
_ORPHAN = "stateMachineDeleted"


def delete_machines_as_aws_does() -> None:
    """Replace both deletions, the API's and CloudFormation's, which take a state machine away under its executions."""
    replacements: dict[str, Callable[[Any], Any]] = {
        "_delete_state_machine": lambda _original: _delete,
        "_start_execution": _refuse_while_deleting,
        "_create_state_machine": _with_a_clean_slate,
        "_run_execution": _then_delete,
        "_add_event": _terminate_at_transition,
        "_find_matching_retrier": _terminate_at_retry,
    }
    for name, wrap in replacements.items():
        ministack.replace_internal(_SFN, name, wrap)
    handlers = ministack.internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers[_MACHINE]["delete"] = lambda physical_id, _properties: _mark(physical_id)
    ministack.after_provisioning(_MACHINE, lambda arn, _properties: _forget_orphans(arn))


def _delete(data: Mapping[str, Any]) -> Any:
    # "Deleting a state machine that is not there" is no error in AWS either.
    _mark(str(data.get("stateMachineArn")))
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, b"{}"


def _mark(arn: str) -> None:
    machine = ministack.internal(_SFN, "_state_machines").get(arn)
    if machine is not None:
        machine["status"] = _DELETING
        _delete_if_idle(machine)


def _delete_if_idle(machine: Mapping[str, Any]) -> None:
    arn = machine["stateMachineArn"]
    machines = ministack.internal(_SFN, "_state_machines")
    # One of the same name may have been made meanwhile.
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


def _forget_orphans(machine_arn: str) -> None:
    for record in _executions(machine_arn):
        if record.get(_ORPHAN):
            ministack.internal(_SFN, "_executions").pop(record["executionArn"], None)


def _refuse_while_deleting(start: Callable[..., Any]) -> Callable[..., Any]:
    def start_execution(data: Mapping[str, Any]) -> Any:
        arn = ministack.internal(_SFN, "_resolve_state_machine_arn")(data.get("stateMachineArn", ""))
        machine = ministack.internal(_SFN, "_state_machines").get(arn) if arn else None
        if machine is not None and machine.get("status") == _DELETING:
            refuse = ministack.internal("ministack.core.responses", "error_response_json")
            return refuse("StateMachineDeleting", f"State Machine is being deleted: '{arn}'", 400)
        return start(data)

    return start_execution


def _with_a_clean_slate(create: Callable[..., Any]) -> Callable[..., Any]:
    def create_state_machine(data: Mapping[str, Any]) -> Any:
        answer = create(data)
        if answer[0] < 400:
            account, region = ministack.scope()
            _forget_orphans(f"arn:aws:states:{region}:{account}:stateMachine:{data['name']}")
        return answer

    return create_state_machine


def _then_delete(run: Callable[[str], None]) -> Callable[[str], None]:
    def run_execution(exec_arn: str) -> None:
        machine: Any = None
        with contextlib.suppress(KeyError, TypeError):
            record = ministack.internal(_SFN, "_executions").get(exec_arn)
            machine = ministack.internal(_SFN, "_state_machines").get(record["stateMachineArn"])
        run(exec_arn)
        if machine is not None and machine.get("status") == _DELETING:
            ministack.main_loop_call(lambda: _delete_if_idle(machine))

    return run_execution


def _terminate_at_transition(add: Callable[..., Any]) -> Callable[..., Any]:
    def add_event(execution: Mapping[str, Any], event_type: str, details: Any = None) -> Any:
        if event_type.endswith("StateEntered"):
            _terminate_if_deleting()
        return add(execution, event_type, details)

    return add_event


def _terminate_at_retry(find: Callable[..., Any]) -> Callable[..., Any]:
    def find_matching_retrier(retriers: Any, error: str, retry_counts: Mapping[int, int]) -> Any:
        found = find(retriers, error, retry_counts)
        if found[0] is not None:  # "each retry counts as a state transition"
            _terminate_if_deleting()
        return found

    return find_matching_retrier


def _terminate_if_deleting() -> None:
    execution = current_execution()
    if execution is not None and execution.machine.get("status") == _DELETING:
        raise execution_error("States.Runtime", f"State machine {execution.machine['name']} has been deleted.")
