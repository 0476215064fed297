"""Between Step Functions' JSON and an API's own shapes: names in PascalCase, JSON for bytes, text for times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

__all__ = ["sdk_request", "sdk_result"]


def sdk_request(shape: Any, value: Any) -> Any:
    """A task's arguments as botocore takes them.

    Step Functions writes every member in PascalCase, the API may not. Where the API takes text (``MessageBody``,
    ``Detail``), an object or an array is written as JSON. Where it takes bytes (``PutObject``'s ``Body``), everything
    is, so a text has quotes around it.
    """
    if shape is None or value is None:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        names = {name.lower(): name for name in shape.members}
        # A name the API does not know is passed on, so that botocore refuses it by name.
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
    """An API's response as Step Functions gives it to a state."""
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
