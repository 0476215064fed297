"""EventBridge patterns as JSONata conditions, so that a state machine knows which trigger an event came by.

EventBridge has matched the event before it starts anything; this only tells the triggers of one job apart. What
operators mean: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cdk_processing.request.tokens import is_token
from cdk_processing.workflow.jsonata import all_of, any_of, quoted

__all__ = ["UnknownOperatorError", "condition", "field", "path"]

_ANY = "true"
# Not "(.|\\s)*": a blank would be read in two ways, and each blank of a text that does not match doubles the work.
_ANYTHING = "[\\s\\S]*"
_TEXT = "$type($v) = 'string'"
# EventBridge looks at values alone: an object is as if it were not there.
_LEAF = "$type($v) != 'object'"


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
    return all_of([part for part in _conditions(pattern, root) if part != _ANY])


def _conditions(pattern: Mapping[str, Any], root: str) -> Iterator[str]:
    """What a pattern asks for, field by field."""
    for name, wanted in pattern.items():
        if name == "$or":
            yield any_of([condition(option, root) for option in wanted])
        elif isinstance(wanted, Mapping):
            yield from _conditions(wanted, field(root, name))
        else:
            yield _matches(field(root, name), wanted)


def field(root: str, name: str) -> str:
    """A member of an object, whatever its name."""
    if "`" in name or "%}" in name:  # one would end the name, the other the expression
        return f"$lookup({root}, {quoted(name)})"
    return f"{root}.{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"{root}.`{name}`"


def path(text: str, root: str = "$event") -> str:
    """A JSON path such as ``$.detail.batch`` as a JSONata path."""
    for name in text.split(".")[1:]:
        root = field(root, name)
    return root


def _is(value: Any) -> str:
    """Whether ``$v`` is a value; the type too, because some engines hold 1 to be true."""
    if isinstance(value, str):
        return f"$v = {quoted(value)}"
    if value is None:
        return "$type($v) = 'null'"
    if isinstance(value, bool):
        return f"$type($v) = 'boolean' and $v = {'true' if value else 'false'}"
    return f"$type($v) = 'number' and $v = {value!r}"


def _matches(where: str, wanted: Sequence[Any]) -> str:
    """Whether a field has one of the wanted values; it may itself be a list, and then any of its values will do."""
    texts = [item for item in wanted if isinstance(item, str)]
    exists = [item["exists"] for item in wanted if isinstance(item, Mapping) and "exists" in item]
    tests = [*_values([item for item in wanted if not isinstance(item, (str, Mapping))])]
    for item in wanted:
        if isinstance(item, Mapping) and "exists" not in item:
            [(operator, value)] = item.items()
            tests.append(_test(operator, value))
    found = []
    if texts:
        # One wanted text on the left: `in` takes a value and a list alike.
        listed = f"$exists({where}[$ in {_list(texts)}])"
        found.append(f"{quoted(texts[0])} in {where}" if len(texts) == 1 else listed)
    if tests:
        found.append(_some(where, any_of(tests)))
    found += [_some(where, _LEAF) if value else f"$not({_some(where, _LEAF)})" for value in exists]
    return any_of(found)


def _values(values: Sequence[Any]) -> Iterator[str]:
    """Whether ``$v`` is one of some values; equal ones of a type side by side."""
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    for listed, guard in ((texts, ""), (numbers, "$type($v) = 'number' and ")):
        if len(listed) > 1:
            yield f"{guard}$v in {_list(listed)}"
    alone = [value for value in values if value is None or isinstance(value, bool)]
    for value in [*alone, *(listed[0] for listed in (texts, numbers) if len(listed) == 1)]:
        yield _is(value)


def _list(values: Sequence[Any]) -> str:
    return f"[{', '.join(quoted(value) if isinstance(value, str) else repr(value) for value in values)}]"


def _some(where: str, test: str) -> str:
    """Whether a value, or one of a list of values, passes a test of ``$v``."""
    return f"true in $map([{where}], function($v) {{ {test} }})"


def _test(operator: str, value: Any) -> str:
    """What an operator asks of one value, ``$v``."""
    if operator not in _OPERATORS:
        raise UnknownOperatorError(operator)
    return _OPERATORS[operator](value)


def _prefix(value: Any) -> str:
    return f"{_TEXT} and {_begins(*_cased(value))}"


def _suffix(value: Any) -> str:
    return f"{_TEXT} and {_ends(*_cased(value))}"


def _equals_ignore_case(value: str) -> str:
    text, wanted = _cased({"equals-ignore-case": value})
    return f"{_TEXT} and {text} = {wanted}"


def _begins(text: str, wanted: str) -> str:
    return f"$substring({text}, 0, $length({wanted})) = {wanted}"


def _ends(text: str, wanted: str) -> str:
    return f"({wanted} = '' or $substring({text}, -$length({wanted})) = {wanted})"


def _cased(value: Any) -> tuple[str, str]:
    """What is compared: the text as it is, or in lower case for ``{"equals-ignore-case": "a"}``."""
    if isinstance(value, Mapping):
        # Lowered by the run: what is known at deployment only is a token here, and must stay as it is.
        return "$lowercase($v)", f"$lowercase({quoted(value['equals-ignore-case'])})"
    return "$v", quoted(value)


def _wildcard(value: str) -> str:
    # What stands between the stars; "\\*" and "\\\\" mean the character itself.
    fixed = [""]
    for part in re.findall(r"\\\\|\\\*|\*|[^*\\]+|\\", value):
        if part == "*":
            fixed.append("")
        else:
            fixed[-1] += part[-1] if part[0] == "\\" else part
    if is_token(value):
        return f"{_TEXT} and {_affixes(fixed)}"
    body = _ANYTHING.join(_escaped(text) for text in fixed)
    return f"{_TEXT} and $contains($v, /^{body}$/)"


def _affixes(fixed: list[str]) -> str:
    """A wildcard with a token in it, which no regular expression can hold: what the text begins and ends with."""
    if len(fixed) == 1:
        return f"$v = {quoted(fixed[0])}"
    if len(fixed) > 2:
        raise UnknownOperatorError("wildcard (several * beside a value that is known only at deployment)")
    start, end = (quoted(text) for text in fixed)
    return f"$length($v) >= $length({start}) + $length({end}) and {_begins('$v', start)} and {_ends('$v', end)}"


def _escaped(text: str) -> str:
    """Text in a regular expression that means itself; a bracket as its code, or JSONata's scanner would count it."""
    return re.sub(r"[^\w \-]", lambda match: f"\\u{ord(match[0]):04x}" if ord(match[0]) < 0x10000 else match[0], text)


def _numeric(value: Sequence[Any]) -> str:
    bounds = [f"$v {value[at]} {value[at + 1]!r}" for at in range(0, len(value), 2)]
    return f"$type($v) = 'number' and {' and '.join(bounds)}"


def _anything_but(value: Any) -> str:
    if isinstance(value, Mapping):
        [(operator, unwanted)] = value.items()
        tests = [f"({_test(operator, item)})" for item in _listed(unwanted)]
    else:
        tests = [f"({test})" for test in _values(_listed(value))]
    return f"{_LEAF} and $not({any_of(tests)})"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_OPERATORS: dict[str, Callable[[Any], str]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "anything-but": _anything_but,
}
