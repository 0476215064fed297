"""A schedule: an expression with its timezone, its start and end, and its flexible window."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo

from cdk_processing.schedules.expression import parse

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What decides when a schedule fires.

    Attributes:
        expression: ``cron(...)``, ``rate(...)`` or ``at(...)``.
        zone: Timezone of ``cron`` and ``at``.
        start: Nothing fires before; a ``rate`` counts from here.
        end: Nothing fires after.
        window: Minutes of the flexible time window, 0 where it is off.

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
        """The first scheduled time after a moment, in UTC; None where there is none any more.

        A local time that daylight saving skips does not fire; one that comes twice fires once, the first time
        (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).

        Raises:
            ScheduleError: The expression is not valid.
        """
        after = max(moment, self.start - timedelta(microseconds=1))
        found = parse(self.expression).next_after(after, start=self.start, zone=self.zone)
        if found is None or (self.end is not None and found > self.end):
            return None
        return found.astimezone(timezone.utc)

    def fires_at(self, scheduled: datetime, seed: str) -> datetime:
        """The moment within the flexible window; the same for the same occurrence."""
        if not self.window:
            return scheduled
        return scheduled + timedelta(seconds=random.Random(f"{seed}{scheduled}").uniform(0, self.window * 60))
