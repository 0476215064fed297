"""Converts between Step Functions' JSON and an API's shapes: names in PascalCase, JSON for bytes, strings for times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

__all__ = ["sdk_request", "sdk_result"]


def sdk_request(shape: Any, value: Any) -> Any:
    """Convert a task's arguments to botocore's parameters.

    Step Functions writes every member in PascalCase, but the API may not. If the API takes a string (``MessageBody``,
    ``Detail``), objects and arrays are written as JSON. If it takes bytes (``PutObject``'s ``Body``), every value is
    written as JSON, so a string gets quotes around it.
    """
    if shape is None or value is None:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        # Pass on an unknown name, so that botocore's error names it.
        return {
            names.get(key.lower(), key): sdk_request(shape.members.get(names.get(key.lower(), "")), item)
            for key, item in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [sdk_request(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, Mapping):
        return {key: sdk_request(shape.value, item) for key, item in value.items()}
    if kind == "blob":
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    if kind == "string" and isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return value


def sdk_result(shape: Any, value: Any) -> Any:
    """Convert an API response to the result of a Step Functions task."""
    if shape is None:
        return {}
    if isinstance(value, Mapping) and shape.type_name == "structure":
        return {
            name[:1].upper() + name[1:]: sdk_result(shape.members[name], item)
            for name, item in value.items()
            if name in shape.members and item is not None
        }
    if isinstance(value, Mapping) and shape.type_name == "map":
        return {key: sdk_result(shape.value, item) for key, item in value.items()}
    if isinstance(value, list):
        return [sdk_result(shape.member, item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if hasattr(value, "read"):
        value = value.read()
    return value.decode(errors="replace") if isinstance(value, bytes) else value
