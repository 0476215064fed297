"""What a line of a Unix crontab is in EventBridge's cron, for errors that offer it."""

from __future__ import annotations

import re

__all__ = ["from_crontab", "names_both_days"]

_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_ANY = ("*", "?")
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def from_crontab(line: str, *, year: str = "*") -> str | None:
    """``cron(0 6 * * ? *)`` of ``0 6 * * *``.

    Args:
        line: Five fields (minute, hour, day of month, month, day of week), or a name such as ``@daily``.
        year: The year field of the result.

    Returns:
        The expression; None where the line is none, or names both a day of the month and a day of the week, which
        means either in a crontab and cannot be said in one expression.

    Example:
        >>> from_crontab("30 22 * * 1-5")
        'cron(30 22 ? * MON-FRI *)'
    """
    fields = _fields(line)
    if len(fields) != 5 or names_both_days(line):
        return None
    minute, hour, day, month, weekday = fields
    if weekday in _ANY:
        return f"cron({minute} {hour} {'*' if day == '?' else day} {month} ? {year})"
    # Unix counts weekdays from 0 for Sunday, EventBridge from 1: names say the same in both.
    named = re.sub(r"(?<![/#\d])[0-7](?![\d])", lambda match: _WEEK[int(match[0])], weekday)
    return f"cron({minute} {hour} ? {month} {named} {year})"


def names_both_days(line: str) -> bool:
    """Whether a crontab line names a day of the month and a day of the week, of which Unix takes either."""
    fields = _fields(line)
    return len(fields) == 5 and fields[2] not in _ANY and fields[4] not in _ANY


def _fields(line: str) -> list[str]:
    return _NICKNAMES.get(line.strip().lower(), line).upper().split()
