"""Values that are known only when a run starts, as text that travels unharmed through f-strings.

A value such as ``ExecutionVariables.RUN_ID`` turns into a marker, ``{{run:RUN_ID}}``, wherever it is put into text.
This module writes and reads markers; what they become is the business of :mod:`cdk_processing.workflow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, NamedTuple, TypeVar, overload
from urllib.parse import unquote

from cdk_processing.errors import Problem, RunTimeValueError
from cdk_processing.request.number_tokens import is_number_token
from cdk_processing.request.times import Moment, check_time_format
from cdk_processing.request.types import Duration, ListOf

__all__ = [
    "ExecutionVariable",
    "ExecutionVariables",
    "Parameter",
    "ParameterType",
    "RunTimeValue",
    "Text",
    "TriggerTime",
    "has_run_time_value",
    "segments",
    "text_of",
    "upstream_output",
    "value_problem",
]

#: What a parameter's value may be: the types of the SageMaker SDK's ``ParameterString``, ``ParameterInteger``, ...
ParameterType = type[str] | type[int] | type[float] | type[bool]

# Only what this module writes is a marker; any other text in double braces is text.
_MARKER = re.compile(
    r"\{\{run:(?P<name>RUN_ID|TRIGGER_TIME|ATTEMPT|INSTANCE_TYPE|UPSTREAM_RUN_ID|OBJECT_(?:URI|KEY|BUCKET|SIZE|VERSION_ID)"
    r"|UPSTREAM_OUTPUT|PARAMETER)(?::(?P<argument>[^{}|]*))?(?:\|(?P<format>[^{}]*))?\}\}"
)
#: The instance type that a run is at, where it may try several; not among the values that users write.
INSTANCE_TYPE = "{{run:INSTANCE_TYPE}}"
#: What every marker begins with.
_OPENING = "{{run:"
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

#: What the whole text of a value looks like, by type ("" for anything): one pattern for synth, for the client, and for
#: the run itself.
PATTERNS = {
    "string": "",
    "integer": r"-?[0-9]+",
    "number": r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?",
    "boolean": r"(true|false)",
}
#: What Java's dot does not match.
_LINE_BREAK = re.compile(r"[\n\r\x85\u2028\u2029]")
# From here on a float is written with an exponent.
_WHOLE = 1e16
_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_WORDS = {"string": "a str", "integer": "an integer", "number": "a number", "boolean": "true or false"}


class Room(NamedTuple):
    """How long a parameter's value may be where it stands, and whether it must be one line.

    Attributes:
        shortest: The fewest characters.
        longest: The most characters; 0 for any number.
        one_line: Whether line breaks are refused.
    """

    shortest: int = 0
    longest: int = 0
    one_line: bool = False


class RunTimeValue(NamedTuple):
    """One marker, read back.

    Attributes:
        name: ``RUN_ID``, ``TRIGGER_TIME``, ... or ``PARAMETER``.
        parameter: The parameter's name, when ``name`` is ``PARAMETER``.
        default: The parameter's default, None where it has none.
        format: A ``strftime`` format, "" for the plain value.
        type: The parameter's type: ``string``, ``integer``, ``number`` or ``boolean``.
        enum_values: What the parameter's value may be; () for any.
        output: Name of another job's output, when ``name`` is ``UPSTREAM_OUTPUT``.
        job: Path of that job.
        folder: What the keys of that output begin with in every run; the value is the rest.
        moment: What time it is, where ``name`` is ``TRIGGER_TIME`` and it is another than the run's own.
        room: How long the parameter's value may be; any length, where nobody has looked.
    """

    name: str
    parameter: str = ""
    default: str | None = None
    format: str = ""
    type: str = "string"
    enum_values: tuple[str, ...] = ()
    output: str = ""
    job: str = ""
    folder: str = ""
    moment: Moment | None = None
    room: Room = Room()

    @property
    def label(self) -> str:
        """The value as a user writes it."""
        if self.name == "UPSTREAM_OUTPUT":
            return f"outputs[{self.output!r}] of {self.job}"
        if self.moment is not None:
            return self.moment.shown()
        return f"Parameter({self.parameter!r})" if self.name == "PARAMETER" else f"ExecutionVariables.{self.name}"


@dataclass(frozen=True, slots=True)
class ExecutionVariable:
    """A value that Step Functions or the trigger knows; use it in f-strings, or alone."""

    name: str

    def __str__(self) -> str:
        return f"{{{{run:{self.name}}}}}"

    def __format__(self, spec: str) -> str:
        if spec:
            raise RunTimeValueError(
                f"ExecutionVariables.{self.name} takes no format, got {spec!r}; "
                "only TRIGGER_TIME does, for example {ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}"
            )
        return str(self)

    def __add__(self, other: object) -> str:
        self._refuse_span(other)
        return str(self) + str(other)

    def __radd__(self, other: object) -> str:
        self._refuse_span(other)
        return str(other) + str(self)

    def __sub__(self, other: object) -> str:
        raise RunTimeValueError(self._no_time(other))

    def _refuse_span(self, other: object) -> None:
        if isinstance(other, timedelta):
            raise RunTimeValueError(self._no_time(other))

    def _no_time(self, other: object) -> str:
        fix = "write ExecutionVariables.TRIGGER_TIME - timedelta(days=1) for a time before the run's"
        return str(Problem(f"what is combined with ExecutionVariables.{self.name}", other, "text: it is no time", fix))


_RUNS_OWN = Moment()


@dataclass(frozen=True, slots=True)
class TriggerTime(ExecutionVariable):
    """The run's time, or one that is reckoned from it. Like a ``datetime``, it takes a format.

    ``f"{TRIGGER_TIME:%Y/%m/%d}"`` is the day in UTC, ``TRIGGER_TIME.in_timezone("Europe/Berlin")`` the time on the
    clocks there, and ``TRIGGER_TIME - timedelta(days=1)`` a day earlier. A time that is formatted is that of the clock
    on the wall; without a format it is ISO 8601.

    Example:
        >>> yesterday = ExecutionVariables.TRIGGER_TIME.in_timezone("Europe/Berlin") - timedelta(days=1)
        >>> f"dt={yesterday:%Y-%m-%d}/"
        'dt={{run:TRIGGER_TIME:0;Europe/Berlin;-86400|%Y-%m-%d}}/'
    """

    name: str = "TRIGGER_TIME"
    moment: Moment = _RUNS_OWN

    def in_timezone(self, timezone: str | None) -> TriggerTime:
        """The same time on the clocks of a timezone.

        What is added afterwards is reckoned on those clocks, as Python's aware datetimes do: a day earlier is the same
        time of the day before, also where the clocks change in between. For the timezone of a schedule, write
        ``in_timezone(schedule.timezone)``.

        Args:
            timezone: IANA name, such as ``Europe/Berlin``; None is UTC, as in a schedule.

        Raises:
            RunTimeValueError: There is no timezone of that name, or the time is in one already.
        """
        return TriggerTime(moment=self.moment.in_timezone(timezone))

    def __str__(self) -> str:
        return format(self)

    def __format__(self, spec: str) -> str:
        check_time_format(spec)
        argument = self.moment.argument
        return f"{{{{run:TRIGGER_TIME{f':{argument}' if argument else ''}{f'|{spec}' if spec else ''}}}}}"

    @overload  # type: ignore[override]
    def __add__(self, other: timedelta | Duration) -> TriggerTime: ...
    @overload
    def __add__(self, other: Text) -> str: ...
    def __add__(self, other: Text | timedelta | Duration) -> TriggerTime | str:
        if isinstance(other, _TEXTS):
            return str(self) + str(other)
        return TriggerTime(moment=self.moment.shifted(other))

    @overload  # type: ignore[override]
    def __radd__(self, other: timedelta | Duration) -> TriggerTime: ...
    @overload
    def __radd__(self, other: Text) -> str: ...
    def __radd__(self, other: Text | timedelta | Duration) -> TriggerTime | str:
        if isinstance(other, _TEXTS):
            return str(other) + str(self)
        return TriggerTime(moment=self.moment.shifted(other))

    def __sub__(self, other: timedelta | Duration) -> TriggerTime:  # type: ignore[override]
        return TriggerTime(moment=self.moment.shifted(other, -1))


class ExecutionVariables:
    """Values known only at run time. Named after the SageMaker SDK's class of the same purpose.

    Example:
        >>> f"train/{ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}/"
        'train/{{run:TRIGGER_TIME|%Y/%m/%d}}/'
    """

    #: 32 hexadecimal digits: the same for duplicates and retries of one run, different for two jobs on one event.
    RUN_ID: ClassVar = ExecutionVariable("RUN_ID")
    #: The scheduled time, the event's time, or the start: UTC, ISO 8601. Formats like a datetime, and reckons like one.
    TRIGGER_TIME: ClassVar = TriggerTime()
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
    #: ``RUN_ID`` of the other job's run whose success launched this one.
    UPSTREAM_RUN_ID: ClassVar = ExecutionVariable("UPSTREAM_RUN_ID")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that whoever starts the run may give.

    Args:
        name: 1-64 letters, digits and underscores, not beginning with a digit.
        default: Used where the run's starter gives none; left out, each trigger of the job must supply one.
        type: ``str``, ``int``, ``float`` or ``bool``. A run that is started with a value of another type fails before
            a job is made; ``cdk-processing start`` refuses to start it.
        enum_values: The only values allowed; left out, any of the type.

    Raises:
        RunTimeValueError: The name, the type, the default or a value cannot be.

    Example:
        >>> Parameter("split_ratio", default=0.2, type=float).default_text
        '0.2'
    """

    name: str
    default: str | float | bool | None = None
    type: ParameterType = str
    enum_values: ListOf[str | float | bool] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _PARAMETER_NAME.fullmatch(self.name):
            raise RunTimeValueError(
                f"name must be 1-64 letters, digits and underscores, not beginning with a digit, got {self.name!r}; "
                "rename the Parameter"
            )
        if not isinstance(self.type, type) or self.type not in _TYPES:
            raise RunTimeValueError(
                f"type must be str, int, float or bool, got {self.type!r}; take one of those (Parameter({self.name!r}))"
            )
        allowed = self.enum_values
        # Not a set either: its order is another one at each synth.
        if allowed is not None and (not isinstance(allowed, (list, tuple)) or not allowed):
            raise RunTimeValueError(
                f"enum_values must be a list of at least one value, got {allowed!r}; write [...] or leave it out "
                f"(Parameter({self.name!r}))"
            )
        for field, value in (*(("enum_values", item) for item in allowed or ()), ("default", self.default)):
            self._check(field, value)

    def _check(self, field: str, value: object) -> None:
        if value is None and field == "default":
            return
        text = parameter_text(value)
        if text is None or (self.type is str and not isinstance(value, str)):
            word = _WORDS[_TYPES[self.type]]
            raise RunTimeValueError(
                f"{field} must be {word}, got {value!r}; write Parameter({self.name!r}, {field}={str(value)!r})"
            )
        problem = value_problem(self.spec, text, field)
        if problem is not None:
            raise RunTimeValueError(str(problem.on(f"Parameter({self.name!r})")))

    @property
    def default_text(self) -> str | None:
        """The default as text, None where there is none."""
        return None if self.default is None else parameter_text(self.default)

    @property
    def spec(self) -> RunTimeValue:
        """The parameter as a run-time value."""
        values = tuple(parameter_text(value) or "" for value in self.enum_values or ())
        return RunTimeValue("PARAMETER", self.name, self.default_text, type=_TYPES[self.type], enum_values=values)

    def __str__(self) -> str:
        spec = self.spec
        parts = [self.name, "" if spec.default is None else f"={_encoded(spec.default)}"]
        if spec.type != "string" or spec.enum_values:
            parts += [f";{spec.type}", *(f";{_encoded(value)}" for value in spec.enum_values)]
        return f"{{{{run:PARAMETER:{''.join(parts)}}}}}"

    def __format__(self, spec: str) -> str:
        if spec:
            raise RunTimeValueError(f"Parameter({self.name!r}) takes no format, got {spec!r}; leave it out")
        return str(self)

    def __add__(self, other: object) -> str:
        return str(self) + str(other)

    def __radd__(self, other: object) -> str:
        return str(other) + str(self)


