"""What Step Functions refuses when a state machine is made; MiniStack refuses only expressions that cannot be parsed.

The rules are those of the States language. The codes are AWS's, as it writes them into the message of
``InvalidDefinition``: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["refuse_wrong_definitions"]

_TYPES = frozenset({"Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"})
_ENDS = frozenset({"Succeed", "Fail"})
#: Only these can fail by what they call, so only these can retry and catch.
_CATCH = frozenset({"Task", "Parallel", "Map"})
_OF_JSONPATH = ("InputPath", "Parameters", "ResultSelector", "ResultPath", "OutputPath")


def refuse_wrong_definitions(validate: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Say what is wrong with a definition, if anything."""

    def validate_definition(text: Any) -> str | None:
        try:
            definition = json.loads(text) if isinstance(text, str) else None
        except ValueError as error:
            return f"Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {error}'"
        if not isinstance(definition, dict):
            return validate(text)
        found = list(_problems(definition, "", str(definition.get("QueryLanguage", "JSONPath"))))
        if found:
            return f"Invalid State Machine Definition: '{', '.join(found)}'"
        return validate(text)

    return validate_definition


def _problems(machine: Mapping[str, Any], path: str, language: str) -> Iterator[str]:
    """What is wrong with a machine, or with a branch of a Parallel or Map state."""
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield f"SCHEMA_VALIDATION_FAILED: The field 'States' must hold at least one state at {path}/States"
        return
    start = machine.get("StartAt")
    if start is None:
        yield f"SCHEMA_VALIDATION_FAILED: The field 'StartAt' is missing at {path or '/'}"
    elif start not in states:
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
        yield f"SCHEMA_VALIDATION_FAILED: Value is not one of the types of states at {path}/Type"
        return
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
    branches = state.get("Branches", ()) if kind == "Parallel" else (_of_map(state),) if kind == "Map" else ()
    for branch in branches:
        if isinstance(branch, dict):
            yield from _problems(branch, path, language)


def _problems_of_jsonata(state: Mapping[str, Any], path: str) -> Iterator[str]:
    for field in state:
        if field in _OF_JSONPATH or field.endswith(".$"):
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
