"""Which days of a month match the two day fields of ``cron(...)``. One of the two is always ``?``."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass

from cdk_processing.schedules.fields import MONTH_DAYS, WEEK_DAYS, FieldError

__all__ = ["MonthDays", "WeekDays"]

_SATURDAY, _SUNDAY = 5, 6  # as Python counts


@dataclass(frozen=True, slots=True)
class MonthDays:
    """The field for days of the month.

    Attributes:
        days: Days by number.
        nearest: Days whose nearest weekday matches, such as 15 for ``15W``.
        last: Whether the last day of the month matches: ``L``.
        last_weekday: Whether the last weekday of the month matches: ``LW``.
    """

    days: frozenset[int]
    nearest: frozenset[int] = frozenset()
    last: bool = False
    last_weekday: bool = False

    @classmethod
    def read(cls, text: str) -> MonthDays:
        """Parse the field.

        Raises:
            FieldError: It is not valid.
        """
        items = text.split(",")
        days, nearest = set[int](), set[int]()
        for item in items:
            if item in ("L", "LW"):
                continue
            if match := re.fullmatch(r"(\d+)W", item):
                nearest.add(MONTH_DAYS.value(match[1]))
            else:
                days.update(MONTH_DAYS.item(item))
        return cls(frozenset(days), frozenset(nearest), "L" in items, "LW" in items)

    def of(self, year: int, month: int) -> frozenset[int]:
        """The matching days of one month."""
        last = monthrange(year, month)[1]
        found = {day for day in self.days if day <= last}
        found |= {_nearest_weekday(year, month, min(day, last)) for day in self.nearest}
        if self.last:
            found.add(last)
        if self.last_weekday:
            found.add(_nearest_weekday(year, month, last))
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class WeekDays:
    """The field for days of the week. It counts from 1, which is Sunday.

    Attributes:
        days: Weekdays that match every week.
        last: Weekdays that match the last time in the month, such as 6 for ``6L``.
        nth: Weekdays that match the nth time in the month, such as (2, 1) for ``MON#1``.
    """

    days: frozenset[int]
    last: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def read(cls, text: str) -> WeekDays:
        """Parse the field.

        Raises:
            FieldError: It is not valid.
        """
        items = text.split(",")
        days, last, nth = set[int](), set[int](), set[tuple[int, int]]()
        for item in items:
            if item == "L":
                days.add(WEEK_DAYS.high)
            elif match := re.fullmatch(r"(\w+)L", item):
                last.add(WEEK_DAYS.value(match[1]))
            elif match := re.fullmatch(r"(\w+)#([1-5])", item):
                nth.add((WEEK_DAYS.value(match[1]), int(match[2])))
            else:
                days.update(WEEK_DAYS.item(item))
        if nth and len(items) > 1:
            # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html, the wildcard #
            raise FieldError("make a schedule of each: # takes no list")
        return cls(frozenset(days), frozenset(last), frozenset(nth))

    def of(self, year: int, month: int) -> frozenset[int]:
        """The matching days of one month."""
        begins, last = monthrange(year, month)
        found = set()
        for day in range(1, last + 1):
            weekday = (begins + day) % 7 + 1
            nth = (day - 1) // 7 + 1
            if weekday in self.days or (weekday, nth) in self.nth or (weekday in self.last and day + 7 > last):
                found.add(day)
        return frozenset(found)


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The nearest day from Monday to Friday, within the month."""
    begins, last = monthrange(year, month)
    weekday = (begins + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < last else day - 2
    return day
