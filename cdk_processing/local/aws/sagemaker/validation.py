"""A request held to the service model: what botocore leaves to the service (patterns, maxima, enums) included.

botocore refuses missing fields, wrong types and minima before it sends anything, but a request may also come from Step
Functions or another SDK, so everything is checked here. The texts are AWS's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdk_processing.local.aws.sagemaker.errors import ServiceError, validation
from cdk_processing.request.limits import INSTANCE_TYPE
from cdk_processing.request.model import python_pattern

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


@functools.cache
def _service_model() -> Any:
    """Botocore's model of SageMaker (3 MB of JSON, so it is loaded once and not before it is needed)."""
    import botocore.loaders
    import botocore.model

    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("sagemaker", "service-2"))


def is_operation(name: str) -> bool:
    """Whether SageMaker has an operation of this name at all."""
    return name in _service_model().operation_names


def validate(operation: str, request: Any) -> None:
    """Check a request.

    Raises:
        ServiceError: ``ValidationException`` with every problem in AWS's words, or ``SerializationException`` for a
            value of the wrong type.
    """
    shape = _service_model().operation_model(operation).input_shape
    problems = list(_problems(shape, request, ""))
    if problems:
        plural = "error" if len(problems) == 1 else "errors"
        raise validation(f"{len(problems)} validation {plural} detected: {'; '.join(problems)}")


_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float, str),
}


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    expected = _PYTHON_TYPES.get(shape.type_name)
    if expected and (not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected)):
        found = type(value).__name__
        raise ServiceError("SerializationException", f"{path or 'request'} must be {shape.type_name}, got {found}")
    if shape.type_name == "structure":
        yield from _structure_problems(shape, value, path)
    elif shape.type_name == "list":
        yield from _length_problems(shape, value, path)
        for index, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{index}.member")
    elif shape.type_name == "map":
        yield from _map_problems(shape, value, path)
    elif shape.type_name == "string":
        yield from _string_problems(shape, value, path)
    elif shape.type_name in ("integer", "long"):
        yield from _number_problems(shape, value, path)


def _structure_problems(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, item in value.items():
        if name in shape.members and item is not None:
            yield from _problems(shape.members[name], item, _join(path, name))


def _map_problems(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    limits = shape.metadata
    if "max" in limits and len(value) > limits["max"]:
        yield _failed(value, path, f"Member must have length less than or equal to {limits['max']}")
    for kind, items in ((shape.key, value.keys()), (shape.value, value.values())):
        texts = {problem for item in items for problem in _constraints(kind, item)}
        if texts:
            part = "keys" if kind is shape.key else "values"
            yield _failed(value, path, f"Map {part} must satisfy constraint: [{', '.join(sorted(texts))}]")


def _string_problems(shape: Any, value: str, path: str) -> Iterator[str]:
    for text in _constraints(shape, value):
        yield _failed(value, path, text)


def _constraints(shape: Any, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        raise ServiceError("SerializationException", f"a map's keys and values must be strings, got {value!r}")
    limits = shape.metadata
    if shape.enum and value not in shape.enum and not _is_newer_instance_type(shape.name, value):
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    if "max" in limits and len(value) > limits["max"]:
        yield f"Member must have length less than or equal to {limits['max']}"
    if "min" in limits and len(value) < limits["min"]:
        yield f"Member must have length greater than or equal to {limits['min']}"
    pattern = limits.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"Member must satisfy regular expression pattern: {pattern}"


def _number_problems(shape: Any, value: int, path: str) -> Iterator[str]:
    limits = shape.metadata
    if "max" in limits and value > limits["max"]:
        yield _failed(value, path, f"Member must have value less than or equal to {limits['max']}")
    if "min" in limits and value < limits["min"]:
        yield _failed(value, path, f"Member must have value greater than or equal to {limits['min']}")


def _length_problems(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    limits = shape.metadata
    if "max" in limits and len(value) > limits["max"]:
        yield _failed(value, path, f"Member must have length less than or equal to {limits['max']}")
    if "min" in limits and len(value) < limits["min"]:
        yield _failed(value, path, f"Member must have length greater than or equal to {limits['min']}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(python_pattern(pattern))


def _is_newer_instance_type(shape: str, value: str) -> bool:
    """Whether a value is an instance type that AWS may have added since: synth warns of it, and it is tried."""
    return shape == "ProcessingInstanceType" and INSTANCE_TYPE.fullmatch(value) is not None


def _matches(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


def _failed(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name
