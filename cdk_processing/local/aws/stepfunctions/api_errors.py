"""What the Step Functions API refuses, and its words for it, where MiniStack accepts it or says it otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal, scope

__all__ = ["refuse_unknown_machine", "refuse_wrong_input", "with_words_of_aws"]

_SFN = "ministack.services.stepfunctions"
# A code, MiniStack's message, and the words of AWS's message.
_MESSAGES = (
    ("StateMachineDoesNotExist", re.compile(r"State machine (?P<arn>.*) not found"), "State Machine Does Not Exist"),
    ("ExecutionDoesNotExist", re.compile(r"Execution (?P<arn>.*) not found"), "Execution Does Not Exist"),
)
_EXISTS = re.compile(r"State machine (?P<name>\S+) already exists")


def refuse_wrong_input(start: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to start an execution with an input that is no JSON."""

    def start_execution(data: Mapping[str, Any]) -> Any:
        text = data.get("input", "{}")
        try:
            json.loads(text)
        except (TypeError, ValueError) as error:
            reason = "Invalid execution input." if text == "" else str(error)
            return _refuse("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{reason}'")
        return start(data)

    return start_execution


def refuse_unknown_machine(list_executions: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to list the executions of a state machine that does not exist."""

    def list_executions_of(data: Mapping[str, Any]) -> Any:
        arn = data.get("stateMachineArn")
        if arn and internal(_SFN, "_resolve_state_machine_arn")(arn) is None:
            return internal(_SFN, "error_response_json")(
                "StateMachineDoesNotExist", f"State machine {arn} not found", 400
            )
        return list_executions(data)

    return list_executions_of


def _refuse(code: str, message: str) -> Any:
    return internal("ministack.core.responses", "error_response_json")(code, message, 400)


def with_words_of_aws(make: Callable[..., Any]) -> Callable[..., Any]:
    """Name what does not exist as AWS does, and refuse what is no ARN."""

    def error_response_json(code: str, message: str, *status: int, **options: Any) -> Any:
        if message == "Task token not found":
            return make("InvalidToken", "Invalid Token: 'Invalid token'", *status, **options)
        for of_code, pattern, words in _MESSAGES:
            found = pattern.fullmatch(message) if code == of_code else None
            if found is not None and not found["arn"].startswith("arn:"):
                return make("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {found['arn']}'", *status, **options)
            if found is not None:
                return make(code, f"{words}: '{found['arn']}'", *status, **options)
        existing = _EXISTS.fullmatch(message)
        if existing is not None:
            account, region = scope()
            arn = f"arn:aws:states:{region}:{account}:stateMachine:{existing['name']}"
            return make(code, f"State Machine Already Exists: '{arn}'", *status, **options)
        return make(code, message, *status, **options)

    return error_response_json
