"""Whether a schedule in a timezone may fire while the date in UTC is different."""

from __future__ import annotations

from datetime import datetime, time, timezone

from cdk_processing.schedules.at import At
from cdk_processing.schedules.cron import Cron
from cdk_processing.schedules.expression import parse
from cdk_processing.schedules.offsets import offset_changes
from cdk_processing.schedules.timezones import as_instant, zone_named

__all__ = ["time_on_another_date"]

_DAY = 24 * 60
#: Only the offsets of these years matter: they follow today's rules.
_FROM, _UNTIL = (int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) // 60 for year in (2025, 2030))


def time_on_another_date(expression: str, timezone_name: str) -> time | None:
    """A local time at which a schedule may fire while the date in UTC is different; None if there is none.

    Args:
        expression: ``cron(...)``, ``rate(...)`` or ``at(...)``. A rate has no local times.
        timezone_name: IANA name of the schedule's timezone.

    Raises:
        ScheduleError: The expression or timezone is not valid.

    Example:
        >>> time_on_another_date("cron(30 0 * * ? *)", "Europe/Berlin")
        datetime.time(0, 30)
        >>> time_on_another_date("cron(0 6 * * ? *)", "Europe/Berlin")
    """
    found, zone = parse(expression), zone_named(timezone_name)
    if isinstance(found, At):
        instant = as_instant(found.local, zone)
        is_another = instant is not None and instant.date() != found.local.date()
        return found.local.time() if is_another else None
    if not isinstance(found, Cron):
        return None
    changes = list(offset_changes(zone, _FROM, _UNTIL))
    now = datetime.fromtimestamp(_FROM * 60, zone).utcoffset()
    offsets = {0 if now is None else int(now.total_seconds()) // 60, *(change.after for change in changes)}
    for minute in sorted(hour * 60 + minute for hour in found.hours for minute in found.minutes):
        if not all(0 <= minute - offset < _DAY for offset in offsets):
            return time(*divmod(minute, 60))
    return None
