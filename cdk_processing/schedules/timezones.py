"""Finds timezones by IANA name, and converts local times to instants."""

from __future__ import annotations

import re
from datetime import datetime, timezone, tzinfo
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cdk_processing.errors import Problem, ScheduleError

__all__ = ["as_instant", "timezone_problems", "zone_named"]

#: Similarity, from 0 to 1, from which one name counts as a misspelling of another.
_LIKE = 0.87
_ABBREVIATION = 4
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])0?(\d{1,2})(?::?00)?", re.IGNORECASE)


def zone_named(name: str) -> ZoneInfo:
    """The timezone with this IANA name.

    Raises:
        ScheduleError: There is no timezone with that name.
    """
    problems = timezone_problems(name)
    if problems:
        raise ScheduleError(problems)
    return ZoneInfo(name)


def timezone_problems(name: Any) -> list[Problem]:
    """What is wrong with a timezone's name. The fix suggests the most similar existing name."""
    if isinstance(name, str) and name in _names():
        return []
    near = _nearest(name) if isinstance(name, str) else getattr(name, "key", None)
    fix = f"write {near!r}" if isinstance(near, str) else "write its name from the IANA time zone database"
    if isinstance(near, str) and near.startswith("Etc/GMT"):
        fix += ", whose sign is the other way round"
    return [Problem("timezone", name, "the IANA name of a timezone, such as 'Europe/Berlin'", fix)]


def as_instant(local: datetime, zone: tzinfo) -> datetime | None:
    """A local time as an instant in UTC. The first instant if it occurs twice; None if it is skipped."""
    found = local.replace(tzinfo=zone, fold=0)
    back = found.astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None)
    return found.astimezone(timezone.utc) if back == local else None


def _nearest(name: str) -> str | None:
    """The timezone that a name probably means, found by offset, city or similar spelling."""
    text = name.strip()
    if match := _OFFSET.fullmatch(text):
        # These zones have inverted signs: Etc/GMT-2 is two hours ahead of UTC.
        zone = f"Etc/GMT{'-' if match[1] == '+' else '+'}{match[2]}"
        return zone if zone in _names() else None
    known = {found.casefold(): found for found in _names()}
    written = re.sub(r"\s+", "_", text).casefold()
    if written in known:
        return known[written]
    cities = {found.rpartition("/")[2]: found for found in sorted(known) if "/" in found}
    city = written.rpartition("/")[2]
    if city in cities:
        return known[cities[city]]
    if len(city) <= _ABBREVIATION:
        return None  # PST or CEST means several zones, and is similar to other names
    near = get_close_matches(written, known, 1, _LIKE) or [
        cities[name] for name in get_close_matches(city, cities, 1, _LIKE)
    ]
    return known[near[0]] if near else None


@cache
def _names() -> frozenset[str]:
    """The names of all timezones. Cached, because listing them reads a folder of 600 files."""
    return frozenset(available_timezones()) - {"localtime"}  # Debian's name for the machine's own timezone