#: Text of a declaration, which may hold run-time values or be one.
Text = str | ExecutionVariable | Parameter
_TEXTS = (str, ExecutionVariable, Parameter)

_Value = TypeVar("_Value")


@overload
def text_of(value: Text) -> str: ...
@overload
def text_of(value: _Value) -> _Value: ...
def text_of(value: object) -> object:
    """A run-time value or a number token as the text that stands for it; anything else as it is."""
    return str(value) if isinstance(value, (ExecutionVariable, Parameter)) or is_number_token(value) else value


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


def values_in(text: object) -> list[RunTimeValue]:
    """Every run-time value in a text; none in anything else."""
    if not isinstance(text, str) or _OPENING not in text:
        return []
    return [_read(match) for match in _MARKER.finditer(text)]


def values_in_tree(tree: object) -> list[RunTimeValue]:
    """Every run-time value in the texts of dicts and lists, in order."""
    if isinstance(tree, dict):
        return [value for item in tree.values() for value in values_in_tree(item)]
    if isinstance(tree, (list, tuple)):
        return [value for item in tree for value in values_in_tree(item)]
    return values_in(tree)


def has_run_time_value(text: object) -> bool:
    """Whether the text, or whatever else was given, holds a run-time value."""
    return isinstance(text, (ExecutionVariable, Parameter)) or (
        isinstance(text, str) and _OPENING in text and _MARKER.search(text) is not None
    )


