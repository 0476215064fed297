"""Runs executions as AWS does: under a role, once for each name, and ready to stop at any moment.

:mod:`~cdk_processing.local.aws.stepfunctions.interpreter` goes through the states. This module makes MiniStack's waits
end with the execution, and keeps a late failure from overwriting an abort.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import Principal, role_principal
from cdk_processing.local.aws.stepfunctions.history import current_branch, pack
from cdk_processing.local.aws.stepfunctions.permissions import start_denial
from cdk_processing.local.aws.stepfunctions.times import now
from cdk_processing.local.signals import Signal, wait_for_any

__all__ = [
    "SESSION",
    "Clock",
    "Execution",
    "current_execution",
    "end_signal",
    "execution_error",
    "fail_if_running",
    "idempotent_start",
    "run_under_role",
    "stop_at_once",
    "stop_on_timeout",
    "wait_or_be_stopped",
    "wait_until_ends_are_reported",
]

_SFN = "ministack.services.stepfunctions"
# The session name in "assumed-role/<role>/<session>"; AWS makes up a random one.
SESSION = "StepFunctions"
# MiniStack sleeps this long before the first state of an execution. AWS does not.
_START_PAUSE = 0.15


@dataclass
class Execution:
    """An execution that runs."""

    arn: str
    role_arn: str
    record: dict[str, Any]
    machine: Mapping[str, Any]
    make_client: Callable[[str, str], Any]
    stopped: Signal = field(default_factory=Signal)

    @property
    def principal(self) -> Principal:
        """The state machine's role, with which its tasks call."""
        return role_principal(self.role_arn, SESSION)

    def client(self, service: str) -> Any:
        """A boto3 client that calls with the state machine's role."""
        return self.make_client(self.role_arn, service)


_execution: contextvars.ContextVar[Execution | None] = contextvars.ContextVar("execution", default=None)
_timed_out: contextvars.ContextVar[Signal | None] = contextvars.ContextVar("task_timed_out", default=None)
_stops: dict[str, Signal] = {}
_running: dict[str, dict[str, Any]] = {}
_ends: dict[str, Signal] = {}
_stops_lock = threading.Lock()


def current_execution() -> Execution | None:
    """The execution of this thread."""
    return _execution.get()


def execution_error(error: str, cause: str) -> Exception:
    """An error that a state can retry and catch."""
    made: Exception = ministack.internal(_SFN, "_ExecutionError")(error, cause)
    return made


def task_ended_early() -> tuple[Signal, ...]:
    """The event that ends the current task early: its timeout, or the end of the execution."""
    execution = _execution.get()
    timed_out = _timed_out.get()
    branch = current_branch()
    ended = branch.ended if branch is not None else execution.stopped if execution else None
    return tuple(signal for signal in (timed_out, ended) if signal is not None)


class Clock:
    """Replaces the ``time`` module there: a sleep ends when the branch or the execution ends."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Sleep until the time is over or the execution is stopped."""
        execution = _execution.get()
        if execution is None:
            time.sleep(seconds)
        elif seconds != _START_PAUSE:
            branch = current_branch()
            if branch is not None:
                branch.parked.set()
            (branch.ended if branch is not None else execution.stopped).wait(seconds)


def _stop_signal(arn: str) -> Signal:
    with _stops_lock:
        return _stops.setdefault(arn, Signal())


def end_signal(arn: str) -> Signal:
    """What is set when an execution ends; set already, if it has ended."""
    with _stops_lock:
        signal = _ends.setdefault(arn, Signal())
    record = ministack.internal(_SFN, "_executions").get(arn)
    if record is None or record["status"] != "RUNNING":
        signal.set()
    return signal


