"""When a schedule is due: EventBridge Scheduler's ``cron``, ``rate`` and ``at``, in their timezones. No clock in here.

A local time that daylight saving skips does not fire, one that it repeats fires once, as in AWS
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
"""

from __future__ import annotations

import random
import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cache
from operator import sub
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from cronsim import CronSim

__all__ = ["Schedule", "ScheduleError", "longest_gap", "zone_named"]

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LAST_YEAR = 2199
_FURTHEST = timedelta(days=366 * 9)
#: From here on gaps are looked for: a fixed date, so that what is found does not change from day to day. Until 2099
#: weekdays and leap years come round every 28 years.
_FIRST_YEAR, _CYCLE_YEARS, _CYCLE_DAYS = 2025, 28, 28 * 365 + 7
_LAST_GAP_YEAR = 2099
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 24 * 60


class ScheduleError(ValueError):
    """An expression or timezone that EventBridge Scheduler does not take."""


@dataclass(frozen=True)
class Schedule:
    """What decides when a schedule fires.

    Attributes:
        expression: ``cron(...)``, ``rate(...)`` or ``at(...)``.
        zone: Timezone of ``cron`` and ``at``.
        start: Nothing fires before; a ``rate`` counts from here.
        end: Nothing fires after.
        window: Minutes of the flexible time window, 0 where it is off.
    """

    expression: str
    zone: tzinfo
    start: datetime
    end: datetime | None = None
    window: int = 0

    def next_after(self, moment: datetime) -> datetime | None:
        """The first scheduled time after a moment, in UTC; None where there is none any more.

        Raises:
            ScheduleError: The expression is not valid.
        """
        kind, inner = kind_and_inner(self.expression)
        after = max(moment, self.start - timedelta(microseconds=1))
        found = {"at": self._at, "rate": self._rate, "cron": self._cron}[kind](inner, after)
        if found is None or (self.end is not None and found > self.end):
            return None
        return found.astimezone(timezone.utc)

    def fires_at(self, scheduled: datetime, seed: str) -> datetime:
        """The moment within the flexible window; the same for the same occurrence."""
        if not self.window:
            return scheduled
        return scheduled + timedelta(seconds=random.Random(f"{seed}{scheduled}").uniform(0, self.window * 60))

    def _at(self, inner: str, after: datetime) -> datetime | None:
        try:
            local = datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S")
        except ValueError as error:
            raise ScheduleError(f"at() takes yyyy-mm-ddThh:mm:ss, got {inner!r}") from error
        found = _in_zone(local, self.zone)
        return found if found is not None and found > after else None

    def _rate(self, inner: str, after: datetime) -> datetime:
        every = interval(inner)
        if after < self.start:
            return self.start
        return self.start + ((after - self.start) // every + 1) * every

    def _cron(self, inner: str, after: datetime) -> datetime | None:
        for local in _cron_times(Cron.read(inner), after.astimezone(self.zone).replace(tzinfo=None)):
            found = _in_zone(local, self.zone)
            if found is not None and found > after:
                return found
        return None


@dataclass(frozen=True)
class Cron:
    """The fields of ``cron(...)``, read.

    Attributes:
        plain: The same in five fields of Unix's cron, without the year.
        near: The day that a nearest weekday is looked for, such as 15 for ``15W``; None without.
        years: The years in which it fires.
    """

    plain: str
    near: int | None
    years: frozenset[int]

    @classmethod
    def read(cls, inner: str) -> Cron:
        """Read what stands between the parentheses.

        Raises:
            ScheduleError: It is not valid.
        """
        fields = inner.upper().split()
        if len(fields) != 6:
            raise ScheduleError(f"cron() takes 6 fields (minutes hours day month weekday year), got {inner!r}")
        minute, hour, day, month, weekday, year = fields
        if (day == "?") == (weekday == "?"):
            raise ScheduleError(f"cron() needs a ? in either the day or the weekday field, got {inner!r}")
        near = re.fullmatch(r"(\d{1,2})W", day)
        days = "*" if day == "?" or near else day
        plain = f"{minute} {hour} {days} {month} {_weekdays(weekday)}"
        return cls(plain, int(near[1]) if near else None, _years(year))

    @property
    def ends(self) -> bool:
        """Whether the years that are named come to an end that one lives to see."""
        return max(self.years) < _LAST_YEAR - 100

    def after(self, moment: datetime) -> CronSim:
        """The local times after a moment, years and nearest weekdays aside.

        Raises:
            ScheduleError: It is not valid.
        """
        from cronsim import CronSim, CronSimError

        try:
            return CronSim(self.plain, moment)
        except CronSimError as error:
            raise ScheduleError(f"cron({self.plain}) is not valid: {error}") from error

    def is_near(self, year: int, month: int, day: int) -> bool:
        """Whether a day is the one that ``W`` means; any day is, without it."""
        return self.near is None or day == _nearest_weekday(year, month, self.near)


def kind_and_inner(expression: str) -> tuple[str, str]:
    """``("rate", "2 hours")`` of ``rate(2 hours)``.

    Raises:
        ScheduleError: It is none of the three kinds.
    """
    kind, _, inner = expression.strip().removesuffix(")").partition("(")
    if not expression.rstrip().endswith(")") or kind not in ("at", "rate", "cron"):
        raise ScheduleError(f"ScheduleExpression must be at(...), rate(...) or cron(...), got {expression!r}")
    return kind, inner.strip()


def interval(inner: str) -> timedelta:
    """The time of ``rate(...)``.

    Raises:
        ScheduleError: It is not valid.
    """
    match = re.fullmatch(r"([1-9]\d*)\s+(minute|hour|day)(s?)", inner)
    if match is None:
        raise ScheduleError(f"rate() takes a number and minutes, hours or days, got {inner!r}")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def zone_named(name: str) -> ZoneInfo:
    """A timezone by its IANA name.

    Raises:
        ScheduleError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"ScheduleExpressionTimezone {name!r} is not an IANA timezone") from error


def _cron_times(cron: Cron, after: datetime) -> Iterator[datetime]:
    """Local times, without daylight saving, that match an AWS cron expression."""
    # A repeated hour lies behind the local time that `after` reads: look at it once more.
    cursor = after - timedelta(hours=3)
    limit = after + _FURTHEST
    while True:
        for found in cron.after(cursor):
            if found.year > max(cron.years):
                return
            if found.year not in cron.years:
                cursor = datetime(min(y for y in cron.years if y > found.year), 1, 1) - timedelta(minutes=1)
                limit = max(limit, cursor + _FURTHEST)
                break
            if cron.is_near(found.year, found.month, found.day):
                yield found
            elif found > limit:
                return
        else:
            return


def _years(field: str) -> frozenset[int]:
    years: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:(\*)|(\d{4})(?:-(\d{4}))?)(?:/(\d+))?", part)
        if match is None:
            raise ScheduleError(f"the year field takes years between 1970 and {_LAST_YEAR}, got {field!r}")
        first = 1970 if match[1] else int(match[2])
        last = _LAST_YEAR if match[1] or (match[4] and not match[3]) else int(match[3] or first)
        years.update(range(first, last + 1, int(match[4] or 1)))
    return frozenset(years)


def _weekdays(field: str) -> str:
    """AWS counts weekdays from 1 for Sunday, cron from 0."""
    if field in ("?", "*"):
        return "*"
    if field == "L":
        return "6"

    def number(text: str) -> int:
        if text in _WEEKDAYS:
            return _WEEKDAYS.index(text)
        if not re.fullmatch("[1-7]", text):
            raise ScheduleError(f"a weekday is 1-7 or SUN-SAT, got {text!r}")
        return int(text) - 1

    parts: list[str] = []
    for part in field.split(","):
        body, hash_, nth = part.partition("#")
        body, slash, step = body.partition("/")
        first, dash, last = body.partition("-")
        if dash and number(first) > number(last):
            # FRI-MON goes round the end of the week.
            parts += [str(day % 7) for day in range(number(first), number(last) + 8)]
        elif dash:
            parts.append(f"{number(first)}-{number(last)}{slash}{step}")
        elif body.endswith("L"):
            parts.append(f"{number(body[:-1])}L")
        elif body == "*":
            parts.append(f"*{slash}{step}")
        else:
            parts.append(f"{number(body)}{slash}{step}{hash_}{nth}")
    return ",".join(parts)


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The weekday nearest to a day, within the month."""
    last = ((datetime(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    day = min(day, last)
    weekday = datetime(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _in_zone(local: datetime, zone: tzinfo) -> datetime | None:
    """A local time as an instant: the first of two where it is repeated, None where it is skipped."""
    found = local.replace(tzinfo=zone, fold=0)
    back = found.astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None)
    return found.astimezone(timezone.utc) if back == local else None


# -- the longest gap --------------------------------------------------------------------------------------------------


@cache
def longest_gap(expression: str, timezone_name: str = "UTC", *, end: datetime | None = None) -> timedelta | None:
    """The longest time between two occurrences, daylight saving and leap years taken into account.

    The same whenever it is asked: it is looked for from 2025 on, for as long as it takes the calendar to come round,
    and before the year 2100, which is no leap year.

    Args:
        expression: ``cron(...)``, ``rate(...)`` or ``at(...)``.
        timezone_name: IANA name in which ``cron`` is read.
        end: Nothing fires after.

    Returns:
        The gap; None for what fires once or never, or comes to an end: there is always a last time then.

    Raises:
        ScheduleError: The expression or timezone is not valid.
    """
    kind, inner = kind_and_inner(expression)
    zone = zone_named(timezone_name)
    if kind == "rate":
        return None if end else interval(inner)
    if kind == "at":
        return None
    cron = Cron.read(inner)
    fields = cron.after(datetime(_FIRST_YEAR, 1, 1))
    if end is not None or cron.ends:
        return None
    times = sorted(hour * 60 + minute for hour in fields.hours for minute in fields.minutes)
    days = _days(cron, fields)
    return _Occurrences(days, times, _changes(zone, days[-1])).longest_gap() if len(days) > 1 else None


def _days(cron: Cron, fields: CronSim) -> list[int]:
    """Each date that matches, as days since 1970, for as long as it takes to come round."""
    comes_round = cron.years.issuperset(range(_FIRST_YEAR, _LAST_GAP_YEAR + 1))
    years = range(_FIRST_YEAR, _FIRST_YEAR + _CYCLE_YEARS if comes_round else _LAST_GAP_YEAR + 1)
    # Which days of a month match depends on its length and on the weekday it begins with, and on nothing else.
    patterns: dict[tuple[int, int], list[int]] = {}
    found: list[int] = []
    for year in years:
        for month in sorted(fields.months) if year in cron.years else ():
            shape = monthrange(year, month)
            if shape not in patterns:
                patterns[shape] = [
                    day
                    for day in range(1, shape[1] + 1)
                    if cron.is_near(year, month, day) and fields.match_day(date(year, month, day))
                ]
            first = date(year, month, 1).toordinal() - _EPOCH - 1
            found += [first + day for day in patterns[shape]]
    return [*found, found[0] + _CYCLE_DAYS] if comes_round and found else found


class _Change(NamedTuple):
    """A change of a timezone's offset, in minutes of local time since 1970.

    Local times before ``begin`` are read with the offset before, those from ``end`` on with the one after. What lies
    between them is skipped; where there is nothing between, local times before ``begin`` come again, and do not count.
    """

    begin: int
    end: int
    offset: int


@cache
def _changes(zone: ZoneInfo, last_day: int) -> tuple[_Change, ...]:
    """Every change of the offset until a day, given as days since 1970."""

    def offset_at(minute: int) -> int:
        return int((datetime.fromtimestamp(minute * 60, zone).utcoffset() or timedelta()).total_seconds()) // 60

    start = (date(_FIRST_YEAR - 1, 12, 1).toordinal() - _EPOCH) * _DAY
    found = [_Change(start, start, offset_at(start))]
    week = 7 * _DAY  # no zone changes its offset and takes it back sooner
    after = offset_at(start)
    for moment in range(start, last_day * _DAY, week):
        low, high = moment, moment + week
        before, after = after, offset_at(high)
        if before == after:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if offset_at(middle) != before else (middle, high)
        found.append(_Change(high + before, high + max(before, after), after))
    return tuple(found)


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

        From day to day the offset mostly stays, and days are all there is to count; a change of the offset is looked
        at by itself, with the occurrences before and after it.
        """
        first, last = self.times[0], self.times[-1]
        night = first - last
        longest = max(map(sub, self.times[1:], self.times), default=0)
        position = 0
        gaps = list(map(sub, self.days[1:], self.days))
        for change in self.changes:
            # Between day i and day i + 1 the offset changes, for i from `low` to `high` - 1.
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
        """The last local time that is earlier."""
        day, rest = divmod(minute, _DAY)
        index = bisect_left(self.days, day)
        time = bisect_left(self.times, rest)
        if time and index < len(self.days) and self.days[index] == day:
            return day * _DAY + self.times[time - 1]
        return self.days[index - 1] * _DAY + self.times[-1] if index else None

    def _from(self, minute: int) -> int | None:
        """The first local time that is not earlier."""
        day, rest = divmod(minute, _DAY)
        index = bisect_left(self.days, day)
        time = bisect_left(self.times, rest)
        if index < len(self.days) and self.days[index] == day:
            if time < len(self.times):
                return day * _DAY + self.times[time]
            index += 1
        return self.days[index] * _DAY + self.times[0] if index < len(self.days) else None

    def _instant(self, local: int) -> int | None:
        """A local time in minutes of UTC; None where it is skipped."""
        change = self.changes[bisect_right(self.changes, local, key=lambda change: change.begin) - 1]
        return None if local < change.end else local - change.offset