def fixed_prefix(text: str) -> str:
    """What stands before the first run-time value."""
    first = _MARKER.search(text)
    return text if first is None else text[: first.start()]


def _read(match: re.Match[str]) -> RunTimeValue:
    name, argument, spec = match["name"], match["argument"], match["format"]
    if name == "UPSTREAM_OUTPUT":
        output, job, folder = (unquote(part) for part in (argument or ";;").split(";"))
        return RunTimeValue(name, output=output, job=job, folder=folder)
    if name == "TRIGGER_TIME":
        return RunTimeValue(name, format=spec or "", moment=Moment.parse(argument or ""))
    if name != "PARAMETER":
        return RunTimeValue(name, format=spec or "")
    declared, *options = (argument or "").split(";")
    parameter, given, default = declared.partition("=")
    return RunTimeValue(
        name,
        parameter,
        unquote(default) if given else None,
        type=options[0] if options else "string",
        enum_values=tuple(unquote(value) for value in options[1:]),
    )


def upstream_output(job: str, output: str, folder: str) -> str:
    """Where one run of another job wrote an output, behind the folder that all its runs share; a marker.

    Args:
        job: The other job's path.
        output: The output's name.
        folder: What the output's keys begin with in every run.
    """
    return f"{{{{run:UPSTREAM_OUTPUT:{_encoded(output)};{_encoded(job)};{_encoded(folder)}}}}}"


