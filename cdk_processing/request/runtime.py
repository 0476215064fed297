"""Values that are known only when a run starts, as text that travels unharmed through f-strings.

A value such as ``ExecutionVariables.RUN_ID`` turns into a marker, ``{{run:RUN_ID}}``, wherever it is put into text.
:mod:`cdk_processing.request.markers` reads it back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeVar, overload

from cdk_processing.errors import Problem, RunTimeValueError
from cdk_processing.request.markers import encoded, has_marker
from cdk_processing.request.number_tokens import is_number_token
from cdk_processing.request.parameter_values import WORDS, parameter_text, value_problem
from cdk_processing.request.run_time_value import RunTimeValue, item_label
from cdk_processing.request.times import Moment, check_time_format
from cdk_processing.request.types import Duration, ListOf

__all__ = [
    "ExecutionVariable",
    "ExecutionVariables",
    "FolderUri",
    "Parameter",
    "ParameterType",
    "Partitions",
    "Text",
    "TriggerTime",
    "has_run_time_value",
    "text_of",
]

#: What a parameter's value may be: the types of the SageMaker SDK's ``ParameterString``, ``ParameterInteger``, ...
ParameterType = type[str] | type[int] | type[float] | type[bool]

_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class ExecutionVariable:
    """A value that Step Functions or the trigger knows; use it in f-strings, or alone."""

    name: str
    item: str = ""

    def __str__(self) -> str:
        return f"{{{{run:{self.name}{f':{encoded(self.item)}' if self.item else ''}}}}}"

    def __format__(self, spec: str) -> str:
        if spec:
            raise RunTimeValueError(
                f"{self._label} takes no format, got {spec!r}; "
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
        return str(Problem(f"what is combined with {self._label}", other, "text: it is no time", fix))

    @property
    def _label(self) -> str:
        return item_label(self.name, self.item) if self.item else f"ExecutionVariables.{self.name}"


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


@dataclass(frozen=True, slots=True)
class FolderUri(ExecutionVariable):
    """The folder of the object that launched the run; with brackets, of one source of ``OnAll``.

    Example:
        >>> str(ExecutionVariables.FOLDER_URI["orders"])
        '{{run:SOURCE_FOLDER:%6F%72%64%65%72%73}}'
    """

    name: str = "FOLDER_URI"

    def __getitem__(self, source: str) -> ExecutionVariable:
        """The folder of one source of ``OnAll``.

        Raises:
            RunTimeValueError: The name cannot be one of a source.
        """
        if not isinstance(source, str) or not _PARAMETER_NAME.fullmatch(source):
            fix = 'write FOLDER_URI["orders"] for OnAll({"orders": OnMarker(...), ...})'
            raise RunTimeValueError(
                str(Problem("the name in FOLDER_URI[...]", source, "the name of a source of OnAll", fix))
            )
        return ExecutionVariable("SOURCE_FOLDER", source)


class Partitions:
    """The ``key=value`` folders in the path of the object that launched the run."""

    def __getitem__(self, name: str) -> ExecutionVariable:
        """The value of one folder: of ``PARTITION["day"]`` in ``in/day=2026-03-28/1.csv``, ``2026-03-28``.

        Raises:
            RunTimeValueError: No folder can have the name.
        """
        if not isinstance(name, str) or not name or has_marker(name) or set(name) & set("/="):
            allowed = "the text before the = in the name of a folder, without / and ="
            raise RunTimeValueError(str(Problem("the name in PARTITION[...]", name, allowed, _PARTITION_FIX)))
        return ExecutionVariable("PARTITION", name)

    def __str__(self) -> str:
        raise RunTimeValueError(
            str(Problem("ExecutionVariables.PARTITION", "no name", "followed by a name in brackets", _PARTITION_FIX))
        )

    def __format__(self, spec: str) -> str:
        return str(self)


_PARTITION_FIX = 'write PARTITION["day"] for the folder day=2026-03-28/'


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
    #: Folder of the object that launched the run, ``s3://bucket/.../`` with its slash. As an input's source it means
    #: all that is in it, the object included. ``FOLDER_URI["orders"]`` is the folder of that source of ``OnAll``.
    FOLDER_URI: ClassVar = FolderUri()
    #: ``PARTITION["day"]`` is ``2026-03-28`` for an object in ``day=2026-03-28/``, as the key has it: ``%3A`` stays
    #: ``%3A``. Of several folders with that name, the last one counts. A run without a value for it fails.
    PARTITION: ClassVar = Partitions()
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
            word = WORDS[_TYPES[self.type]]
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
        parts = [self.name, "" if spec.default is None else f"={encoded(spec.default)}"]
        if spec.type != "string" or spec.enum_values:
            parts += [f";{spec.type}", *(f";{encoded(value)}" for value in spec.enum_values)]
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


def has_run_time_value(text: object) -> bool:
    """Whether the text, or whatever else was given, holds a run-time value."""
    return isinstance(text, (ExecutionVariable, Parameter)) or has_marker(text)