def idempotent_start(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return the running execution for the same name and input."""

    def start_execution(data: Mapping[str, Any]) -> Any:
        name = data.get("name")
        machine_arn = ministack.internal(_SFN, "_resolve_state_machine_arn")(data.get("stateMachineArn", ""))
        machine = ministack.internal(_SFN, "_state_machines").get(machine_arn) if machine_arn else None
        if name and machine and machine.get("type", "STANDARD") == "STANDARD":
            account, region = ministack.scope()
            arn = f"arn:aws:states:{region}:{account}:execution:{machine['name']}:{name}"
            record = ministack.internal(_SFN, "_executions").get(arn)
            if record and record["status"] == "RUNNING" and record["input"] == data.get("input", "{}"):
                answer = {"executionArn": arn, "startDate": record["startDate"]}
                return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()
        return start(data)

    return start_execution


def run_under_role(make_client: Callable[[str, str], Any], run: Callable[[str], None]) -> Callable[[str], None]:
    """Run an execution with its role and its time limit, so that it can be stopped."""

    def run_execution(exec_arn: str) -> None:
        record = ministack.internal(_SFN, "_executions").get(exec_arn)
        machine = ministack.internal(_SFN, "_state_machines").get(record["stateMachineArn"]) if record else None
        if record is None or machine is None:
            run(exec_arn)
            return
        execution = Execution(exec_arn, machine["roleArn"], record, machine, make_client, _stop_signal(exec_arn))
        outer = _execution.set(execution)
        _running[exec_arn] = record
        timer: threading.Timer | None = None
        try:
            denial = start_denial(machine, execution.principal)
            if denial is not None:
                ministack.internal(_SFN, "_fail_execution")(record, "States.Runtime", denial)
                return
            timer = _time_limit(machine, execution)
            run(exec_arn)
        finally:
            if timer is not None:
                timer.cancel()
            _running.pop(exec_arn, None)
            with _stops_lock:
                _stops.pop(exec_arn, None)
                ended = _ends.pop(exec_arn, None)
            if ended is not None:
                ended.set()
            _execution.reset(outer)
            pack(record)

    return run_execution


def wait_until_ends_are_reported(within: float = 30) -> None:
    """Wait until each ended execution has published its metrics and event. It does so just after its status changes.

    Do not call it on the thread that serves requests.
    """
    deadline = time.monotonic() + within
    while any(record["status"] in ("SUCCEEDED", "FAILED") for record in list(_running.values())):
        if time.monotonic() > deadline:
            return
        time.sleep(0.001)


def _time_limit(machine: Mapping[str, Any], execution: Execution) -> threading.Timer | None:
    """The TimeoutSeconds of a state machine, which MiniStack ignores."""
    try:
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds")
    except ValueError:
        seconds = None
    if not seconds:
        return None

    def time_out() -> None:
        record = execution.record
        if record["status"] == "RUNNING":
            record.update(status="TIMED_OUT", stopDate=now(), error="States.Timeout")
            ministack.internal(_SFN, "_add_event")(
                record, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
            )
            execution.stopped.set()
            emit = ministack.internal(_SFN, "_emit_execution_status_event")
            ministack.main_loop_call(lambda: emit(record))

    context = contextvars.copy_context()
    timer = threading.Timer(seconds, context.run, (time_out,))
    timer.daemon = True
    timer.start()
    return timer


def stop_at_once(stop: Callable[..., Any]) -> Callable[..., Any]:
    """End the wait of an execution when it is stopped."""

    def stop_execution(data: Mapping[str, Any]) -> Any:
        answer = stop(data)
        arn = data.get("executionArn")
        with _stops_lock:
            signal = _stops.get(str(arn))
        if answer[0] < 400 and signal is not None:
            signal.set()
        return answer

    return stop_execution


def fail_if_running(fail: Callable[..., None]) -> Callable[..., None]:
    """Keep the status of a stopped execution ABORTED."""

    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        # A task that ends after StopExecution must not turn ABORTED into FAILED.
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)
            execution["output"] = None  # MiniStack puts the error there

    return fail_execution


def stop_on_timeout(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """End a task at its timeout."""

    def invoke_resource_with_timeout(resource: str, input_data: Any, timeout: float) -> Any:
        timed_out = Signal()
        token = _timed_out.set(timed_out)
        try:
            return invoke(resource, input_data, timeout)
        except Exception as error:
            if getattr(error, "error", None) == "States.Timeout":
                timed_out.set()
            raise
        finally:
            _timed_out.reset(token)

    return invoke_resource_with_timeout


def wait_or_be_stopped(ended: Signal) -> bool:
    """Wait for something that a task has started; False if the task ended first."""
    wait_for_any(ended, *task_ended_early())
    return ended.is_set()
