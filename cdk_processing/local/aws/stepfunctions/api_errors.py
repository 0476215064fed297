"""What the Step Functions API refuses, and its words for it, where MiniStack accepts it or says it otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal, scope

__all__ = [
    "as_aws_updates",
    "refuse_unknown_machine",
    "refuse_wrong_input",
    "refuse_wrong_logging",
    "with_words_of_aws",
]

_SFN = "ministack.services.stepfunctions"
# A code, MiniStack's message, and the words of AWS's message.
_MESSAGES = (
    ("StateMachineDoesNotExist", re.compile(r"State machine (?P<arn>.*) not found"), "State Machine Does Not Exist"),
    ("ExecutionDoesNotExist", re.compile(r"Execution (?P<arn>.*) not found"), "Execution Does Not Exist"),
)
_LOGS = "ministack.services.cloudwatch_logs"
_WRONG_LOGGING = "InvalidLoggingConfiguration"
_UPDATED = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
_NOTHING_TO_UPDATE = (
    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
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


def refuse_wrong_logging(make: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to create or update a state machine that logs to no log group, to several, or to one that is not there."""

    def create_or_update(data: Mapping[str, Any]) -> Any:
        logging = data.get("loggingConfiguration") or {}
        destinations = logging.get("destinations") or []
        if len(destinations) > 1 or (logging.get("level", "OFF") != "OFF" and not destinations):
            return _refuse(_WRONG_LOGGING, "Invalid Logging Configuration: Must specify exactly one Log Destination.")
        for each in destinations:
            arn = str((each.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") or "")
            if arn.removesuffix(":*").rpartition(":log-group:")[2] not in internal(_LOGS, "_log_groups"):
                return _refuse(_WRONG_LOGGING, "Invalid Logging Configuration: Log Destination not found.")
        return make(data)

    return create_or_update


def as_aws_updates(update: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse an update of nothing, keep the revision if nothing changes, and answer with it."""

    def update_state_machine(data: Mapping[str, Any]) -> Any:
        if not any(data.get(name) for name in _UPDATED):
            return _refuse("MissingRequiredParameter", _NOTHING_TO_UPDATE)
        machine = internal(_SFN, "_state_machines").get(data.get("stateMachineArn"))
        before = dict(machine or {})
        status, headers, body = update(data)
        if status != 200 or machine is None:
            return status, headers, body
        if all(machine.get(name) == before.get(name) for name in _UPDATED):
            machine["revisionId"] = before.get("revisionId")
        answer = json.loads(body)
        if not data.get("publish"):  # then it has the version in its place
            answer["revisionId"] = machine["revisionId"]
        return internal(_SFN, "json_response")(answer)

    return update_state_machine


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
