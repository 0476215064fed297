"""What the service would say of a request: botocore's live model, patterns and maxima included. Not our table."""

from functools import cache
from typing import NamedTuple

import regex
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import strategies as st

__all__ = ["Limit", "input_shape", "limits_of", "refusals", "requests", "sdk_refusals"]


class Limit(NamedTuple):
    """One limit of one field: ``ProcessingInputs[].S3Input.S3Uri`` has a ``max`` of 1024."""

    path: str
    kind: str
    value: object

    def __str__(self):
        return f"{self.path}-{self.kind}"


@cache
def _model():
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def input_shape(operation="CreateProcessingJob"):
    return _model().operation_model(operation).input_shape


@cache
def _pattern(java):
    # The regex module knows Unicode's categories, as Java does; Java's dot stops at more line breaks than Python's.
    java = java.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff")
    return regex.compile(java.replace(".*", r"[^\n\r\x85\u2028\u2029]*").replace(r"\d", "[0-9]"))


def refusals(request, operation="CreateProcessingJob"):
    """Everything that the service would refuse of a request, as text."""
    return sdk_refusals(request, operation) or list(_walk(input_shape(operation), request, ""))


def sdk_refusals(request, operation="CreateProcessingJob"):
    """What botocore itself refuses before it sends a request: the reason and the place of each."""
    report = ParamValidator().validate(request, input_shape(operation))
    return [(reason, _place(name, reason, more)) for reason, name, more in report._errors]


def _place(name, reason, more):
    inside = {"missing required field": "required_name", "unknown field": "unknown_param"}.get(reason)
    return (f"{name}.{more[inside]}" if inside else name).lstrip(".")


@st.composite
def requests(draw, operation):
    """A request with a few values that may be wrong, as JSON holds it."""
    return draw(_value(input_shape(operation), draw(st.sampled_from([0, 2, 10, 30]))))


_JUNK = st.recursive(
    st.one_of(st.none(), st.integers(-2, 20_000), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=4,
)
_WORDS = ("s3://bucket/key", "arn:aws:iam::111122223333:role/Reader", "job-1", "a", "", "a\nb", "x" * 256, "x" * 5000)


@cache
def _right_text(name):
    shape = _model().shape_for(name)
    words = shape.enum or [word for word in _WORDS if not list(_walk(shape, word, ""))]
    return st.sampled_from(words) if words else st.text()


@st.composite
def _value(draw, shape, junk):
    """A value for a shape; each of its parts is junk in so many of a hundred draws."""
    kind = shape.type_name
    if draw(st.integers(1, 100)) <= junk:
        if kind == "timestamp":  # botocore takes Python's datetimes, the wire has numbers
            return draw(st.none() | st.lists(st.none(), max_size=1))
        # Python takes True for the integer 1, and so does botocore. JSON does not.
        return draw(_JUNK if kind == "integer" else _JUNK | st.booleans())
    if kind == "structure":
        names = [name for name in shape.members if name in shape.required_members or draw(st.booleans())]
        if junk and draw(st.integers(0, 9)) == 0 and names:
            names.remove(draw(st.sampled_from(names)))
        value = {name: draw(_value(shape.members[name], junk)) for name in names}
        if junk and draw(st.integers(0, 9)) == 0:
            value["Nonsense"] = draw(_JUNK)
        return value
    few = {"min_size": min(shape.metadata.get("min", 0), 1), "max_size": 3}
    if kind == "list":
        return draw(st.lists(_value(shape.member, junk), **few))
    if kind == "map":
        return draw(st.dictionaries(st.sampled_from(["A", "b_9", "1", "a-b"]), _value(shape.value, junk), **few))
    if kind == "string":
        return draw(
            _right_text(shape.name)
            if draw(st.integers(1, 100)) > junk
            else st.sampled_from(_WORDS) | st.text(max_size=20)
        )
    if kind == "boolean":
        return draw(st.booleans())
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 10**6)
    return draw(
        st.integers(low, high) if draw(st.integers(1, 100)) > junk else st.sampled_from([low - 1, low, high, high + 1])
    )


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
    return tuple(_limits(input_shape(), ""))


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
