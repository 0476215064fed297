"""Converts Unix crontab lines to EventBridge's cron, for error messages that suggest a fix."""

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
    """Convert a crontab line, such as ``0 6 * * *`` to ``cron(0 6 * * ? *)``.

    Args:
        line: Five fields (minute, hour, day of month, month, day of week), or a name such as ``@daily``.
        year: The year field of the result.

    Returns:
        The expression. None if the line is not a crontab line, or if it names both a day of the month and a day of the
        week: in a crontab that means either day, which a single expression cannot say.

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
    # Sunday is 0 in Unix and 1 in EventBridge. Names mean the same in both.
    named = re.sub(r"(?<![/#\d])[0-7](?![\d])", lambda match: _WEEK[int(match[0])], weekday)
    return f"cron({minute} {hour} ? {month} {named} {year})"


def names_both_days(line: str) -> bool:
    """Whether a crontab line names both a day of the month and a day of the week. Unix then matches either."""
    fields = _fields(line)
    return len(fields) == 5 and fields[2] not in _ANY and fields[4] not in _ANY


def _fields(line: str) -> list[str]:
    return _NICKNAMES.get(line.strip().lower(), line).upper().split()
