"""The processing jobs that a definition in Amazon States Language creates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token

__all__ = ["CreatingState", "creating_states", "declared_attempts", "is_create_call"]

#: What the states of a definition ask of SageMaker, by the optimized integration and by the AWS SDK.
_RESOURCE = re.compile(r".*:(?:states|scheduler):::(?:aws-sdk:)?sagemaker:createprocessingjob(?:\..+)?", re.IGNORECASE)
#: How a definition of this library asks whether it may make another attempt.
_NEXT_ATTEMPT = re.compile(r"\$attempt - \$run\.attempt < (\d+)")
_AT_RUN_TIME = "${Token[known.at.run.time]}"
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_DEFAULT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class CreatingState:
    """A state that creates processing jobs.

    Attributes:
        name: The state's name.
        request: The request, in the API's words. Text with a token is known at run time only.
        instance_types: The types that the definition lists, if the request takes one of a list.
        attempts: How many jobs the state creates at most each time that it is entered.
        job_name: How the job's name is made: text, or an expression with the expressions of its variables.
    """

    name: str
    request: Any
    instance_types: tuple[str, ...] = ()
    attempts: int = 1
    job_name: str = ""


def is_create_call(resource: object) -> bool:
    """Whether a task's resource, or a schedule's target, creates processing jobs."""
    return isinstance(resource, str) and _RESOURCE.fullmatch(resource) is not None


def creating_states(definition: Mapping[str, Any]) -> Iterator[CreatingState]:
    """Every state that creates processing jobs, also inside of Map and Parallel states.

    Example:
        >>> task = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync"}
        >>> parallel = {"Type": "Parallel", "Branches": [{"States": {"Prep": task}}]}
        >>> [state.name for state in creating_states({"States": {"Both": parallel}})]
        ['Prep']
    """
    assigned = _assigned(definition)
    for name, state in _states(definition):
        if state.get("Type") == "Task" and (is_create_call(state.get("Resource")) or is_token(state.get("Resource"))):
            if not is_create_call(state.get("Resource")) and not _is_whole_token(state["Resource"]):
                continue
            request = state.get("Arguments", state.get("Parameters"))
            # Without parameters, the request is the state's input.
            yield CreatingState(
                name,
                _AT_RUN_TIME if request is None else _request(request),
                _listed_types(request, assigned),
                _attempts(state.get("Retry")),
                _job_name(request, assigned),
            )


def declared_attempts(definition: Mapping[str, Any]) -> int:
    """How many jobs an execution of a definition of this library creates at most."""
    found = [int(each) for _, state in _states(definition) for each in _NEXT_ATTEMPT.findall(str(state.get("Choices")))]
    return 1 + max(found, default=0)


def _states(part: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(part, Mapping):
        states = part.get("States")
        if isinstance(states, Mapping):
            yield from ((name, state) for name, state in states.items() if isinstance(state, Mapping))
        for item in part.values():
            yield from _states(item)
    elif isinstance(part, list):
        for item in part:
            yield from _states(item)


def _is_whole_token(resource: str) -> bool:
    return re.fullmatch(r"\$\{Token\[[^\]]*\]\}", resource) is not None


def _request(value: Any) -> Any:
    """The request with a token for each expression: JSONata, or a JSONPath by the key that ends in ``.$``."""
    if isinstance(value, Mapping):
        return {
            key.removesuffix(".$"): _AT_RUN_TIME if key.endswith(".$") else _request(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_request(item) for item in value]
    if isinstance(value, str) and (value.startswith("{%") or has_run_time_value(value)):
        return _AT_RUN_TIME
    return value


def _assigned(definition: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values that the states give each variable."""
    found: dict[str, list[Any]] = {}
    for _, state in _states(definition):
        places = [state, *(each for key in ("Catch", "Choices") for each in state.get(key) or ())]
        for place in places:
            given = place.get("Assign") if isinstance(place, Mapping) else None
            for name, value in given.items() if isinstance(given, Mapping) else ():
                found.setdefault(name.removesuffix(".$"), []).append(value)
    return found


def _listed_types(request: Any, assigned: Mapping[str, list[Any]]) -> tuple[str, ...]:
    """The instance types of the list that the request takes its type from."""
    value: Any = request
    for name in ("ProcessingResources", "ClusterConfig", "InstanceType"):
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value.startswith("{%"):
        return ()
    lists = [each for name in _VARIABLE.findall(value) for each in assigned.get(name, ())]
    literal = [each for each in lists if isinstance(each, list)]
    return tuple(dict.fromkeys(str(item) for each in literal for item in each))


def _attempts(retry: Any) -> int:
    given = [each.get("MaxAttempts", _DEFAULT_ATTEMPTS) for each in retry or () if isinstance(each, Mapping)]
    return 1 + sum(each for each in given if isinstance(each, int))


def _job_name(request: Any, assigned: Mapping[str, list[Any]]) -> str:
    if not isinstance(request, Mapping):
        return _AT_RUN_TIME
    expression = str(request.get("ProcessingJobName.$", request.get("ProcessingJobName", "")))
    variables = dict.fromkeys(_VARIABLE.findall(expression)) if expression.startswith("{%") else {}
    return " ".join([expression, *(str(value) for name in variables for value in assigned.get(name, ()))])
