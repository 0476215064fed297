"""How deeply the evaluation of a JSONata expression nests, found without evaluating it.

Step Functions stops at a depth of about 100 ("Stack overflow error"), and a Pass or a Choice cannot catch that. Each
node of the syntax tree counts one, so ``1+1+1`` is 3 deep: in a chain of ``&``, ``and``, ``or`` or ``?:`` each link
counts, while items of ``[...]`` and arguments of a function stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

__all__ = ["DEEPEST", "depth"]

#: The deepest expression that a definition may hold; AWS's own limit lies at 99 to 101, and is not documented.
DEEPEST = 80

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
    | (?P<variable>\$\$?\w*)
    | (?P<name>`[^`]*`|[A-Za-z_]\w*)
    | (?P<operator>:=|!=|<=|>=|~>|\.\.|[-+*/%=<>&?:.,;()\[\]{}])
    )""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"\s*/(?:[^/\\\n]|\\.)+/[im]*")
# How strongly an operator binds its left side: https://github.com/jsonata-js/jsonata/blob/master/src/parser.js
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
_WORDS = frozenset({"and", "or", "in"})
_VALUES = frozenset({"true", "false", "null"})
_END = ""


@lru_cache(maxsize=4096)
def depth(expression: str) -> int:
    """How deep an expression nests at most, whatever branches it takes.

    Args:
        expression: JSONata without ``{%`` and ``%}``, in the part of the language that definitions here are written in.

    Raises:
        ValueError: The expression is not JSONata, or uses what this module does not know.
    """
    return _Parser(expression).parse()


class _Node(NamedTuple):
    """What has been parsed so far.

    Attributes:
        depth: How deep it nests.
        is_path: Whether it is a path, whose further steps stand beside its own.
        variable: The variable's name, where it is nothing else.
        is_function: Whether it is a function that is defined here: its depth is then that of a call.
    """

    depth: int
    is_path: bool = False
    variable: str = ""
    is_function: bool = False


class _Parser:
    """A parser by binding power, as the reference implementation has it, that keeps depths in place of a tree."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._functions: dict[str, int] = {}
        self._kind, self._token = "", _END
        self._advance(operand=True)

    def parse(self) -> int:
        found = self._expression(0).depth
        if self._token != _END:
            raise self._error()
        return found

    # -- tokens

    def _advance(self, *, operand: bool) -> None:
        """Move on to the next token; where an operand may stand, ``/`` begins a regular expression."""
        if not self._text[self._position :].strip():
            self._kind, self._token = "end", _END
            return
        regex = _REGEX.match(self._text, self._position) if operand else None
        found = regex or _TOKEN.match(self._text, self._position)
        if found is None:
            raise self._error()
        self._position = found.end()
        self._kind = "regex" if regex else str(found.lastgroup)
        self._token = found[0].strip()

    def _take(self, operator: str, *, operand: bool = True) -> None:
        if self._kind != "operator" or self._token != operator:
            raise self._error()
        self._advance(operand=operand)

    def _is(self, operator: str) -> bool:
        return self._kind == "operator" and self._token == operator

    def _error(self) -> ValueError:
        return ValueError(f"unexpected {self._token!r} before position {self._position} of {self._text!r}")

    # -- expressions

    def _expression(self, binding: int) -> _Node:
        left = self._operand()
        while binding < self._power():
            left = self._operation(left)
        return left

    def _power(self) -> int:
        if self._kind == "operator" or (self._kind == "name" and self._token in _WORDS):
            return _BINDING.get(self._token, 0)
        return 0

    def _operand(self) -> _Node:
        kind, token = self._kind, self._token
        if kind == "operator":
            return self._bracketed(token)
        if kind == "end":
            raise self._error()
        self._advance(operand=False)
        if kind == "name" and token == "function":
            return self._function()
        if kind == "name" and token not in _VALUES:
            return _Node(2, is_path=True)
        if kind == "variable":
            return _Node(self._functions.get(token, 1), variable=token)
        return _Node(1)

    def _bracketed(self, token: str) -> _Node:
        self._advance(operand=True)
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
        for _ in self._listed(",", ")", operand=True):
            pass
        self._take("{")
        body = self._expression(0).depth
        self._take("}", operand=False)
        return _Node(body, is_function=True)

    def _operation(self, left: _Node) -> _Node:
        operator = self._token
        if operator == ".":
            self._advance(operand=True)
            return self._path(left, self._expression(_BINDING["."]))
        self._advance(operand=True)
        if operator == "(":
            return _Node(1 + max([left.depth, *self._listed(",", ")")]))
        if operator == "[":
            inside = self._expression(0).depth
            self._take("]", operand=False)
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
        if self._is(":"):
            self._advance(operand=True)
            branches.append(self._expression(0).depth)
        return _Node(1 + max(test.depth, *branches))

    def _binding(self, left: _Node) -> _Node:
        value = self._expression(_BINDING[":="] - 1)
        if value.is_function:
            self._functions[left.variable] = value.depth
        return _Node(1 + value.depth, is_function=value.is_function)

    def _listed(self, separator: str, end: str, *, operand: bool = False) -> Iterator[int]:
        """The depths of what stands between brackets; goes on after the closing one."""
        while not self._is(end):
            yield self._expression(0).depth
            if not self._is(end):
                self._take(separator)
        self._advance(operand=operand)

    def _members(self) -> Iterator[int]:
        while not self._is("}"):
            yield self._expression(0).depth
            self._take(":")
            yield self._expression(0).depth
            if not self._is("}"):
                self._take(",")
        self._advance(operand=False)
