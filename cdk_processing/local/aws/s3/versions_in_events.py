"""Adds the version id to the object events that S3 sends to EventBridge, on versioned buckets.

MiniStack leaves it out. The run key of an arrival consists of bucket, key and version id, so an event without the
version id would start another run.
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from typing import Any

__all__ = ["add_version", "remember_version"]

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("object_version", default=None)


def remember_version(fire: Callable[..., None]) -> Callable[..., None]:
    """Remember the version of the object that an event is about."""

    def fire_s3_event(*arguments: Any, version_id: str | None = None, **options: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*arguments, version_id=version_id, **options)
        finally:
            _version.reset(token)

    return fire_s3_event


def add_version(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``version-id`` to an event if its object has a version."""

    def dispatch_event(event: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        version = _version.get()
        if version is not None and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *arguments, **options)

    return dispatch_event
