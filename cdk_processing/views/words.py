"""Formats numbers, times and ids for people."""

from __future__ import annotations

from datetime import datetime

__all__ = ["counted", "in_bytes", "in_time", "local_time", "short_id"]

_ID_LENGTH = 8


def short_id(run_id: str) -> str:
    """The beginning of a RUN_ID, to show to people: ``8456984e``."""
    return run_id[:_ID_LENGTH]


def local_time(when: datetime) -> str:
    """An instant as local time of this machine: ``2026-01-31 06:00:00``."""
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S}"


def in_time(seconds: float) -> str:
    """A duration: ``4.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def in_bytes(count: float) -> str:
    """A number of bytes: ``3.1 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.0f} B"


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 stack``, ``3 stacks``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
