"""Writes AWS's timestamps, and reads them in every Python: before 3.11 its parser refuses ``Z`` and some fractions."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

__all__ = ["now", "portable", "read_portable_times"]

_ISO = re.compile(r"(?P<second>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d{2}:?\d{2})")


def now() -> str:
    """This moment, as MiniStack keeps times."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def portable(timestamp: Any) -> Any:
    """A timestamp in the form that every Python reads; any other value unchanged."""
    match = _ISO.fullmatch(timestamp) if isinstance(timestamp, str) else None
    if match is None:
        return timestamp
    fraction = (match["fraction"] or "")[:7].ljust(7, "0") if match["fraction"] else ""
    zone = "+00:00" if match["zone"] == "Z" else match["zone"]
    return f"{match['second']}{fraction}{zone}"


def read_portable_times(to_millis: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``$toMillis`` take ``2026-11-22T06:00:00Z`` on Python 3.10 too."""

    def read(timestamp: Any = None, picture: Any = None) -> Any:
        return to_millis(timestamp if picture is not None else portable(timestamp), picture)

    return read
