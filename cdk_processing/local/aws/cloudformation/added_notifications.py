"""Notifications that a stack adds to an imported bucket. The bucket's other notifications stay.

The CDK's function for ``Custom::S3BucketNotifications`` does this if ``Managed`` is false. It recognizes the stack's
notifications by their ids, which begin with the stack. It never turns off the bucket's events for EventBridge.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["added", "changed", "removed"]

_EVENTS = "EventBridgeConfiguration"
_KINDS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")
_Configuration = Mapping[str, Any]


def added(existing: _Configuration, new: _Configuration, stack: str) -> dict[str, Any]:
    """The bucket's configuration after a stack has added its notifications."""
    return _joined(existing, existing, new, stack)


def changed(existing: _Configuration, old: _Configuration, new: _Configuration, stack: str) -> dict[str, Any]:
    """The bucket's configuration after a stack has replaced its old notifications with new ones."""
    gone = {kind: [_content(each) for each in old.get(kind, [])] for kind in _KINDS}
    others = {kind: [each for each in existing.get(kind, []) if _content(each) not in gone[kind]] for kind in _KINDS}
    return _joined(others, existing, new, stack)


def removed(existing: _Configuration, stack: str) -> dict[str, Any]:
    """The bucket's configuration after a stack has removed its notifications."""
    others = {
        kind: [each for each in existing.get(kind, []) if not str(each.get("Id", "")).startswith(f"{stack}/")]
        for kind in _KINDS
    }
    return _joined(others, existing, {}, stack)


def _joined(others: _Configuration, existing: _Configuration, new: _Configuration, stack: str) -> dict[str, Any]:
    joined: dict[str, Any] = {
        kind: [*others.get(kind, []), *({**each, "Id": _identity(each, stack)} for each in new.get(kind, []))]
        for kind in _KINDS
    }
    if _EVENTS in new or _EVENTS in existing:
        joined[_EVENTS] = {}
    return joined


def _identity(notification: Mapping[str, Any], stack: str) -> str:
    return f"{stack}/{hashlib.md5(_content(notification).encode(), usedforsecurity=False).hexdigest()}"


def _content(notification: Mapping[str, Any]) -> str:
    """A notification without its id, and with its filters in a normalized order and spelling."""
    content = json.loads(json.dumps({name: value for name, value in notification.items() if name != "Id"}))
    rules = content.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    for rule in rules:
        rule["Name"] = rule["Name"].capitalize()
    rules.sort(key=lambda rule: str(rule["Name"]))
    return json.dumps(content, sort_keys=True)
