"""Whether two expressions, each with its timezone, mean the same times, however they are written."""

from __future__ import annotations

from itertools import product

from cdk_processing.schedules.cron import Cron
from cdk_processing.schedules.expression import parse
from cdk_processing.schedules.offsets import offset_table
from cdk_processing.schedules.rate import Rate

__all__ = ["same_times"]


def same_times(one: str, one_zone: str, other: str, other_zone: str) -> bool:
    """Whether two expressions fire at the same times.

    A ``rate`` counts from its start, so two equal rates do so if they start together.

    Args:
        one: An expression.
        one_zone: IANA name of its timezone.
        other: The other expression.
        other_zone: IANA name of its timezone.

    Raises:
        ScheduleError: An expression or a timezone is not valid.

    Example:
        >>> same_times("cron(0 6 ? JAN MON *)", "UTC", "cron(0 6 ? 1 2 *)", "Etc/UTC")
        True
    """
    first, second = parse(one), parse(other)
    if isinstance(first, Rate) or isinstance(second, Rate):
        return first == second
    if isinstance(first, Cron) and isinstance(second, Cron):
        is_same = _same_local_times(first, second)
    else:
        is_same = first == second
    return is_same and (one_zone == other_zone or offset_table(one_zone) == offset_table(other_zone))


def _same_local_times(one: Cron, other: Cron) -> bool:
    if (one.minutes, one.hours, one.months, one.years) != (other.minutes, other.hours, other.months, other.years):
        return False
    return one.days == other.days or all(
        one.days.of(year, month) == other.days.of(year, month) for year, month in product(one.years, one.months)
    )
