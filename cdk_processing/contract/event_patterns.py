"""EventBridge's patterns of events: whether an event matches one, and where the objects are whose events do.

:mod:`cdk_processing.workflow.patterns` renders the same as JSONata. ``cidr`` is not read here.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["UnreadablePatternError", "key_prefix", "matched_fields", "matches"]

_ANY_OF = "$or"
_EXISTS = "exists"
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


class UnreadablePatternError(ValueError):
    """A pattern uses an operator that is not read here."""


def matches(pattern: Mapping[str, Any], event: object) -> bool:
    """Whether an event matches a pattern.

    Raises:
        UnreadablePatternError: The pattern uses an operator that is not read here.

    Example:
        >>> matches({"detail": {"key": [{"prefix": "in/"}]}}, {"detail": {"key": "in/1.csv"}})
        True
    """
    return all(_field_matches(name, wanted, event) for name, wanted in pattern.items())


def matched_fields(pattern: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """The fields by which a pattern matches: ``detail.bucket.name``. ``$or`` is a field of its own."""
    for name, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            yield from matched_fields(wanted, f"{inside}{name}.")
        else:
            yield f"{inside}{name}"


def key_prefix(wanted: Sequence[Any]) -> str:
    """The longest text with which all values begin that a field may have.

    Example:
        >>> key_prefix([{"wildcard": "in/*.csv"}, {"prefix": "in/late/"}])
        'in/'
    """
    texts = [_beginning(item) for item in wanted]
    low, high = min(texts), max(texts)
    return next((low[:at] for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), low)


def _beginning(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping):
        if isinstance(prefix := item.get("prefix"), str):
            return prefix
        if isinstance(wildcard := item.get("wildcard"), str):
            return re.sub(r"\\(.)", r"\1", re.match(r"(?:[^*\\]|\\.)*", wildcard)[0])  # type: ignore[index]
    return ""


def _field_matches(name: str, wanted: Any, event: object) -> bool:
    if name == _ANY_OF:
        return any(matches(option, event) for option in wanted)
    found = event.get(name) if isinstance(event, Mapping) else None
    if isinstance(wanted, Mapping):
        return matches(wanted, found)
    is_there = isinstance(event, Mapping) and name in event and not isinstance(found, Mapping) and found != []
    values = found if isinstance(found, list) else [found]
    return any(_item_matches(item, values, is_there=is_there) for item in wanted)


def _item_matches(item: Any, values: Sequence[Any], *, is_there: bool) -> bool:
    if isinstance(item, Mapping) and _EXISTS in item:
        return is_there is item[_EXISTS]
    return is_there and any(_value_matches(item, value) for value in values)


def _value_matches(item: Any, value: Any) -> bool:
    if not isinstance(item, Mapping):
        return item == value and isinstance(item, bool) == isinstance(value, bool)
    [(name, operand)] = item.items()
    if name not in _OPERATORS:
        raise UnreadablePatternError(f"the operator {name!r}")
    return _OPERATORS[name](operand, value)


def _ends(operand: Any, value: Any, test: Callable[[str, str], bool]) -> bool:
    """``prefix`` and ``suffix``, whose operand may be a text without regard to case."""
    if not isinstance(value, str):
        return False
    if isinstance(operand, Mapping):
        return test(value.casefold(), operand["equals-ignore-case"].casefold())
    return test(value, operand)


def _numeric(operand: Sequence[Any], value: Any) -> bool:
    tests = zip(operand[::2], operand[1::2], strict=True)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and all(_COMPARE[sign](value, number) for sign, number in tests)


def _anything_but(operand: Any, value: Any) -> bool:
    if isinstance(operand, Mapping):
        [(name, texts)] = operand.items()
        return not any(_value_matches({name: text}, value) for text in (texts if isinstance(texts, list) else [texts]))
    return value not in (operand if isinstance(operand, list) else [operand])


def _wildcard(operand: str, value: Any) -> bool:
    parts = re.findall(r"\\.|[^\\]", operand, re.DOTALL)
    pattern = "".join(".*" if part == "*" else re.escape(part.removeprefix("\\") or part) for part in parts)
    return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda operand, value: _ends(operand, value, str.startswith),
    "suffix": lambda operand, value: _ends(operand, value, str.endswith),
    "wildcard": _wildcard,
    "numeric": _numeric,
    "anything-but": _anything_but,
    "equals-ignore-case": lambda operand, value: isinstance(value, str) and value.casefold() == operand.casefold(),
}
