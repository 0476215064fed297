"""``rate(12 hours)``: occurrences at a fixed interval."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from cdk_processing.errors import Problem, ScheduleError

__all__ = ["Rate"]

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """Occurrences at a fixed interval.

    Attributes:
        every: The interval.
    """

    every: timedelta

    @classmethod
    def read(cls, inner: str) -> Rate:
        """Parse the text between the parentheses.

        Raises:
            ScheduleError: It is not valid.
        """
        expression = f"rate({inner})"
        match = re.fullmatch(r"([1-9]\d{0,8})\s+(minute|hour|day)(s?)", inner)
        if match is None:
            allowed = "a whole number from 1 and minutes, hours or days"
            raise ScheduleError([Problem("expression", expression, allowed, "write such as rate(12 hours)")])
        if (match[1] == "1") == bool(match[3]):
            fix = f"write rate({match[1]} {match[2]}{'' if match[1] == '1' else 's'})"
            raise ScheduleError([Problem("expression", expression, "singular for 1 and plural otherwise", fix)])
        return cls(timedelta(seconds=int(match[1]) * _UNITS[match[2]]))

    def next_after(self, moment: datetime, *, start: datetime, zone: tzinfo) -> datetime | None:
        """The first occurrence after a moment. Occurrences are at the start and at every whole interval after it."""
        del zone
        return start if moment < start else start + ((moment - start) // self.every + 1) * self.every
