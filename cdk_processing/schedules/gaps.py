"""The longest time between two occurrences of a schedule. A longer time without a run means that something is wrong."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from operator import sub
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cdk_processing.schedules.at import At
from cdk_processing.schedules.cron import Cron
from cdk_processing.schedules.expression import parse
from cdk_processing.schedules.offsets import offset_changes
from cdk_processing.schedules.rate import Rate
from cdk_processing.schedules.timezones import zone_named

__all__ = ["longest_gap"]

#: The search starts in a fixed year, so that its result does not depend on today's date. Until 2099, weekdays and leap
#: years repeat every 28 years.
_FIRST_YEAR, _CYCLE_YEARS, _CYCLE_DAYS = 2025, 28, 28 * 365 + 7
_LAST_GAP_YEAR = 2099
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 24 * 60


@cache
def longest_gap(expression: str, timezone_name: str = "UTC", *, end: datetime | None = None) -> timedelta | None:
    """The longest time between two occurrences, including daylight saving time and leap years.

    The result does not depend on today's date. The search starts in 2025 and covers one full cycle of the calendar. It
    ends before 2100, which is not a leap year.

    Args:
        expression: ``cron(...)``, ``rate(...)`` or ``at(...)``.
        timezone_name: IANA name of the timezone of ``cron``.
        end: The schedule does not fire after this.

    Returns:
        The gap. None if the schedule fires once or never, or ends: after its last occurrence, silence is normal.

    Raises:
        ScheduleError: The expression or timezone is not valid.
    """
    found, zone = parse(expression), zone_named(timezone_name)
    if end is not None or isinstance(found, At):
        return None
    if isinstance(found, Rate):
        return found.every
    if found.ends:
        return None
    times = sorted(hour * 60 + minute for hour in found.hours for minute in found.minutes)
    days = _days(found)
    return _Occurrences(days, times, _changes(zone, days[-1])).longest_gap() if len(days) > 1 else None


def _days(cron: Cron) -> list[int]:
    """Each date that matches, as days since 1970, for one full cycle of the calendar."""
    comes_round = cron.years.issuperset(range(_FIRST_YEAR, _LAST_GAP_YEAR + 1))
    years = range(_FIRST_YEAR, _FIRST_YEAR + _CYCLE_YEARS if comes_round else _LAST_GAP_YEAR + 1)
    # Which days of a month match depends only on its length and its first weekday.
    patterns: dict[tuple[int, int], list[int]] = {}
    found: list[int] = []
    for year in years:
        for month in sorted(cron.months) if year in cron.years else ():
            shape = monthrange(year, month)
            if shape not in patterns:
                patterns[shape] = sorted(cron.days.of(year, month))
            first = date(year, month, 1).toordinal() - _EPOCH - 1
            found += [first + day for day in patterns[shape]]
    return [*found, found[0] + _CYCLE_DAYS] if comes_round and found else found


class _Change(NamedTuple):
    """A change of a timezone's offset, in minutes of local time since 1970.

    Local times before ``begin`` have the old offset. Local times from ``end`` on have the new one. Local times between
    the two are skipped. If ``begin`` equals ``end``, local times before ``begin`` occur twice. The second time does not
    count.
    """

    begin: int
    end: int
    offset: int


@cache
def _changes(zone: ZoneInfo, last_day: int) -> tuple[_Change, ...]:
    """Every change of the offset until a day. The day is given as days since 1970."""
    start = (date(_FIRST_YEAR - 1, 12, 1).toordinal() - _EPOCH) * _DAY
    changes = [
        _Change(moment + before, moment + max(before, after), after)
        for moment, before, after in offset_changes(zone, start, last_day * _DAY)
    ]
    at_start = datetime.fromtimestamp(start * 60, zone).utcoffset() or timedelta()
    return (_Change(start, start, int(at_start.total_seconds()) // 60), *changes)


@dataclass(frozen=True)
class _Occurrences:
    """Occurrences of a cron expression.

    Attributes:
        days: Dates, as days since 1970, in order.
        times: Minutes of the day, in order.
        changes: Changes of the offset, in order.
    """

    days: list[int]
    times: list[int]
    changes: tuple[_Change, ...]

    def longest_gap(self) -> timedelta:
        """The longest time between two of them.

        While the offset stays the same, counting days is enough. Around each change of the offset, this compares the
        last occurrence before it and the first after it.
        """
        first, last = self.times[0], self.times[-1]
        night = first - last
        longest = max(map(sub, self.times[1:], self.times), default=0)
        position = 0
        gaps = list(map(sub, self.days[1:], self.days))
        for change in self.changes:
            # The offset changes between day i and day i + 1, for i from `low` to `high` - 1.
            low = bisect_left(self.days, -((first - change.begin) // _DAY)) - 1
            high = bisect_left(self.days, -((last - change.end) // _DAY))
            longest = max(longest, max(gaps[position : max(low, 0)], default=0) * _DAY + night)
            position = max(position, high)
            longest = max(longest, self._gap_around(change))
        return timedelta(minutes=max(longest, max(gaps[position:], default=0) * _DAY + night))

    def _gap_around(self, change: _Change) -> int:
        """Minutes between the last occurrence before a change and the first after it."""
        before = self._before(change.begin)
        while before is not None and self._instant(before) is None:
            before = self._before(before)
        after = self._from(change.end)
        while after is not None and self._instant(after) is None:
            after = self._from(after + 1)
        if before is None or after is None:
            return 0
        return (self._instant(after) or 0) - (self._instant(before) or 0)

    def _before(self, minute: int) -> int | None:
        """The last local time of an occurrence that is earlier."""
        day, rest = divmod(minute, _DAY)
        index = bisect_left(self.days, day)
        time = bisect_left(self.times, rest)
        if time and index < len(self.days) and self.days[index] == day:
            return day * _DAY + self.times[time - 1]
        return self.days[index - 1] * _DAY + self.times[-1] if index else None

    def _from(self, minute: int) -> int | None:
        """The first local time of an occurrence that is not earlier."""
        day, rest = divmod(minute, _DAY)
        index = bisect_left(self.days, day)
        time = bisect_left(self.times, rest)
        if index < len(self.days) and self.days[index] == day:
            if time < len(self.times):
                return day * _DAY + self.times[time]
            index += 1
        return self.days[index] * _DAY + self.times[0] if index < len(self.days) else None

    def _instant(self, local: int) -> int | None:
        """A local time in minutes of UTC; None if it is skipped."""
        change = self.changes[bisect_right(self.changes, local, key=lambda change: change.begin) - 1]
        return None if local < change.end else local - change.offset
