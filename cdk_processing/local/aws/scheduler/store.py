"""The schedules that MiniStack stores."""

from __future__ import annotations

from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["forget_schedule", "schedules"]


def schedules() -> list[tuple[tuple[str, str, str], dict[str, Any]]]:
    """Every schedule with its place: account, region and ``group/name``."""
    return list(internal("ministack.services.scheduler", "_schedules")._data.items())


def forget_schedule(place: tuple[str, str, str]) -> None:
    """Delete a schedule that has completed."""
    internal("ministack.services.scheduler", "_schedules")._data.pop(place, None)
