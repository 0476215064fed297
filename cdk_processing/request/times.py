"""Times that are reckoned from the run's own: in a timezone, days or hours before or after, and their formats."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cdk_processing.errors import Problem, RunTimeValueError
from cdk_processing.request.types import Duration
from cdk_processing.schedules import timezone_problems

__all__ = ["FARTHEST_DAYS", "TIME_DIRECTIVES", "Moment", "check_time_format"]

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
#: How far from the run's own time a time may be: the tables of timezones reach so far beyond the times of runs.
FARTHEST_DAYS = 366
_DAY = 86_400
_ARGUMENT = re.compile(r"(?P<before>[+-]?\d+);(?P<zone>[A-Za-z0-9_+/-]*);(?P<after>[+-]?\d+)")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time reckoned from that of the run, in the order in which Python's datetimes do it.

    Attributes:
        before: Seconds that are added before the time is read in a timezone.
        zone: IANA name of the timezone; "" for UTC as the run has it.
        after: Seconds that are added afterwards, on the clock on the wall of that timezone.
    """

    before: int = 0
    zone: str = ""
    after: int = 0

    @classmethod
    def parse(cls, argument: str) -> Moment | None:
        """Read what :attr:`argument` writes; None for any other text, and for the run's own time."""
        found = _ARGUMENT.fullmatch(argument)
        moment = cls(int(found["before"]), found["zone"], int(found["after"])) if found else cls()
        return moment if moment.key else None

    @property
    def argument(self) -> str:
        """The time as text without braces."""
        return f"{self.before};{self.zone};{self.after}" if self.key else ""

    @property
    def key(self) -> str:
        """A short name of the time: ``Europe/Berlin -86400``; "" for the run's own."""
        shifts = (f"{self.before:+d}" if self.before else "", self.zone, f"{self.after:+d}" if self.after else "")
        return " ".join(part for part in shifts if part)

    def shown(self) -> str:
        """The time as a user writes it."""
        zone = f".in_timezone({self.zone!r})" if self.zone else ""
        base = f"ExecutionVariables.TRIGGER_TIME{_shift(self.before)}"
        return f"{f'({base})' if self.before and zone else base}{zone}{_shift(self.after)}"

    def in_timezone(self, name: Any) -> Moment:
        """The same time on the clocks of a timezone; None is UTC, as in a schedule.

        Raises:
            RunTimeValueError: There is no timezone of that name, or the time is in one already.
        """
        where = "TRIGGER_TIME.in_timezone"
        if self.zone:
            allowed, fix = f"called once: the time is in {self.zone} already", "drop one of the two calls"
            raise RunTimeValueError(str(Problem("in_timezone", name, allowed, fix)))
        name = "UTC" if name is None else name
        problems = timezone_problems(name)
        if problems:
            raise RunTimeValueError("; ".join(str(problem.on(where)) for problem in problems))
        return replace(self, zone=name)

    def shifted(self, by: object, sign: int = 1) -> Moment:
        """A time so much later, or earlier where ``sign`` is -1.

        Raises:
            RunTimeValueError: What is added is no span of whole seconds, or too long.
        """
        seconds = sign * _seconds(by, "added to" if sign > 0 else "subtracted from")
        found = replace(self, after=self.after + seconds) if self.zone else replace(self, before=self.before + seconds)
        if abs(found.before) + abs(found.after) > FARTHEST_DAYS * _DAY:
            days = round((abs(found.before) + abs(found.after)) / _DAY)
            allowed = f"at most {FARTHEST_DAYS} days away from the run's time"
            fix = "pass TRIGGER_TIME to the script, and reckon there"
            raise RunTimeValueError(str(Problem("TRIGGER_TIME with a timedelta", f"{days} days", allowed, fix)))
        return found


def check_time_format(spec: str) -> None:
    """Refuse a format that a run cannot write.

    Raises:
        RunTimeValueError: The format has another directive than those of :data:`TIME_DIRECTIVES`, or braces.
    """
    if re.search(r"[{}|]", spec):
        raise RunTimeValueError(f"a time format cannot hold braces or '|', got {spec!r}; put them outside the value")
    for directive in re.findall(r"%(.?)", spec):
        if directive not in TIME_DIRECTIVES:
            known = ", ".join(f"%{key} ({meaning})" for key, meaning in TIME_DIRECTIVES.items())
            raise RunTimeValueError(
                f"TRIGGER_TIME understands {known}, got %{directive} in {spec!r}; build the format from those"
            )


def _seconds(span: object, preposition: str) -> int:
    field, allowed = f"what is {preposition} TRIGGER_TIME", "a datetime.timedelta of whole seconds"
    if isinstance(span, timedelta):
        if span.microseconds:
            fix = f"write timedelta(seconds={round(span.total_seconds())})"
            raise RunTimeValueError(str(Problem(field, span, allowed, fix)))
        return round(span.total_seconds())
    # A Duration of the CDK is known by its method: this folder does not import aws_cdk.
    if hasattr(type(span), "to_seconds"):
        duration: Duration = span  # type: ignore[assignment]
        try:
            return int(duration.to_seconds())
        except (RuntimeError, ValueError, OverflowError):  # a fraction of a second, or a token
            raise RunTimeValueError(str(Problem(field, str(span), allowed, "write timedelta(days=1)"))) from None
    is_number = isinstance(span, (int, float)) and not isinstance(span, bool)
    raise RunTimeValueError(str(Problem(field, span, allowed, f"write timedelta(days={span if is_number else 1})")))


def _shift(seconds: int) -> str:
    if not seconds:
        return ""
    days, rest = divmod(abs(seconds), _DAY)
    hours, left = divmod(rest, 3600)
    named = {"days": days, "hours": hours, "seconds": left}
    given = ", ".join(f"{name}={value}" for name, value in named.items() if value)
    return f" {'-' if seconds < 0 else '+'} timedelta({given})"