def _encoded(text: str) -> str:
    """Percent-encoded, so that no text can end the marker."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def parameter_text(value: object) -> str | None:
    """A parameter's value as the text that the job gets; None for what is no text, number or truth value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))  # as JSON has no other 1.0 than 1, nor has the run
    return repr(value) if isinstance(value, (int, float)) else None


def value_problem(parameter: RunTimeValue, text: str, field: str | None = None) -> Problem | None:
    """What is wrong with a parameter's value, or None.

    Args:
        parameter: The parameter.
        text: The value, as text.
        field: What the value is called; the parameter's name where left out.
    """
    name = field or parameter.parameter
    if PATTERNS[parameter.type] and not re.fullmatch(PATTERNS[parameter.type], text):
        return Problem(name, text, _WORDS[parameter.type], "correct the value")
    if parameter.enum_values and text not in parameter.enum_values:
        return Problem(name, text, f"one of {', '.join(parameter.enum_values)}", "take one of those")
    return _room_problem(parameter.room, name, text)


def _room_problem(room: Room, name: str, text: str) -> Problem | None:
    if room.one_line and _LINE_BREAK.search(text):
        return Problem(name, text, "on one line where the job uses it", "take the line breaks out")
    if len(text) < room.shortest:
        allowed = "text that is not empty: SageMaker refuses empty arguments"
        return Problem(name, text, allowed, "write the word that the script expects")
    if room.longest and len(text) > room.longest:
        allowed = f"at most {room.longest:,} characters, which is what SageMaker takes where the job uses it"
        return Problem(name, text, allowed, "pass long values in a file")
    return None
