"""A schedule: an expression with its timezone, its start and end, and its flexible window."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from cdk_processing.schedules.expression import parse

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Determines when a schedule fires.

    Attributes:
        expression: ``cron(...)``, ``rate(...)`` or ``at(...)``.
        zone: Timezone of ``cron`` and ``at``.
        start: The schedule does not fire before this; a ``rate`` counts from here.
        end: The schedule does not fire after this.
        window: Minutes of the flexible time window; 0 if it is off.

    Example:
        >>> start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        >>> Schedule("cron(0 6 * * ? *)", timezone.utc, start).next_after(start).isoformat()
        '2026-01-01T06:00:00+00:00'
    """

    expression: str
    zone: tzinfo
    start: datetime
    end: datetime | None = None
    window: int = 0

    def next_after(self, moment: datetime) -> datetime | None:
        """The first scheduled time after a moment, in UTC; None if there is none.

        A local time that daylight saving time skips does not fire. One that occurs twice fires only the first time
        (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).

        Raises:
            ScheduleError: The expression is not valid.
        """
        after = max(moment, self.start - timedelta(microseconds=1))
        found = parse(self.expression).next_after(after, start=self.start, zone=self.zone)
        if found is None or (self.end is not None and found > self.end):
            return None
        return found.astimezone(timezone.utc)

    def times(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """The scheduled times from ``since`` on and before ``until``, in UTC.

        Raises:
            ScheduleError: The expression is not valid.
        """
        found = self.next_after(since - timedelta(microseconds=1))
        while found is not None and found < until:
            yield found
            found = self.next_after(found)

    def fires_at(self, scheduled: datetime, seed: str) -> datetime:
        """A moment in the flexible time window, always the same for an occurrence and seed."""
        if not self.window:
            return scheduled
        return scheduled + timedelta(seconds=random.Random(f"{seed}{scheduled}").uniform(0, self.window * 60))
