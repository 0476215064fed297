"""``states:startExecution``: start another execution, and with ``.sync`` follow it to its end."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from cdk_processing.local.aws.stepfunctions.execution import (
    current_execution,
    end_signal,
    execution_error,
    wait_or_be_stopped,
)
from cdk_processing.local.aws.stepfunctions.history import integration, write

__all__ = ["NestedExecutions"]

_DESCRIBED = (
    "cause",
    "error",
    "executionArn",
    "input",
    "inputDetails",
    "name",
    "output",
    "outputDetails",
    "startDate",
    "stateMachineArn",
    "status",
    "stopDate",
)


class NestedExecutions:
    """The integration.

    Args:
        start: Makes the call of StartExecution with the state machine's role.
    """

    def __init__(self, start: Callable[[str, Any], Any]) -> None:
        self._start = start

    def task(self, resource: str, arguments: Any) -> Any:
        """Start an execution; with ``.sync`` or ``.sync:2``, follow it to its end."""
        from botocore.exceptions import ClientError

        answer = self._start(resource, arguments)
        if ".sync" not in resource:
            return answer
        execution = current_execution()
        assert execution is not None
        service, action = integration(resource)
        submitted = {"resourceType": service, "resource": action, "output": json.dumps(answer, separators=(",", ":"))}
        write(execution.record, "TaskSubmitted", submitted)
        client, arn = execution.client("stepfunctions"), answer["ExecutionArn"]
        try:
            if not wait_or_be_stopped(end_signal(arn)):
                # The state timed out or the execution was stopped: AWS stops the other one, and does not wait for it.
                with contextlib.suppress(ClientError):
                    client.stop_execution(executionArn=arn)
                raise execution_error("States.TaskFailed", "the task was ended before the execution that it started")
            described = client.describe_execution(executionArn=arn)
        except ClientError as error:
            raise execution_error("StepFunctions.AWSStepFunctionsException", str(error)) from error
        return _result(described, json_values=resource.endswith(":2"))


def _result(described: dict[str, Any], json_values: bool) -> dict[str, Any]:
    """The description of a succeeded execution, as a task returns it."""
    result = {name[:1].upper() + name[1:]: described[name] for name in _DESCRIBED if described.get(name) is not None}
    for name in ("InputDetails", "OutputDetails"):
        if name in result:
            result[name] = {"Included": result[name]["included"]}
    for name in ("StartDate", "StopDate"):
        result[name] = int(result[name].timestamp() * 1000)
    if described["status"] != "SUCCEEDED":
        result.pop("OutputDetails", None)
        raise execution_error("States.TaskFailed", json.dumps(result, separators=(",", ":")))
    if json_values:
        result.update({name: json.loads(result[name]) for name in ("Input", "Output") if name in result})
    return result
