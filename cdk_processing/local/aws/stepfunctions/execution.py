"""Runs executions as AWS does: under a role, once for each name, and ready to stop at any moment.

MiniStack's loop goes through the states. This module replaces its pause at the start, its waits that cannot be stopped,
its retries without ``MaxDelaySeconds`` and jitter, and its variables that see each other's new values. It adds timeouts
that are expressions, and it keeps a late failure from overwriting an abort.
"""

from __future__ import annotations

import contextvars
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import Principal, role_principal
from cdk_processing.local.aws.stepfunctions.history import remember_assigned
from cdk_processing.local.aws.stepfunctions.limits import refuse_large_variables
from cdk_processing.local.aws.stepfunctions.permissions import start_denial
from cdk_processing.local.signals import Signal, wait_for_any

__all__ = [
    "SESSION",
    "Clock",
    "Execution",
    "assign_at_once",
    "boolean_condition",
    "current_execution",
    "evaluated_timeout",
    "execution_error",
    "fail_if_running",
    "idempotent_start",
    "output_of_succeed",
    "run_under_role",
    "stop_at_once",
    "stop_on_timeout",
    "wait_before_retry",
    "wait_or_be_stopped",
    "wait_until_ends_are_reported",
]

_SFN = "ministack.services.stepfunctions"
# The session name in "assumed-role/<role>/<session>"; AWS makes up a random one.
SESSION = "StepFunctions"
# MiniStack sleeps this long before the first state of an execution. AWS does not.
_START_PAUSE = 0.15
_JSON_TYPES = {str: "string", int: "number", float: "number", list: "array", type(None): "null"}


@dataclass
class Execution:
    """An execution that runs."""

    arn: str
    role_arn: str
    record: dict[str, Any]
    machine: Mapping[str, Any]
    stopped: Signal = field(default_factory=Signal)

    @property
    def principal(self) -> Principal:
        """The state machine's role, with which its tasks call."""
        return role_principal(self.role_arn, SESSION)


_execution: contextvars.ContextVar[Execution | None] = contextvars.ContextVar("execution", default=None)
_timed_out: contextvars.ContextVar[Signal | None] = contextvars.ContextVar("task_timed_out", default=None)
_stops: dict[str, Signal] = {}
_running: dict[str, dict[str, Any]] = {}
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
    return tuple(signal for signal in (timed_out, execution.stopped if execution else None) if signal is not None)


def output_of_succeed(apply: Callable[..., Any]) -> Callable[..., Any]:
    """The ``Output`` of a Succeed state, which MiniStack ignores."""

    def apply_output(state: Mapping[str, Any], data: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and "Output" in state:
            return ministack.internal(_SFN, "_apply_jsonata_template")(state["Output"], data, context)
        return apply(state, data, context)

    return apply_output


def boolean_condition(_original: Any) -> Callable[..., bool]:
    """The ``Condition`` of a Choice. One that is no truth value fails the state, where MiniStack reads it as one."""

    def evaluate_choice_rule(rule: Mapping[str, Any], raw_input: Any, ctx: Any) -> bool:
        condition = rule.get("Condition")
        value = ministack.internal(_SFN, "_apply_jsonata_template")(condition, raw_input, ctx)
        if isinstance(value, bool):
            return value
        kind = _JSON_TYPES.get(type(value), "object")
        raise execution_error(
            "States.QueryEvaluationError",
            f"The JSONata expression '{condition}' specified for the field 'Condition' returned an unexpected result "
            f"type. Expected 'boolean', but was '{kind}' for value: {json.dumps(value)}",
        )

    return evaluate_choice_rule


class Clock:
    """Replaces the ``time`` module there: a sleep ends when the execution ends."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Sleep until the time is over or the execution is stopped."""
        execution = _execution.get()
        if execution is None:
            time.sleep(seconds)
        elif seconds != _START_PAUSE:
            execution.stopped.wait(seconds)


def _stop_signal(arn: str) -> Signal:
    with _stops_lock:
        return _stops.setdefault(arn, Signal())


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


def run_under_role(run: Callable[[str], None]) -> Callable[[str], None]:
    """Run an execution with its role and its time limit, so that it can be stopped."""

    def run_execution(exec_arn: str) -> None:
        record = ministack.internal(_SFN, "_executions").get(exec_arn)
        machine = ministack.internal(_SFN, "_state_machines").get(record["stateMachineArn"]) if record else None
        if record is None or machine is None:
            run(exec_arn)
            return
        execution = Execution(exec_arn, machine["roleArn"], record, machine, _stop_signal(exec_arn))
        _execution.set(execution)
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
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            record.update(status="TIMED_OUT", stopDate=now, error="States.Timeout")
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

    def fail_execution(execution: Mapping[str, Any], error: str, cause: str) -> None:
        # A task that ends after StopExecution must not turn ABORTED into FAILED.
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_execution


def evaluated_timeout(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate the expression of a ``TimeoutSeconds``, and complete the context object."""

    def execute_task(state_def: Mapping[str, Any], raw_input: Any, record: Any, ctx: dict[str, Any]) -> Any:
        execution = _execution.get()
        if execution is not None:
            ctx["Execution"].update(RoleArn=execution.role_arn, RedriveCount=0)
        if isinstance(state_def.get("TimeoutSeconds"), str):
            evaluate = ministack.internal(_SFN, "_jsonata_state_field")
            seconds = evaluate(state_def, "TimeoutSeconds", "number", raw_input, ctx)
            state_def = {**state_def, "TimeoutSeconds": seconds}
        return execute(state_def, raw_input, record, ctx)

    return execute_task


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


def wait_before_retry(find: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's wait is 60 s at most, and StopExecution cannot end it. So this waits, and MiniStack's wait is 0."""

    def find_matching_retrier(retriers: Any, error: str, retry_counts: Mapping[int, int]) -> Any:
        retrier, index = find(retriers, error, retry_counts)
        if retrier is None:
            return retrier, index
        ministack.internal(_SFN, "_scaled_sleep")(_retry_delay(retrier, retry_counts.get(index, 0)))
        execution = _execution.get()
        if execution is not None and execution.stopped.is_set():
            raise execution_error("States.Runtime", "the execution was stopped")
        return {**retrier, "IntervalSeconds": 0}, index

    return find_matching_retrier


def _retry_delay(retrier: Mapping[str, Any], retries_so_far: int) -> float:
    delay: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries_so_far
    if "MaxDelaySeconds" in retrier:
        delay = min(delay, retrier["MaxDelaySeconds"])
    return random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay


def assign_at_once(
    state_def: Mapping[str, Any],
    raw_input: Any,
    ctx: dict[str, Any] | None,
    result: Any = None,
    error_output: Any = None,
) -> None:
    """``Assign``: every expression sees the values of variables before the state."""
    assign = state_def.get("Assign")
    if (
        ctx is None
        or not isinstance(assign, dict)
        or ministack.internal(_SFN, "_state_query_language")(state_def, ctx) != "JSONata"
    ):
        return
    evaluate = ministack.internal(_SFN, "_apply_jsonata_template")
    values = {name: evaluate(template, raw_input, ctx, result, error_output) for name, template in assign.items()}
    refuse_large_variables(values, ctx["State"]["Name"])
    remember_assigned(values)
    ctx.setdefault("variables", {}).update(values)


def wait_or_be_stopped(ended: Signal) -> bool:
    """Wait for something that a task has started; False if the task ended first."""
    wait_for_any(ended, *task_ended_early())
    return ended.is_set()
