"""EventBridge patterns: validates them and converts them to JSONata conditions.

With these conditions a state machine finds the trigger that an event came from. EventBridge has already matched the
event when it starts the execution, so a condition only distinguishes the triggers of one job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.workflow.jsonata import all_of, any_of, quoted
from cdk_processing.workflow.operators import EXISTS, LEAF, OPERATORS, operator_test, value_list, value_tests

__all__ = ["ANY_OF", "condition", "field", "path", "pattern_problems"]

#: The field of a pattern with patterns of which any may match.
ANY_OF = "$or"
_ANY = "true"
_FIELDS = ("account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version", ANY_OF)


def pattern_problems(pattern: Mapping[str, Any]) -> Iterator[Problem]:
    """The parts of a pattern that EventBridge would reject."""
    yield from _problems_inside(pattern, "pattern")
    for name, wanted in pattern.items():
        if name not in _FIELDS:
            yield Problem(f"pattern[{name!r}]", wanted, f"under one of {', '.join(_FIELDS)}", "rename the field")


def _problems_inside(pattern: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """EventBridge accepts only a list of values at the end of every path."""
    for name, wanted in pattern.items():
        inner = f"{where}[{name!r}]"
        if name == ANY_OF:
            if not isinstance(wanted, list) or not all(isinstance(option, Mapping) for option in wanted):
                yield Problem(inner, wanted, "a list of patterns", "write {'$or': [{...}, {...}]}")
            else:
                for option in wanted:
                    yield from _problems_inside(option, inner)
        elif isinstance(wanted, Mapping) and wanted:
            yield from _problems_inside(wanted, inner)
        elif not isinstance(wanted, list) or not wanted:
            fix = "name the values" if not wanted else f"write [{wanted!r}]"
            yield Problem(inner, wanted, "a list of at least one value", fix)
        else:
            for item in wanted:
                yield from _value_problems(item, inner)


def _value_problems(item: Any, where: str) -> Iterator[Problem]:
    """The problems of one item of such a list: a value or an operator."""
    if item is None or isinstance(item, (str, bool, int, float)):
        return
    if not isinstance(item, Mapping) or len(item) != 1:
        allowed = "a text, a number, true, false, null or one operator such as {'prefix': 'in/'}"
        yield Problem(where, item, allowed, "write one value or operator after the other, in the list")
        return
    [(name, value)] = item.items()
    if name not in OPERATORS:
        yield Problem(where, item, f"one of the operators {', '.join(OPERATORS)}", "correct the operator")
    elif not OPERATORS[name].takes(value):
        yield Problem(f"{where}[{name!r}]", value, OPERATORS[name].allowed, "correct the value")


def condition(pattern: Mapping[str, Any], root: str = "$event") -> str:
    """The JSONata condition for a pattern: whether an event matches it.

    Args:
        pattern: An EventBridge event pattern.
        root: The expression to match against the pattern.

    Raises:
        UnknownOperatorError: The pattern uses ``cidr``, or an operator that EventBridge does not support.
    """
    return all_of([part for part in _conditions(pattern, root) if part != _ANY])


def _conditions(pattern: Mapping[str, Any], root: str) -> Iterator[str]:
    """The conditions of a pattern, one for each field."""
    for name, wanted in pattern.items():
        if name == ANY_OF:
            yield any_of([condition(option, root) for option in wanted])
        elif isinstance(wanted, Mapping):
            yield from _conditions(wanted, field(root, name))
        else:
            yield _matches(field(root, name), wanted)


def field(root: str, name: str) -> str:
    """A JSONata path to a field of an object. Any field name works."""
    if "`" in name or "%}" in name:  # "`" would end the name, "%}" the expression
        return f"$lookup({root}, {quoted(name)})"
    return f"{root}.{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"{root}.`{name}`"


def path(text: str, root: str = "$event") -> str:
    """A JSON path such as ``$.detail.batch`` as a JSONata path."""
    for name in text.split(".")[1:]:
        root = field(root, name)
    return root


def _matches(where: str, wanted: Sequence[Any]) -> str:
    """The condition that a field has one of the wanted values. If the field is a list, any of its values may match."""
    texts = [item for item in wanted if isinstance(item, str)]
    exists = [item[EXISTS] for item in wanted if isinstance(item, Mapping) and EXISTS in item]
    tests = [*value_tests([item for item in wanted if not isinstance(item, (str, Mapping))])]
    for item in wanted:
        if isinstance(item, Mapping) and EXISTS not in item:
            [(operator, value)] = item.items()
            tests.append(operator_test(operator, value))
    found = []
    if texts:
        # With a single wanted text on the left, `in` works for both a value and a list.
        listed = f"$exists({where}[$ in {value_list(texts)}])"
        found.append(f"{quoted(texts[0])} in {where}" if len(texts) == 1 else listed)
    if tests:
        found.append(_some(where, any_of(tests)))
    found += [_some(where, LEAF) if value else f"$not({_some(where, LEAF)})" for value in exists]
    return any_of(found)


def _some(where: str, test: str) -> str:
    """The condition that a value, or one value of a list, passes a test of ``$v``."""
    return f"true in $map([{where}], function($v) {{ {test} }})"
