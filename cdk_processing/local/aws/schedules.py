"""When a schedule is due: EventBridge Scheduler's ``cron``, ``rate`` and ``at``, in their timezones. No clock in here.

A local time that daylight saving skips does not fire, one that it repeats fires once, as in AWS
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["Schedule", "ScheduleError", "substitute"]

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LAST_YEAR = 2199
_FURTHEST = timedelta(days=366 * 9)


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

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Schedule:
        """Read the schedule as CreateSchedule has it.

        Raises:
            ScheduleError: The timezone or the expression is not valid.
        """
        name = record.get("ScheduleExpressionTimezone") or "UTC"
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ScheduleError(f"ScheduleExpressionTimezone {name!r} is not an IANA timezone") from error
        changed = _moment(record["CreationDate"])
        start = _moment(record["StartDate"]) if record.get("StartDate") else changed
        flexible = record.get("FlexibleTimeWindow") or {}
        schedule = cls(
            expression=record["ScheduleExpression"].strip(),
            zone=zone,
            start=start,
            end=_moment(record["EndDate"]) if record.get("EndDate") else None,
            window=int(flexible.get("MaximumWindowInMinutes") or 0) if flexible.get("Mode") == "FLEXIBLE" else 0,
        )
        schedule.next_after(start)
        return schedule

    def next_after(self, moment: datetime) -> datetime | None:
        """The first scheduled time after a moment, in UTC; None where there is none any more."""
        kind, _, inner = self.expression.removesuffix(")").partition("(")
        if not self.expression.endswith(")") or kind not in ("at", "rate", "cron"):
            raise ScheduleError(f"ScheduleExpression must be at(...), rate(...) or cron(...), got {self.expression!r}")
        after = max(moment, self.start - timedelta(microseconds=1))
        found = {"at": self._at, "rate": self._rate, "cron": self._cron}[kind](inner.strip(), after)
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
        match = re.fullmatch(r"([1-9]\d*)\s+(minute|hour|day)(s?)", inner)
        if match is None:
            raise ScheduleError(f"rate() takes a number and minutes, hours or days, got {inner!r}")
        every = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
        if after < self.start:
            return self.start
        return self.start + ((after - self.start) // every + 1) * every

    def _cron(self, inner: str, after: datetime) -> datetime | None:
        fields = inner.upper().split()
        if len(fields) != 6:
            raise ScheduleError(f"cron() takes 6 fields (minutes hours day month weekday year), got {inner!r}")
        if (fields[2] == "?") == (fields[4] == "?"):
            raise ScheduleError(f"cron() needs a ? in either the day or the weekday field, got {inner!r}")
        for local in _cron_times(fields, after.astimezone(self.zone).replace(tzinfo=None)):
            found = _in_zone(local, self.zone)
            if found is not None and found > after:
                return found
        return None


def _cron_times(fields: list[str], after: datetime) -> Iterator[datetime]:
    """Local times, without daylight saving, that match an AWS cron expression."""
    from cronsim import CronSim, CronSimError

    minute, hour, day, month, weekday, year = fields
    years = _years(year)
    near = re.fullmatch(r"(\d{1,2})W", day)
    days = "*" if day == "?" or near else day
    expression = f"{minute} {hour} {days} {month} {_weekdays(weekday)}"
    # A repeated hour lies behind the local time that `after` reads: look at it once more.
    cursor = after - timedelta(hours=3)
    limit = after + _FURTHEST
    while True:
        try:
            for found in CronSim(expression, cursor):
                if found.year > max(years):
                    return
                if found.year not in years:
                    cursor = datetime(min(y for y in years if y > found.year), 1, 1) - timedelta(minutes=1)
                    limit = max(limit, cursor + _FURTHEST)
                    break
                if near is None or found.day == _nearest_weekday(found.year, found.month, int(near[1])):
                    yield found
                elif found > limit:
                    return
            else:
                return
        except CronSimError as error:
            raise ScheduleError(f"cron({' '.join(fields)}) is not valid: {error}") from error


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


def _moment(value: Any) -> datetime:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, timezone.utc)
    found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def substitute(text: str, scheduled: datetime, schedule_arn: str, execution_id: str, attempt: int) -> str:
    """Put the context attributes of one occurrence into a target's input.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    values = {
        "scheduled-time": scheduled.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "schedule-arn": schedule_arn,
        "execution-id": execution_id,
        "attempt-number": str(attempt),
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
