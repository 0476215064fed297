"""Values that are known only when a run starts, as text that travels unharmed through f-strings.

A value such as ``ExecutionVariables.RUN_ID`` turns into a marker, ``{{run:RUN_ID}}``, wherever it is put into text.
This module writes and reads markers; what they become is the business of :mod:`cdk_processing.workflow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

from cdk_processing.errors import RunTimeValueError

__all__ = ["ExecutionVariable", "ExecutionVariables", "Parameter", "RunTimeValue", "has_run_time_value", "segments"]

# Only what this module writes is a marker; any other text in double braces is text.
_MARKER = re.compile(
    r"\{\{run:(?P<name>RUN_ID|TRIGGER_TIME|ATTEMPT|INSTANCE_TYPE|OBJECT_(?:URI|KEY|BUCKET|SIZE|VERSION_ID)|PARAMETER)"
    r"(?::(?P<argument>[^{}|]*))?(?:\|(?P<format>[^{}]*))?\}\}"
)
#: The instance type that a run is at, where it may try several; not among the values that users write.
INSTANCE_TYPE = "{{run:INSTANCE_TYPE}}"
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

#: Directives of ``strftime`` that a run-time value understands, and what each stands for.
TIME_DIRECTIVES = {
    "Y": "year, 4 digits",
    "y": "year, 2 digits",
    "m": "month",
    "d": "day of the month",
    "j": "day of the year",
    "H": "hour, 0-23",
    "M": "minute",
    "S": "second",
}


class RunTimeValue(NamedTuple):
    """One marker, read back.

    Attributes:
        name: ``RUN_ID``, ``TRIGGER_TIME``, ... or ``PARAMETER``.
        parameter: The parameter's name, when ``name`` is ``PARAMETER``.
        default: The parameter's default, None where it has none.
        format: A ``strftime`` format, "" for the plain value.
    """

    name: str
    parameter: str = ""
    default: str | None = None
    format: str = ""

    @property
    def label(self) -> str:
        """The value as a user writes it."""
        return f"Parameter({self.parameter!r})" if self.name == "PARAMETER" else f"ExecutionVariables.{self.name}"


@dataclass(frozen=True, slots=True)
class ExecutionVariable:
    """A value that Step Functions or the trigger knows; use it in f-strings, or alone.

    Only a time takes a format: ``f"{ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}"``.
    """

    name: str

    def __str__(self) -> str:
        return f"{{{{run:{self.name}}}}}"

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if self.name != "TRIGGER_TIME":
            raise RunTimeValueError(
                f"ExecutionVariables.{self.name} takes no format, got {spec!r}; "
                "only TRIGGER_TIME does, for example {ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}"
            )
        _check_time_format(spec)
        return f"{{{{run:{self.name}|{spec}}}}}"

    def __add__(self, other: object) -> str:
        return str(self) + str(other)

    def __radd__(self, other: object) -> str:
        return str(other) + str(self)


class ExecutionVariables:
    """Values known only at run time. Named after the SageMaker SDK's class of the same purpose.

    Example:
        >>> f"train/{ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}/"
        'train/{{run:TRIGGER_TIME|%Y/%m/%d}}/'
    """

    #: 32 hexadecimal digits: the same for duplicates and retries of one run, different for two jobs on one event.
    RUN_ID: ClassVar = ExecutionVariable("RUN_ID")
    #: The scheduled time, the event's time, or the start: UTC, ISO 8601; formats like a datetime.
    TRIGGER_TIME: ClassVar = ExecutionVariable("TRIGGER_TIME")
    #: 1 for the first attempt of a run, and so on.
    ATTEMPT: ClassVar = ExecutionVariable("ATTEMPT")
    #: ``s3://bucket/key`` of the object that launched the run. As an input's source it means exactly that object.
    OBJECT_URI: ClassVar = ExecutionVariable("OBJECT_URI")
    #: Key of the object that launched the run, as it is: not URL-encoded.
    OBJECT_KEY: ClassVar = ExecutionVariable("OBJECT_KEY")
    #: Bucket of the object that launched the run.
    OBJECT_BUCKET: ClassVar = ExecutionVariable("OBJECT_BUCKET")
    #: Size in bytes of the object that launched the run.
    OBJECT_SIZE: ClassVar = ExecutionVariable("OBJECT_SIZE")
    #: Version id of the object that launched the run; versioned buckets only.
    OBJECT_VERSION_ID: ClassVar = ExecutionVariable("OBJECT_VERSION_ID")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that whoever starts the run may give.

    Args:
        name: 1-64 letters, digits and underscores, not beginning with a digit.
        default: Used where the run's starter gives none; left out, each trigger of the job must supply one.
    """

    name: str
    default: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _PARAMETER_NAME.fullmatch(self.name):
            raise RunTimeValueError(
                f"name must be 1-64 letters, digits and underscores, not beginning with a digit, got {self.name!r}; "
                "rename the Parameter"
            )
        if self.default is not None and not isinstance(self.default, str):
            raise RunTimeValueError(
                f"default must be a str, got {self.default!r}; write Parameter({self.name!r}, "
                f"default={str(self.default)!r})"
            )

    def __str__(self) -> str:
        # A default is percent-encoded, so that no text in it can end the marker.
        default = "" if self.default is None else "=" + "".join(f"%{byte:02X}" for byte in self.default.encode())
        return f"{{{{run:PARAMETER:{self.name}{default}}}}}"

    def __format__(self, spec: str) -> str:
        if spec:
            raise RunTimeValueError(f"Parameter({self.name!r}) takes no format, got {spec!r}; leave it out")
        return str(self)

    def __add__(self, other: object) -> str:
        return str(self) + str(other)

    def __radd__(self, other: object) -> str:
        return str(other) + str(self)


def segments(text: str) -> Iterator[str | RunTimeValue]:
    """Split text into what is fixed and what is known at run time, in order; empty fixed parts are left out."""
    end = 0
    for match in _MARKER.finditer(text):
        if match.start() > end:
            yield text[end : match.start()]
        end = match.end()
        yield _read(match)
    if end < len(text):
        yield text[end:]


def values_in(text: Any) -> list[RunTimeValue]:
    """Every run-time value in a text; none in anything else."""
    return [part for part in segments(text) if isinstance(part, RunTimeValue)] if isinstance(text, str) else []


def has_run_time_value(text: Any) -> bool:
    """Whether the text, or whatever else was given, holds a run-time value."""
    return isinstance(text, (ExecutionVariable, Parameter)) or (
        isinstance(text, str) and "{{run:" in text and _MARKER.search(text) is not None
    )


def fixed_prefix(text: str) -> str:
    """What stands before the first run-time value."""
    first = _MARKER.search(text)
    return text if first is None else text[: first.start()]


def _read(match: re.Match[str]) -> RunTimeValue:
    name, argument, spec = match["name"], match["argument"], match["format"]
    if name != "PARAMETER":
        return RunTimeValue(name, format=spec or "")
    parameter, _, default = (argument or "").partition("=")
    return RunTimeValue(name, parameter, unquote(default) if "=" in (argument or "") else None)


def _check_time_format(spec: str) -> None:
    if re.search(r"[{}|]", spec):
        raise RunTimeValueError(f"a time format cannot hold braces or '|', got {spec!r}; put them outside the value")
    for directive in re.findall(r"%(.?)", spec):
        if directive not in TIME_DIRECTIVES:
            known = ", ".join(f"%{key} ({meaning})" for key, meaning in TIME_DIRECTIVES.items())
            raise RunTimeValueError(
                f"TRIGGER_TIME understands {known}, got %{directive} in {spec!r}; build the format from those"
            )
