"""The grammar of one field of ``cron(...)``: values, names, ranges, lists and steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdk_processing.errors import Problem

__all__ = ["HOURS", "LAST_YEAR", "MINUTES", "MONTHS", "MONTH_DAYS", "WEEK_DAYS", "YEARS", "Field", "FieldError"]

LAST_YEAR = 2199


class FieldError(ValueError):
    """A field is not valid. The message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """One of the six fields of ``cron(...)``.

    Attributes:
        name: Its name in the documentation.
        low: Its lowest value.
        high: Its highest value.
        names: The names of its values, starting at ``low``.
        also: What it accepts besides values, ranges, lists and steps, for the error message.
        goes_round: Whether a range may wrap around, such as ``FRI-MON``.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    also: str = ""
    goes_round: bool = False

    def read(self, text: str) -> frozenset[int]:
        """The values that match a list of values, ranges and steps.

        Raises:
            FieldError: It is not valid.
        """
        return frozenset(value for item in text.split(",") for value in self.item(item))

    def item(self, text: str) -> range | tuple[int, ...]:
        """The values that match one item of a list.

        Raises:
            FieldError: It is not valid.
        """
        match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", text)
        if match is None or (match[4] and int(match[4]) == 0):
            raise FieldError(f"correct {text!r}")
        step = int(match[4] or 1)
        if match[1]:
            return range(self.low, self.high + 1, step)
        first = self.value(match[2])
        if match[3] is None:
            return range(first, (self.high if match[4] else first) + 1, step)
        last = self.value(match[3])
        if first <= last:
            return range(first, last + 1, step)
        if not self.goes_round:
            raise FieldError(
                f"write {match[2]}-{self.high},{self.low}-{match[3]} for {text!r}, which goes over the end"
            )
        values = [*range(first, self.high + 1), *range(self.low, last + 1)]
        return tuple(values[::step])

    def value(self, text: str) -> int:
        """A value, given by number or name.

        Raises:
            FieldError: There is no such value.
        """
        if text in self.names:
            return self.names.index(text) + self.low
        if not (text.isascii() and text.isdigit()) or not self.low <= int(text) <= self.high:
            raise FieldError(f"correct {text!r}")
        return int(text)

    def problem(self, expression: str, fix: str) -> Problem:
        """The problem of this field in the complete expression."""
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        allowed = f"{self.low}-{self.high}{names}, a range, a list, a step{self.also} or *"
        return Problem(f"expression ({self.name})", expression, allowed, fix)


MINUTES = Field("minutes", 0, 59)
HOURS = Field("hours", 0, 23)
MONTH_DAYS = Field("day of month", 1, 31, also=", L, LW, 15W, ?")
MONTHS = Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
WEEK_DAYS = Field(
    "day of week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), also=", L, FRIL, MON#1, ?", goes_round=True
)
YEARS = Field("year", 1970, LAST_YEAR)
