"""What the service would say of a request: botocore's live model, patterns and maxima included. Not our table."""

from functools import cache
from typing import NamedTuple

import regex
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

__all__ = ["Limit", "limits_of", "refusals"]


class Limit(NamedTuple):
    """One limit of one field: ``ProcessingInputs[].S3Input.S3Uri`` has a ``max`` of 1024."""

    path: str
    kind: str
    value: object

    def __str__(self):
        return f"{self.path}-{self.kind}"


@cache
def _input_shape():
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    return model.operation_model("CreateProcessingJob").input_shape


@cache
def _pattern(java):
    # The regex module knows Unicode's categories, as Java does; Java's dot stops at more line breaks than Python's.
    java = java.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff")
    return regex.compile(java.replace(".*", r"[^\n\r\x85\u2028\u2029]*").replace(r"\d", "[0-9]"))


def refusals(request):
    """Everything that the service would refuse of a request, as text."""
    report = ParamValidator().validate(request, _input_shape())
    return [report.generate_report()] if report.has_errors() else list(_walk(_input_shape(), request, ""))


def _walk(shape, value, path):
    limits = shape.metadata
    size = value if shape.type_name == "integer" else len(value) if hasattr(value, "__len__") else 0
    if "max" in limits and size > limits["max"]:
        yield f"{path}: {size} is more than {limits['max']}"
    if "min" in limits and size < limits["min"]:
        yield f"{path}: {size} is less than {limits['min']}"
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"
    if "pattern" in limits and not _pattern(limits["pattern"]).fullmatch(value):
        yield f"{path}: {value!r} is not {limits['pattern']}"
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from _walk(shape.members[name], item, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _walk(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _walk(shape.key, key, f"{path} key")
            yield from _walk(shape.value, item, f"{path}{{}}")


@cache
def limits_of():
    """Every limit that the model has for CreateProcessingJob."""
    return tuple(_limits(_input_shape(), ""))


def _limits(shape, path):
    for kind in ("min", "max", "pattern", "enum"):
        value = shape.metadata.get(kind)
        if value and value not in (r"[\s\S]*", r"[\S\s]*", r"[\s\S]+"):
            yield Limit(path, kind, tuple(value) if kind == "enum" else value)
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from _limits(member, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        yield from _limits(shape.member, f"{path}[]")
    elif shape.type_name == "map":
        yield from _limits(shape.key, f"{path} key")
        yield from _limits(shape.value, f"{path}{{}}")
