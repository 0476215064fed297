"""What braces in the text of jobs.yaml stand for, as in Python's f-strings.

``{TRIGGER_TIME:%Y/%m/%d}`` is a run-time value, ``{parameters.day}``, ``{buckets.raw}``, ``{jobs.Clean.outputs.rows}``
and ``{variables.stage}`` are what the file or its environment has under that name. ``{{`` is a brace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from string import Formatter
from typing import Final

from cdk_processing.errors import RunTimeValueError
from cdk_processing.request.likely import nearest
from cdk_processing.request.runtime import ExecutionVariable, ExecutionVariables, TriggerTime

__all__ = ["SPAN", "Placeholder", "PlaceholderError", "parts_of", "run_time_value", "span_of"]

#: The run-time values by name; PARTITION alone is none, and needs a name in brackets.
VARIABLES: Final = {
    name: each for name, each in vars(ExecutionVariables).items() if isinstance(each, ExecutionVariable)
}
NAMES: Final = (*VARIABLES, "PARTITION")
#: The kinds of names that a file gives, and how each is written.
KINDS: Final = {
    "variables": "{variables.NAME}",
    "parameters": "{parameters.NAME}",
    "buckets": "{buckets.NAME}",
    "jobs": "{jobs.NAME.outputs.OUTPUT}",
}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
SPAN: Final = r"[1-9][0-9]{0,8} (?:second|minute|hour|day|week)s?"
_TIME = re.compile(rf"TRIGGER_TIME(?: in (?P<zone>[A-Za-z0-9_+/-]+))?(?P<spans>(?: [+-] {SPAN})*)")
_ITEM = re.compile(r"(FOLDER_URI|PARTITION)\[([^\[\]]+)\]")
_SHIFT = re.compile(rf"([+-]) ({SPAN})")
_FORMS = ", ".join(["{TRIGGER_TIME:%Y/%m/%d}", "{RUN_ID}", *KINDS.values()])


class PlaceholderError(ValueError):
    """Braces that stand for nothing.

    Attributes:
        allowed: What is allowed, to follow "must be".
        fix: What to do.
    """

    def __init__(self, allowed: str, fix: str) -> None:
        super().__init__(f"{allowed}; {fix}")
        self.allowed = allowed
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands between two braces.

    Attributes:
        name: The name: ``TRIGGER_TIME``, ``parameters.day``.
        format: What follows a colon.
    """

    name: str
    format: str = ""

    @property
    def kind(self) -> str:
        """``variables``, ``parameters``, ``buckets`` or ``jobs``; "" for a run-time value."""
        first = self.name.partition(".")[0]
        return first if first in KINDS else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names after the kind: of a job's output, the job and the output."""
        parts = tuple(self.name.split(".")[1:])
        if self.kind == "jobs":
            is_output = len(parts) in (3, 4) and parts[1] == "outputs" and parts[3:] in ((), ("folder",))
            if not is_output:
                raise PlaceholderError(f"written {KINDS['jobs']}, or with .folder at its end", "correct it")
            return parts[0], *parts[2:]
        if len(parts) != 1 or not parts[0] or self.format:
            raise PlaceholderError(f"written {KINDS[self.kind]}", "correct it")
        return parts


def parts_of(text: str) -> Iterator[str | Placeholder]:
    """The parts of a text: what is text, and what stands for something.

    Raises:
        PlaceholderError: A brace is not closed, or stands for nothing.

    Example:
        >>> list(parts_of("dt={TRIGGER_TIME:%Y}/{{x}}"))
        ['dt=', Placeholder(name='TRIGGER_TIME', format='%Y'), '/{', 'x}']
    """
    try:
        found = list(Formatter().parse(text))
    except ValueError:
        raise PlaceholderError("text whose braces are closed", "write {{ or }} for a brace") from None
    for literal, name, spec, conversion in found:
        if literal:
            yield literal
        if name is None:
            continue
        placeholder = Placeholder(name, spec or "")
        first = re.split(r"[ .\[]", name)[0]
        if conversion or "{" in name or (not placeholder.kind and first not in NAMES):
            near = nearest(first, [*NAMES, *KINDS])
            fix = f"write {{{near}}}, or {{{{ for a brace" if near else "write {{ and }} for braces"
            raise PlaceholderError(f"text with braces such as {_FORMS}, or {{{{", fix)
        yield placeholder


def run_time_value(placeholder: Placeholder) -> str:
    """A run-time value as the library's marker.

    ``{TRIGGER_TIME in Europe/Berlin - 1 day:%Y-%m-%d}`` is the day before, on the clocks there.

    Raises:
        PlaceholderError: The value takes no such format, or cannot be reckoned so.
    """
    name = placeholder.name
    try:
        if name in VARIABLES:
            return format(VARIABLES[name], placeholder.format)
        if item := _ITEM.fullmatch(name):
            return format(getattr(ExecutionVariables, item[1])[item[2]], placeholder.format)
        if not name.startswith("TRIGGER_TIME"):
            raise PlaceholderError("written like {FOLDER_URI[orders]} or {PARTITION[day]}", "put a name in brackets")
        match = _TIME.fullmatch(name)
        if match is None:
            allowed = "written like {TRIGGER_TIME in Europe/Berlin - 1 day:%Y-%m-%d}"
            raise PlaceholderError(allowed, "write in ZONE, then + or - with a number of days, hours or minutes")
        moment: TriggerTime = ExecutionVariables.TRIGGER_TIME
        if match["zone"]:
            moment = moment.in_timezone(match["zone"])
        for sign, span in _SHIFT.findall(match["spans"]):
            moment = moment + span_of(span) if sign == "+" else moment - span_of(span)
        return format(moment, placeholder.format)
    except (RunTimeValueError, OverflowError) as error:
        raise PlaceholderError(f"a run-time value that works: {error}", "correct it") from None


def span_of(text: str) -> timedelta:
    """A length of time such as ``36 hours``.

    Raises:
        PlaceholderError: It is no such text.
    """
    if not re.fullmatch(SPAN, text):
        raise PlaceholderError("a length of time such as 36 hours", "write a number and days, hours or minutes")
    number, unit = text.split(" ")
    try:
        return timedelta(seconds=int(number) * _UNITS[unit.removesuffix("s")])
    except OverflowError:
        raise PlaceholderError("a length of time of at most a few years", "shorten it") from None
