"""The comparison operators of EventBridge patterns: which values each accepts, and its test as JSONata.

Their meaning: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdk_processing.request.tokens import is_token
from cdk_processing.workflow.jsonata import any_of, quoted

__all__ = [
    "EXISTS",
    "LEAF",
    "OPERATORS",
    "Operator",
    "UnknownOperatorError",
    "operator_test",
    "value_list",
    "value_tests",
]

#: The operator that tests whether a field exists. All others test a value.
EXISTS = "exists"
#: EventBridge matches values only. It treats an object as missing.
LEAF = "$type($v) != 'object'"

# Not "(.|\\s)*": a blank matches both alternatives, so each blank of a text that does not match doubles the work.
_ANYTHING = "[\\s\\S]*"
_TEXT = "$type($v) = 'string'"
_OF_TEXTS = ("prefix", "suffix", "wildcard", "equals-ignore-case")


class UnknownOperatorError(ValueError):
    """A pattern uses an operator that JSONata cannot express."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A comparison operator.

    Attributes:
        allowed: The operands that it accepts, in words.
        takes: Returns whether it accepts an operand.
        test: Returns its test of ``$v``, as JSONata. None for ``exists`` and if JSONata cannot express it.
    """

    allowed: str
    takes: Callable[[Any], bool]
    test: Callable[[Any], str] | None = None


def operator_test(operator: str, value: Any) -> str:
    """The test of an operator on one value, ``$v``, as JSONata.

    Raises:
        UnknownOperatorError: JSONata cannot express the operator.
    """
    found = OPERATORS.get(operator)
    if found is None or found.test is None:
        raise UnknownOperatorError(operator)
    return found.test(value)


def value_tests(values: Sequence[Any]) -> Iterator[str]:
    """Tests whether ``$v`` is one of some values. Strings share one test, and so do numbers."""
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    for listed, guard in ((texts, ""), (numbers, "$type($v) = 'number' and ")):
        if len(listed) > 1:
            yield f"{guard}$v in {value_list(listed)}"
    alone = [value for value in values if value is None or isinstance(value, bool)]
    for value in [*alone, *(listed[0] for listed in (texts, numbers) if len(listed) == 1)]:
        yield _is(value)


def value_list(values: Sequence[Any]) -> str:
    """Strings and numbers as a JSONata list."""
    return f"[{', '.join(quoted(value) if isinstance(value, str) else repr(value) for value in values)}]"


def _is(value: Any) -> str:
    """A test whether ``$v`` is a value. It also tests the type, because some engines treat 1 and true as equal."""
    if isinstance(value, str):
        return f"$v = {quoted(value)}"
    if value is None:
        return "$type($v) = 'null'"
    if isinstance(value, bool):
        return f"$type($v) = 'boolean' and $v = {'true' if value else 'false'}"
    return f"$type($v) = 'number' and $v = {value!r}"


# -- accepted operands ------------------------------------------------------------------------------------------------


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_affix(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, Mapping) and list(value) == ["equals-ignore-case"] and _is_text(value["equals-ignore-case"])
    )


def _is_wildcard(value: Any) -> bool:
    return _is_text(value) and "**" not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (2, 4) or not all(map(_is_number, value[1::2])):
        return False
    if len(value) == 2:
        return value[0] in ("=", "<", "<=", ">", ">=")
    return value[0] in (">", ">=") and value[2] in ("<", "<=") and bool(value[1] < value[3])


def _is_unwanted(value: Any) -> bool:
    if isinstance(value, Mapping):
        [operator, *more] = value or [""]
        nested = _listed(value[operator]) if operator in _OF_TEXTS else []
        return not more and bool(nested) and all(OPERATORS[operator].takes(each) and _is_text(each) for each in nested)
    listed = _listed(value)
    return bool(listed) and (all(map(_is_text, listed)) or all(map(_is_number, listed)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# -- tests of a value -------------------------------------------------------------------------------------------------


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
    """The two sides to compare: unchanged, or in lower case for ``{"equals-ignore-case": "a"}``."""
    if isinstance(value, Mapping):
        # The run converts to lower case: a value known only at deployment is a token here, and must not change.
        return "$lowercase($v)", f"$lowercase({quoted(value['equals-ignore-case'])})"
    return "$v", quoted(value)


def _wildcard(value: str) -> str:
    # The text between the stars. "\\*" and "\\\\" are an escaped star and an escaped backslash.
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
    """The test of a wildcard that contains a token: a regular expression cannot, so compare start and end."""
    if len(fixed) == 1:
        return f"$v = {quoted(fixed[0])}"
    if len(fixed) > 2:
        raise UnknownOperatorError("wildcard (several * beside a value that is known only at deployment)")
    start, end = (quoted(text) for text in fixed)
    return f"$length($v) >= $length({start}) + $length({end}) and {_begins('$v', start)} and {_ends('$v', end)}"


def _escaped(text: str) -> str:
    """Text escaped for a regular expression. Brackets become codes, because JSONata's scanner would count them."""
    return re.sub(r"[^\w \-]", lambda match: f"\\u{ord(match[0]):04x}" if ord(match[0]) < 0x10000 else match[0], text)


def _numeric(value: Sequence[Any]) -> str:
    bounds = [f"$v {value[at]} {value[at + 1]!r}" for at in range(0, len(value), 2)]
    return f"$type($v) = 'number' and {' and '.join(bounds)}"


def _anything_but(value: Any) -> str:
    if isinstance(value, Mapping):
        [(operator, unwanted)] = value.items()
        tests = [f"({operator_test(operator, item)})" for item in _listed(unwanted)]
    else:
        tests = [f"({test})" for test in value_tests(_listed(value))]
    return f"{LEAF} and $not({any_of(tests)})"


#: The operators that EventBridge supports, by name.
OPERATORS: Mapping[str, Operator] = {
    "prefix": Operator("a text or {'equals-ignore-case': text}", _is_affix, _prefix),
    "suffix": Operator("a text or {'equals-ignore-case': text}", _is_affix, _suffix),
    "equals-ignore-case": Operator("a text", _is_text, _equals_ignore_case),
    "wildcard": Operator("a text without two * in a row", _is_wildcard, _wildcard),
    "cidr": Operator("a text such as '10.0.0.0/24'", _is_text),
    EXISTS: Operator("True or False", lambda value: isinstance(value, bool)),
    "numeric": Operator("a comparison such as ['>', 0] or ['>=', 0, '<', 5]", _is_range, _numeric),
    "anything-but": Operator(
        "texts, numbers, or one of prefix, suffix, wildcard, equals-ignore-case such as {'prefix': 'tmp/'}",
        _is_unwanted,
        _anything_but,
    ),
}
