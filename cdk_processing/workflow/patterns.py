"""EventBridge patterns as JSONata conditions, so that a state machine knows which trigger an event came by.

EventBridge has matched the event before it starts anything; this only tells the triggers of one job apart. What
operators mean: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cdk_processing.workflow.jsonata import quoted

__all__ = ["UnknownOperatorError", "condition", "field", "path"]

_ANY = "true"
_ANYTHING = "(.|\\s)*"


class UnknownOperatorError(ValueError):
    """An operator of a pattern that has no equal in JSONata."""


def condition(pattern: Mapping[str, Any], root: str = "$event") -> str:
    """Whether an event matches, as a JSONata expression's body.

    Args:
        pattern: An event pattern, as EventBridge takes it.
        root: The expression that the pattern is held to.

    Raises:
        UnknownOperatorError: The pattern uses ``cidr``, or something that EventBridge does not know.
    """
    parts = []
    for name, wanted in pattern.items():
        if name == "$or":
            parts.append(_either([condition(option, root) for option in wanted]))
        elif isinstance(wanted, Mapping):
            parts.append(condition(wanted, field(root, name)))
        else:
            parts.append(_either([_matches(field(root, name), item) for item in wanted]))
    return " and ".join(part for part in parts if part != _ANY) or _ANY


def field(root: str, name: str) -> str:
    """A member of an object, whatever its name."""
    return f"{root}.{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"{root}.`{name}`"


def path(text: str, root: str = "$event") -> str:
    """A JSON path such as ``$.detail.batch`` as a JSONata path."""
    for name in text.split(".")[1:]:
        root = field(root, name)
    return root


def _either(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


def _matches(where: str, wanted: Any) -> str:
    if not isinstance(wanted, Mapping):
        # An event's field may itself be a list: any of its values will do. The wanted one on the left: `in` takes both.
        return f"{_literal(wanted)} in {where}"
    [(operator, value)] = wanted.items()
    if operator not in _OPERATORS:
        raise UnknownOperatorError(operator)
    return _OPERATORS[operator](where, value)


def _each(where: str, test: str) -> str:
    """Whether a text, or one of a list of texts, passes a test of ``$v``."""
    return f"$count($filter([{where}], function($v) {{ $type($v) = 'string' and {test} }})) > 0"


def _prefix(where: str, value: Any) -> str:
    text, wanted = _cased(value)
    return _each(where, f"$substring({text}, 0, $length({wanted})) = {wanted}")


def _suffix(where: str, value: Any) -> str:
    text, wanted = _cased(value)
    return _each(where, f"$substring({text}, -$length({wanted})) = {wanted}")


def _cased(value: Any) -> tuple[str, str]:
    """What is compared: the text as it is, or in lower case for ``{"equals-ignore-case": "a"}``."""
    if isinstance(value, Mapping):
        return "$lowercase($v)", quoted(value["equals-ignore-case"].lower())
    return "$v", quoted(value)


def _wildcard(where: str, value: str) -> str:
    parts = re.findall(r"\\\\|\\\*|\*|[^*\\]+|\\", value)
    body = "".join(_ANYTHING if part == "*" else _escaped(part[-1] if part[0] == "\\" else part) for part in parts)
    return _each(where, f"$contains($v, /^{body}$/)")


def _escaped(text: str) -> str:
    """Text in a regular expression that means itself; a bracket as its code, or JSONata's scanner would count it."""
    return re.sub(r"[^\w \-]", lambda match: f"\\u{ord(match[0]):04x}" if ord(match[0]) < 0x10000 else match[0], text)


def _numeric(where: str, value: Sequence[Any]) -> str:
    bounds = [f"{where} {value[at]} {value[at + 1]!r}" for at in range(0, len(value), 2)]
    return f"($type({where}) = 'number' and {' and '.join(bounds)})"


def _anything_but(where: str, value: Any) -> str:
    if isinstance(value, Mapping):
        [(operator, unwanted)] = value.items()
        listed = unwanted if isinstance(unwanted, list) else [unwanted]
        none_of = [f"$not({_matches(where, {operator: item})})" for item in listed]
    else:
        none_of = [f"$not({_matches(where, item)})" for item in (value if isinstance(value, list) else [value])]
    return f"($exists({where}) and {' and '.join(none_of)})"


_OPERATORS: dict[str, Callable[[str, Any], str]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": lambda where, value: _each(where, f"$lowercase($v) = {quoted(value.lower())}"),
    "wildcard": _wildcard,
    "numeric": _numeric,
    "anything-but": _anything_but,
    "exists": lambda where, value: f"$exists({where})" if value else f"$not($exists({where}))",
}
