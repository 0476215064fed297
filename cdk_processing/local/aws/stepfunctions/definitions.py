"""What Step Functions refuses when a state machine is made; MiniStack refuses only expressions that cannot be parsed.

The rules are those of the States language. The codes are AWS's, as it writes them into the message of
``InvalidDefinition``: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdk_processing.local.aws.stepfunctions.definition_values import problems_of_values
from cdk_processing.local.ministack import internal

__all__ = ["refuse_wrong_definitions", "validate_as_aws"]

_SFN = "ministack.services.stepfunctions"
_PROBLEM = re.compile(r"(?P<code>[A-Z_]+): (?P<message>.*?)(?: at (?P<location>/.*))?", re.DOTALL)
_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
_ENDS = frozenset({"Succeed", "Fail"})
#: Only these can fail by what they call, so only these can retry and catch.
_CATCH = frozenset({"Task", "Parallel", "Map"})
_OF_JSONPATH = frozenset({"Parameters", "Result", "ResultSelector"})


def refuse_wrong_definitions(validate: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Say what is wrong with a definition, if anything."""

    def validate_definition(text: Any) -> str | None:
        found = _found(text)
        return _refusal(", ".join(found)) if found else validate(text)

    return validate_definition


def validate_as_aws(data: Mapping[str, Any]) -> Any:
    """Answer ``ValidateStateMachineDefinition``: every problem with its code and place."""
    text = data.get("definition")
    diagnostics = [
        {name: value for name, value in _PROBLEM.fullmatch(each).groupdict().items() if value}  # type: ignore[union-attr]
        for each in _found(text)
    ]
    if not diagnostics:
        other = internal(_SFN, "_validate_definition_jsonata")(text)
        diagnostics = [{"code": "SCHEMA_VALIDATION_FAILED", "message": other}] if other else []
    most = int(data.get("maxResults") or 100)
    shown = [{"severity": "ERROR", **each} for each in diagnostics[:most]]
    return internal(_SFN, "json_response")(
        {"result": "FAIL" if diagnostics else "OK", "diagnostics": shown, "truncated": len(diagnostics) > most}
    )


def _found(text: Any) -> list[str]:
    """What is wrong with the text of a definition. MiniStack checks the expressions."""
    try:
        definition = json.loads(text) if text and isinstance(text, str) else text
    except ValueError as error:
        return [f"INVALID_JSON_DESCRIPTION: {error}"]
    if definition is None:
        return []
    if not isinstance(definition, dict):
        return ["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"]
    return list(_problems(definition, "", str(definition.get("QueryLanguage", "JSONPath"))))


def _refusal(problems: str) -> str:
    return f"Invalid State Machine Definition: '{problems}'"


def _problems(machine: Mapping[str, Any], path: str, language: str) -> Iterator[str]:
    """What is wrong with a machine, or with a branch of a Parallel or Map state."""
    missing = [name for name in ("States", "StartAt") if name not in machine]
    if missing:
        yield f"SCHEMA_VALIDATION_FAILED: These fields are required: [{', '.join(missing)}] at {path or '/'}"
        return
    states, start = machine["States"], machine["StartAt"]
    if not isinstance(states, dict) or not states:
        yield f"SCHEMA_VALIDATION_FAILED: Value cannot be empty at {path}/States"
        return
    if start not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: {start} at {path}/StartAt"
    for name, state in states.items():
        yield from _problems_of(state, f"{path}/States/{name}", states, language)
    if not any(_ends(state) for state in states.values() if isinstance(state, dict)):
        yield f"NO_TERMINAL_STATE: No terminal state found in machine at {path}/States"


def _ends(state: Mapping[str, Any]) -> bool:
    return state.get("Type") in _ENDS or state.get("End") is True


def _problems_of(state: Any, path: str, states: Mapping[str, Any], language: str) -> Iterator[str]:
    kind = state.get("Type") if isinstance(state, dict) else None
    if kind not in _TYPES:
        yield (
            f"SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [{', '.join(_TYPES)}] "
            f"at {path}/Type"
        )
        return
    if language == "JSONata" and state.get("QueryLanguage") == "JSONPath":
        yield (
            "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state "
            f"machine at {path}"
        )
    language = str(state.get("QueryLanguage", language))
    for field, target in _targets(state):
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {path}/{field}"
    if kind not in {*_ENDS, "Choice"} and ("Next" in state) == (state.get("End") is True):
        yield f"SCHEMA_VALIDATION_FAILED: A state must have either 'Next' or 'End' at {path}"
    if kind not in _CATCH:
        for field in ("Retry", "Catch"):
            if field in state:
                yield f"SCHEMA_VALIDATION_FAILED: Field is not supported at {path}/{field}"
    if language == "JSONata":
        yield from _problems_of_jsonata(state, path)
    yield from problems_of_values(state, path, language)
    if kind == "Parallel" and not state.get("Branches"):
        yield f"SCHEMA_VALIDATION_FAILED: Value cannot be empty at {path}/Branches"
    branches = state.get("Branches", ()) if kind == "Parallel" else (_of_map(state),) if kind == "Map" else ()
    for branch in branches:
        if isinstance(branch, dict):
            yield from _problems(branch, path, language)


def _problems_of_jsonata(state: Mapping[str, Any], path: str) -> Iterator[str]:
    for field in state:
        if field in _OF_JSONPATH or field.endswith((".$", "Path")):
            yield f"SCHEMA_VALIDATION_FAILED: Field is not supported under JSONata at {path}/{field}"


def _of_map(state: Mapping[str, Any]) -> Any:
    return state.get("ItemProcessor") or state.get("Iterator")


def _targets(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Where a state may go, and the field that says so."""
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for number, each in enumerate(state.get(field) or ()):
            if isinstance(each, dict) and "Next" in each:
                yield f"{field}[{number}]/Next", each["Next"]
