"""Checks a request against the service model, with AWS's own error messages.

botocore refuses missing fields, wrong types and values below the minimum before it sends a request. Step Functions and
other SDKs may send such requests, so the service checks everything.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cdk_processing.local.api_models.loader import shared_loader
from cdk_processing.local.aws.sagemaker.errors import ServiceError, validation
from cdk_processing.request.instances import is_instance_type
from cdk_processing.request.shapes import Entry, Flaw, Key, Shape, Shapes, Step, reachable

__all__ = ["OPERATIONS", "is_operation", "validate"]

OPERATIONS = (
    "CreateProcessingJob",
    "DescribeProcessingJob",
    "ListProcessingJobs",
    "StopProcessingJob",
    "AddTags",
    "ListTags",
    "DeleteTags",
)


def is_operation(name: str) -> bool:
    """Whether SageMaker has an operation of this name."""
    return name in _model()["operations"]


def validate(operation: str, request: object) -> None:
    """Check a request.

    Raises:
        ServiceError: ``ValidationException`` with every problem in AWS's wording, or ``SerializationException`` for a
            value of the wrong type.
    """
    shape = _inputs()[_input_name(operation)]
    flaws = [flaw for flaw in shape.flaws(request) if not _passes(flaw)]
    for flaw in flaws:
        if {"type", "null"} & set(flaw.broken):
            place, found = _place(flaw.path) or "request", type(flaw.value).__name__
            raise ServiceError("SerializationException", f"{place} must be {flaw.shape.type}, got {found}")
    problems = list(_problems(request, flaws))
    if problems:
        plural = "error" if len(problems) == 1 else "errors"
        raise validation(f"{len(problems)} validation {plural} detected: {'; '.join(problems)}")


@functools.cache
def _model() -> Mapping[str, Any]:
    """Botocore's model of SageMaker. It is 3 MB of JSON, so the first use loads it."""
    model: Mapping[str, Any] = shared_loader().load_service_model("sagemaker", "service-2")
    return model


def _input_name(operation: str) -> str:
    return str(_model()["operations"][operation]["input"]["shape"])


@functools.cache
def _inputs() -> Shapes:
    return Shapes(reachable(_model()["shapes"], map(_input_name, OPERATIONS)))


def _passes(flaw: Flaw) -> bool:
    """Whether the service accepts a value that the model refuses.

    The service ignores unknown members and members that are null. It may accept instance types that are newer than the
    model. Synth warns about these.
    """
    match flaw.broken:
        case ("unknown",):
            return True
        case ("null",):
            return bool(flaw.path) and isinstance(flaw.path[-1], str)
        case ("enum",):
            return flaw.shape.name == "ProcessingInstanceType" and is_instance_type(str(flaw.value))
    return False


def _problems(request: object, flaws: Iterable[Flaw]) -> Iterator[str]:
    of_maps: dict[tuple[tuple[Step, ...], str], set[str]] = {}
    for flaw in flaws:
        if "required" in flaw.broken:
            yield f"Value null at '{_place(flaw.path)}' failed to satisfy constraint: Member must not be null"
        elif flaw.path and isinstance(flaw.path[-1], (Key, Entry)):
            part = "keys" if isinstance(flaw.path[-1], Key) else "values"
            of_maps.setdefault((flaw.path[:-1], part), set()).update(_constraints(flaw))
        else:
            for text in _constraints(flaw):
                yield _failed(flaw.value, flaw.path, text)
    for (path, part), texts in of_maps.items():
        yield _failed(_at(request, path), path, f"Map {part} must satisfy constraint: [{', '.join(sorted(texts))}]")


def _constraints(flaw: Flaw) -> Iterator[str]:
    shape = flaw.shape
    for rule in flaw.broken:
        if rule == "enum":
            yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        elif rule == "pattern":
            yield f"Member must satisfy regular expression pattern: {shape.pattern}"
        elif rule == "max":
            yield f"Member must have {_measure(shape)} less than or equal to {shape.high}"
        else:
            yield f"Member must have {_measure(shape)} greater than or equal to {shape.low}"


def _measure(shape: Shape) -> str:
    return "length" if shape.type in ("string", "list", "map") else "value"


def _failed(value: object, path: Sequence[Step], constraint: str) -> str:
    return f"Value '{value}' at '{_place(path)}' failed to satisfy constraint: {constraint}"


def _place(path: Iterable[Step]) -> str:
    """A path as AWS writes it: ``processingInputs.1.member.s3Input.s3Uri``."""
    return ".".join(map(_step, path))


def _step(step: Step) -> str:
    match step:
        case str():
            return step[:1].lower() + step[1:]
        case int():
            return f"{step + 1}.member"
        case Key():
            return "key"
    return str(step.key)


def _at(value: Any, path: Iterable[Step]) -> Any:
    for step in path:
        value = value[step.key if isinstance(step, (Key, Entry)) else step]
    return value
