"""``cron(minutes hours day-of-month month day-of-week year)``, as EventBridge Scheduler reads it.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import product
from typing import TypeVar

from cdk_processing.errors import Problem, ScheduleError
from cdk_processing.schedules.days import MonthDays, WeekDays
from cdk_processing.schedules.fields import (
    HOURS,
    LAST_YEAR,
    MINUTES,
    MONTH_DAYS,
    MONTHS,
    WEEK_DAYS,
    YEARS,
    Field,
    FieldError,
)
from cdk_processing.schedules.timezones import as_instant
from cdk_processing.schedules.unix import from_crontab

__all__ = ["Cron"]

_FIELDS = (MINUTES, HOURS, MONTH_DAYS, MONTHS, WEEK_DAYS, YEARS)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments that match an expression.

    Attributes:
        minutes: Minutes of the hour.
        hours: Hours of the day.
        days: Days of the month.
        months: Months of the year.
        years: Years.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: MonthDays | WeekDays
    months: frozenset[int]
    years: frozenset[int]

    @classmethod
    def read(cls, inner: str) -> Cron:
        """Parse the text between the parentheses.

        Raises:
            ScheduleError: It is not valid.
        """
        expression = f"cron({inner})"
        texts = inner.upper().split()
        if len(texts) != len(_FIELDS):
            raise ScheduleError([_wrong_number_of_fields(expression, inner)])
        minute, hour, day, month, weekday, year = texts
        problems: list[Problem] = []

        def field(kind: Field, read: Callable[[str], _Read], text: str, otherwise: _Read) -> _Read:
            try:
                return read(text)
            except FieldError as error:
                problems.append(kind.problem(expression, str(error)))
                return otherwise

        none = frozenset[int]()
        days: MonthDays | WeekDays = MonthDays(none)
        if (day == "?") == (weekday == "?"):
            problems.append(_both_or_neither(expression, texts))
        elif weekday == "?":
            days = field(MONTH_DAYS, MonthDays.read, day, days)
        else:
            days = field(WEEK_DAYS, WeekDays.read, weekday, WeekDays(none))
        found = cls(
            minutes=field(MINUTES, MINUTES.read, minute, none),
            hours=field(HOURS, HOURS.read, hour, none),
            days=days,
            months=field(MONTHS, MONTHS.read, month, none),
            years=field(YEARS, YEARS.read, year, none),
        )
        if not problems and not found._ever_fires:
            allowed = "a day that there is in one of its months and years"
            problems.append(Problem("expression", expression, allowed, "correct the day, the month or the year"))
        if problems:
            raise ScheduleError(problems)
        return found

    @property
    def ends(self) -> bool:
        """Whether its years end well before the last year that EventBridge allows."""
        return max(self.years) < LAST_YEAR - 100

    def next_after(self, moment: datetime, *, start: datetime, zone: tzinfo) -> datetime | None:
        """The first occurrence after a moment; None if there is none."""
        del start
        # When the clock goes back, later moments can have earlier local times than `moment`. So begin earlier.
        begin = moment.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)
        for local in self.local_times(begin):
            found = as_instant(local, zone)
            if found is not None and found > moment:
                return found
        return None

    def local_times(self, after: datetime) -> Iterator[datetime]:
        """Local times after a local time, in order. Ignores daylight saving time."""
        times = [time(hour, minute) for hour, minute in product(sorted(self.hours), sorted(self.minutes))]
        for day in self._dates(after.date()):
            for moment in times:
                local = datetime.combine(day, moment)
                if local > after:
                    yield local

    def _dates(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                if (year, month) >= (first.year, first.month):
                    yield from (date(year, month, day) for day in sorted(self.days.of(year, month)))

    @property
    def _ever_fires(self) -> bool:
        return any(self.days.of(year, month) for year, month in product(sorted(self.years), self.months))


def _wrong_number_of_fields(expression: str, inner: str) -> Problem:
    names = ", ".join(field.name for field in _FIELDS)
    converted = from_crontab(inner)
    fix = f"it has {len(inner.split())}; write {converted or 'cron(0 6 * * ? *)'}"
    return Problem("expression", expression, f"6 fields ({names})", fix)


def _both_or_neither(expression: str, texts: list[str]) -> Problem:
    converted = from_crontab(" ".join(texts[:5]), year=texts[5]) if "?" not in texts else None
    fix = f"write {converted}" if converted else "write ? in the field that does not matter"
    return Problem("expression", expression, "? in exactly one of day of month and day of week", fix)
