"""Computes how deeply a JSONata expression nests, without evaluating it.

Step Functions stops at a depth of about 100 ("Stack overflow error"). A Pass or a Choice state cannot catch that. Each
node of the syntax tree adds 1, so ``1+1+1`` is 3 deep. In a chain of ``&``, ``and``, ``or`` or ``?:`` each link adds 1.
The items of ``[...]`` and the arguments of a function do not add up: only the deepest one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

__all__ = ["DEEPEST", "depth"]

#: The deepest expression that a definition may contain. The limit of AWS is 99 to 101 and not documented.
DEEPEST = 80

_TOKEN = re.compile(
    r"""\s*(
      '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*"
    | \d+(?:\.\d+)?(?:[eE][-+]?\d+)?
    | \$\$?\w*
    | `[^`]*` | [A-Za-z_]\w*
    # A regular expression stands where an operand may: right behind one of these, or a blank after it.
    | (?:(?<=[-+*%=<>&?:,;(\[{])|(?<=[-+*%=<>&?:,;(\[{][ ]))/(?:[^/\\\n]|\\.)+/[im]*
    | := | != | <= | >= | ~> | \.\.
    | \S
    )""",
    re.VERBOSE | re.DOTALL,
)
# The left binding power of each operator: https://github.com/jsonata-js/jsonata/blob/master/src/parser.js
_BINDING = {
    **dict.fromkeys([".", "[", "("], 80),
    **dict.fromkeys("*/%", 60),
    **dict.fromkeys("+-&", 50),
    **dict.fromkeys(["=", "!=", "<", "<=", ">", ">=", "~>", "in"], 40),
    "and": 30,
    "or": 25,
    "..": 20,
    "?": 20,
    ":=": 10,
}
_NEGATION = 70
_VALUES = frozenset({"true", "false", "null"})
_OPERATORS = frozenset({*_BINDING, *"()[]{},;:"})
_END = ""


@lru_cache(maxsize=4096)
def depth(expression: str) -> int:
    """The greatest depth of an expression over all its branches.

    Args:
        expression: JSONata without ``{%`` and ``%}``. Only the part of JSONata that this package writes is supported.

    Raises:
        ValueError: The expression is not JSONata, or uses syntax that this module does not support.
    """
    # Drop the content of string literals: then two expressions that differ only in a name share one cache entry.
    tokens = tuple("''" if token[0] in "'\"" and len(token) > 1 else token for token in _TOKEN.findall(expression))
    try:
        return _depth(tokens)
    except ValueError as error:
        raise ValueError(f"{error} in {expression!r}") from None


@lru_cache(maxsize=4096)
def _depth(tokens: tuple[str, ...]) -> int:
    return _Parser(tokens).parse()


class _Node(NamedTuple):
    """A parsed part of an expression.

    Attributes:
        depth: How deep it nests.
        is_path: Whether it is a path. Further steps of a path do not nest.
        variable: The variable's name, if the node is only a variable.
        is_function: Whether it is a function definition. Its depth is then the depth of a call.
    """

    depth: int
    is_path: bool = False
    variable: str = ""
    is_function: bool = False


class _Parser:
    """A parser by binding power, like the reference implementation. It keeps depths, not a tree."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._rest = iter(tokens)
        self._functions: dict[str, int] = {}
        self._advance()

    def parse(self) -> int:
        found = self._expression(0).depth
        if self._token != _END:
            raise self._error()
        return found

    # -- tokens

    def _advance(self) -> None:
        self._token = next(self._rest, _END)

    def _take(self, operator: str) -> None:
        if self._token != operator:
            raise self._error()
        self._advance()

    def _error(self) -> ValueError:
        return ValueError(f"unexpected {self._token or 'end'!r}")

    # -- expressions

    def _expression(self, binding: int) -> _Node:
        left = self._operand()
        while binding < self._power():
            left = self._operation(left)
        return left

    def _power(self) -> int:
        return _BINDING.get(self._token, 0)

    def _operand(self) -> _Node:
        token = self._token
        if token in _OPERATORS:
            return self._bracketed(token)
        self._advance()
        if token == "function":
            return self._function()
        if token in _VALUES or token == "''" or token[:1].isdecimal() or (token[:1] == "/" and len(token) > 1):
            return _Node(1)
        if token[:1] == "$":
            return _Node(self._functions.get(token, 1), variable=token)
        if token[:1] in ("`", "_") or token[:1].isalpha():
            return _Node(2, is_path=True)
        raise self._error()

    def _bracketed(self, token: str) -> _Node:
        self._advance()
        if token == "-":
            return _Node(1 + self._expression(_NEGATION).depth)
        if token == "(":
            return _Node(1 + max(self._listed(";", ")"), default=0))
        if token == "[":
            return _Node(1 + max(self._listed(",", "]"), default=0))
        if token == "{":
            return _Node(1 + max(self._members(), default=0))
        raise self._error()

    def _function(self) -> _Node:
        self._take("(")
        for _ in self._listed(",", ")"):
            pass
        self._take("{")
        body = self._expression(0).depth
        self._take("}")
        return _Node(body, is_function=True)

    def _operation(self, left: _Node) -> _Node:
        operator = self._token
        if operator == ".":
            self._advance()
            return self._path(left, self._expression(_BINDING["."]))
        self._advance()
        if operator == "(":
            return _Node(1 + max([left.depth, *self._listed(",", ")")]))
        if operator == "[":
            inside = self._expression(0).depth
            self._take("]")
            return left._replace(depth=max(left.depth, 1 + inside), variable="")
        if operator == "?":
            return self._condition(left)
        if operator == ":=":
            return self._binding(left)
        return _Node(1 + max(left.depth, self._expression(_BINDING[operator]).depth))

    @staticmethod
    def _path(left: _Node, right: _Node) -> _Node:
        return _Node(max(node.depth if node.is_path else node.depth + 1 for node in (left, right)), is_path=True)

    def _condition(self, test: _Node) -> _Node:
        branches = [self._expression(0).depth]
        if self._token == ":":
            self._advance()
            branches.append(self._expression(0).depth)
        return _Node(1 + max(test.depth, *branches))

    def _binding(self, left: _Node) -> _Node:
        value = self._expression(_BINDING[":="] - 1)
        if value.is_function:
            self._functions[left.variable] = value.depth
        return _Node(1 + value.depth, is_function=value.is_function)

    def _listed(self, separator: str, end: str) -> Iterator[int]:
        """Yield the depth of each item in brackets, and consume the closing bracket."""
        while self._token != end:
            yield self._expression(0).depth
            if self._token != end:
                self._take(separator)
        self._advance()

    def _members(self) -> Iterator[int]:
        while self._token != "}":
            yield self._expression(0).depth
            self._take(":")
            yield self._expression(0).depth
            if self._token != "}":
                self._take(",")
        self._advance()
