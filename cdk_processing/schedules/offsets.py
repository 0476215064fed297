"""Changes of a timezone's offset from UTC: all changes in a period, and a compact table for 1998 to 2099."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cache
from math import gcd
from typing import NamedTuple

from cdk_processing.schedules.timezones import zone_named

__all__ = ["EPOCH", "FIRST_YEAR", "LAST_YEAR", "OffsetChange", "OffsetTable", "offset_changes", "offset_table"]

#: A table holds the changes of these years, inclusive.
FIRST_YEAR, LAST_YEAR = 1998, 2099
#: Tables count moments from here.
EPOCH = datetime(FIRST_YEAR, 1, 1, tzinfo=timezone.utc)

_UNIX_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 24 * 60
_WEEK = 7 * _DAY
# Until 2099, weekdays and leap years repeat every 28 years. So do offset changes that follow a rule.
_CYCLE = (28 * 365 + 7) * _DAY


class OffsetChange(NamedTuple):
    """A change of a timezone's offset; all in minutes.

    Attributes:
        moment: When it changes, in UTC since 1970.
        before: The offset before the change.
        after: The offset after the change.
    """

    moment: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class OffsetTable:
    """The offsets of a timezone from the beginning of 1998 to the end of 2099.

    Moments count units of ``unit`` minutes since the beginning of 1998. From ``repeats_from`` on, the same changes
    repeat every ``repeats_after``. The table contains them once.

    Attributes:
        unit: Length of a unit in minutes; every moment is a multiple of it.
        moments: When each offset begins; the first is 0.
        codes: Which offset begins at each moment, as an index into ``offsets``.
        offsets: The offsets in minutes, without duplicates.
        repeats_from: The moment from which the changes repeat; after the last year if they do not.
        repeats_after: The time after which they repeat.
    """

    unit: int
    moments: tuple[int, ...]
    codes: tuple[int, ...]
    offsets: tuple[int, ...]
    repeats_from: int
    repeats_after: int

    def offset_at(self, minute: int) -> int:
        """The offset in minutes, at a moment in minutes since the beginning of 1998."""
        moment = minute // self.unit
        if moment >= self.repeats_from:
            moment = self.repeats_from + (moment - self.repeats_from) % self.repeats_after
        return self.offsets[self.codes[bisect_right(self.moments, moment) - 1]]


def offset_changes(zone: tzinfo, first: int, last: int) -> Iterator[OffsetChange]:
    """Every change of an offset between two moments, in minutes of UTC since 1970."""
    after = _offset(zone, first)
    # No timezone changes its offset and changes it back within a week.
    for moment in range(first, last, _WEEK):
        low, high = moment, moment + _WEEK
        before, after = after, _offset(zone, high)
        if before == after:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _offset(zone, middle) != before else (middle, high)
        yield OffsetChange(high, before, after)


@cache
def offset_table(name: str) -> OffsetTable:
    """The table of the timezone with this IANA name.

    Raises:
        ScheduleError: There is no timezone with that name.
    """
    zone, start, end = zone_named(name), _minute_of(FIRST_YEAR), _minute_of(LAST_YEAR + 1)
    changes = {change.moment - start: change.after for change in offset_changes(zone, start, end)}
    changes = {0: _offset(zone, start)} | {moment: after for moment, after in changes.items() if moment < end - start}
    repeats_from, repeats_after = _repetition(changes, end - start)
    kept = {moment: after for moment, after in changes.items() if moment < repeats_from + repeats_after}
    offsets = tuple(dict.fromkeys(kept.values()))
    unit = gcd(*kept, repeats_from, repeats_after)
    return OffsetTable(
        unit,
        tuple(moment // unit for moment in kept),
        tuple(offsets.index(after) for after in kept.values()),
        offsets,
        repeats_from // unit,
        repeats_after // unit,
    )


def _repetition(changes: dict[int, int], end: int) -> tuple[int, int]:
    """The moment from which changes repeat, and after how long; ``end`` if they do not repeat."""
    for year in range(FIRST_YEAR, LAST_YEAR - 28):
        start = _minute_of(year) - _minute_of(FIRST_YEAR)
        later = {moment: after for moment, after in changes.items() if moment >= start}
        again = {moment + _CYCLE: after for moment, after in later.items() if moment + _CYCLE < end}
        if again == {moment: after for moment, after in later.items() if moment >= start + _CYCLE}:
            # Each repetition must also begin with the offset at the end of the one before.
            at_start = [after for moment, after in changes.items() if moment <= start]
            at_end = [after for moment, after in changes.items() if moment <= start + _CYCLE]
            if at_start[-1] == at_end[-1]:
                return start, _CYCLE
    return end, _CYCLE


def _minute_of(year: int) -> int:
    """The beginning of a year, in minutes of UTC since 1970."""
    return (date(year, 1, 1).toordinal() - _UNIX_EPOCH) * _DAY


def _offset(zone: tzinfo, minute: int) -> int:
    offset = datetime.fromtimestamp(minute * 60, zone).utcoffset() or timedelta()
    return int(offset.total_seconds()) // 60
