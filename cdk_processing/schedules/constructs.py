"""Schedules, durations and timezones as the CDK's own objects, known by their attributes: ``aws_cdk`` stays out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

__all__ = [
    "Duration",
    "Schedule",
    "TimeZone",
    "expression_text",
    "minutes_of",
    "other_timezone",
    "rate_of",
    "timezone_name",
]

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
#: What a ``scheduler.ScheduleExpression`` has that names no timezone; the same as none.
_DEFAULT_TIMEZONE = "Etc/UTC"


class Schedule(Protocol):
    """An ``events.Schedule`` or a ``scheduler.ScheduleExpression``."""

    @property
    def expression_string(self) -> str: ...  # noqa: D102


class Duration(Protocol):
    """An ``aws_cdk.Duration``."""

    def to_seconds(self) -> int | float: ...  # noqa: D102


class TimeZone(Protocol):
    """An ``aws_cdk.TimeZone``."""

    @property
    def timezone_name(self) -> str: ...  # noqa: D102


def expression_text(given: Any) -> Any:
    """The expression of a schedule or duration of the CDK; anything else unchanged.

    Example:
        >>> from aws_cdk import Duration
        >>> expression_text(Duration.hours(12))
        'rate(12 hours)'
    """
    text = getattr(given, "expression_string", None)
    if isinstance(text, str):
        return text
    if hasattr(given, "to_seconds"):
        with suppress(Exception):  # from jsii: the Duration is a token, or has a fraction of a second
            return rate_of(given.to_seconds()) or given
    return given


def timezone_name(given: Any, schedule: Any = None) -> Any:
    """The name of a timezone of the CDK; left out, that of a schedule which has its own. Anything else unchanged."""
    return _own_timezone(schedule) if given is None else getattr(given, "timezone_name", given)


def other_timezone(given: Any, schedule: Any) -> str | None:
    """The timezone of a schedule that has its own, if another one is given; else None."""
    own = _own_timezone(schedule)
    return None if given is None or getattr(given, "timezone_name", given) == own else own


def _own_timezone(schedule: Any) -> str | None:
    name = getattr(getattr(schedule, "time_zone", None), "timezone_name", None)
    return name if isinstance(name, str) and name != _DEFAULT_TIMEZONE else None


def minutes_of(given: Any) -> Any:
    """The minutes of a duration of the CDK; anything else unchanged."""
    if hasattr(given, "to_minutes"):
        with suppress(Exception):  # as above
            minutes = given.to_minutes()
            return int(minutes) if minutes == int(minutes) else minutes
    return given


def rate_of(seconds: float) -> str | None:
    """A ``rate`` of so many seconds, in the largest unit; None if it is no whole number of minutes."""
    for unit, length in _UNITS:
        if seconds >= length and seconds % length == 0:
            value = int(seconds) // length
            return f"rate({value} {unit}{'' if value == 1 else 's'})"
    return None
