"""Task: one call of a service, another state machine or an activity."""

from __future__ import annotations

from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.history import integration
from cdk_processing.local.aws.stepfunctions.interpreter.branches import park
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import arguments_of, finish, input_of
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate_as
from cdk_processing.local.aws.stepfunctions.interpreter.paths import read_field
from cdk_processing.local.aws.stepfunctions.interpreter.retries import with_retry_and_catch
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State, compact

__all__ = ["run_task"]

_SFN = "ministack.services.stepfunctions"
_TOKEN = ".waitForTaskToken"


def run_task(state: State) -> Outcome:
    """Make the call, as often as ``Retry`` says."""
    return with_retry_and_catch(state, lambda: _attempt(state))


def _attempt(state: State) -> Outcome:
    timeout, heartbeat = _limit(state, "TimeoutSeconds"), _limit(state, "HeartbeatSeconds")
    resource = state.get("Resource")
    if _TOKEN in resource:
        state.scope.context["Task"] = {"Token": ministack.internal(_SFN, "new_uuid")()}
    arguments = arguments_of(state)
    service, action = integration(resource)
    called = {"resource": action, "resourceType": service}
    limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
    state.write(
        "TaskScheduled",
        {
            **called,
            "region": ministack.scope()[1],
            "parameters": compact(arguments),
            **{name: value for name, value in limits.items() if value is not None},
        },
    )
    state.write("TaskStarted", called)
    park()
    try:
        result = _invoke(state, resource, arguments, timeout)
    except ministack.internal(_SFN, "_ExecutionError") as error:
        _write_failure(state, called, error)
        raise
    state.write("TaskSucceeded", {**called, "output": compact(result)})
    return finish(state, result)


def _invoke(state: State, resource: str, arguments: Any, timeout: float | None) -> Any:
    if _TOKEN in resource:
        limits = {} if timeout is None else {"TimeoutSeconds": timeout}
        token = state.scope.context["Task"]["Token"]
        return ministack.internal(_SFN, "_invoke_with_callback")(resource, arguments, token, limits)
    # The time of an activity starts when a worker takes it, not here.
    if timeout is not None and ":activity:" not in resource:
        return ministack.internal(_SFN, "_invoke_resource_with_timeout")(resource, arguments, timeout)
    return ministack.internal(_SFN, "_invoke_resource")(resource, arguments)


def _write_failure(state: State, called: dict[str, str], error: Any) -> None:
    if error.error == "States.Timeout":
        # AWS's histories have no cause here.
        error.cause = None
        state.write("TaskTimedOut", {**called, "error": error.error})
        return
    told = {name: text for name, text in (("error", error.error), ("cause", error.cause)) if text is not None}
    state.write("TaskFailed", {**called, **told})


def _limit(state: State, field: str) -> float | None:
    """A number of seconds, which may be given by a path or an expression."""
    if f"{field}Path" in state.definition:
        return float(read_field(state, f"{field}Path", input_of(state)))
    seconds = state.get(field)
    if isinstance(seconds, str):
        seconds = evaluate_as(state, field, "number")
    return None if seconds is None else seconds
