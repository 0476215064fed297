"""Checks a value against a shape of an AWS API's model, and reports as data what the service would refuse.

Two places put a :class:`Flaw` into words: :mod:`cdk_processing.request.model` in those of a declaration, the embedded
AWS in those of the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

__all__ = ["Constraint", "Entry", "Flaw", "Key", "Shape", "Shapes", "Step", "python_pattern", "reachable"]

#: The rule that a value breaks. ``required``: a required member is missing. ``null``: another value is None.
#: ``unknown``: the structure has no member of this name.
Constraint = Literal["required", "null", "unknown", "type", "enum", "min", "max", "pattern"]
Table = Mapping[str, Mapping[str, Any]]

_KEPT = ("min", "max", "pattern", "enum")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
}
_CHECKS = {"integer": "number", "long": "number", "float": "number", "double": "number"}
# The model's patterns are Java's, whose dot stops at more line breaks, and whose \d is ASCII. With the underscore that
# stands there, \w is just \p{L} and \p{N}.
_JAVA = (
    (".*", r"[^\n\r\x85\u2028\u2029]*"),
    (r"\d", "[0-9]"),
    (r"\p{L}\p{Z}\p{N}_", r"\w \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"),
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff"),
)
# These match every text that is long enough, and the length is checked anyway.
_ANYTHING = frozenset({r"[\s\S]*", r"[\S\s]*", r"[\s\S]+"})
# A longer text that is too long anyway is not matched against the pattern: that could take very long.
_LONG = 10_000


class Key(NamedTuple):
    """The step to a key of a map, or to a name that a structure does not have."""

    key: object


class Entry(NamedTuple):
    """The step to the value behind a key of a map."""

    key: object


#: A member's name, an item's index, or a place in a map.
Step = str | int | Key | Entry


@dataclass(frozen=True, slots=True)
class Flaw:
    """A value that the service would refuse.

    Attributes:
        path: The steps from the outermost value to this one.
        value: The value; for ``unknown`` the name.
        shape: What the value should be; for ``unknown`` the structure.
        broken: The rules that the value breaks.
    """

    path: tuple[Step, ...]
    value: Any
    shape: Shape
    broken: tuple[Constraint, ...]


class Shapes:
    """The shapes of a table, such as ``limits.json`` or what :func:`reachable` returns."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._shapes: dict[str, Shape] = {}

    def __getitem__(self, name: str) -> Shape:
        if name not in self._shapes:
            self._shapes[name] = Shape(name, self._table[name], self)
        return self._shapes[name]


class Shape:
    """One shape, ready to check values.

    Attributes:
        name: Its name in the model.
        type: Its type in the model: ``structure``, ``string``, ...
        low: The least number, or the fewest characters or items; None for no limit.
        high: The greatest number, or the most characters or items; None for no limit.
        enum: The values that a string may have; () for any.
        pattern: The pattern of a string, in Java's syntax; None for any text.
        required: The members that a structure must have.
    """

    def __init__(self, name: str, described: Mapping[str, Any], shapes: Shapes) -> None:
        self.name = name
        self.type: str = described["type"]
        self.low: int | None = described.get("min")
        self.high: int | None = described.get("max")
        self.enum: tuple[str, ...] = tuple(described.get("enum", ()))
        pattern = described.get("pattern")
        self.pattern: str | None = None if pattern in _ANYTHING else pattern
        self.required: tuple[str, ...] = tuple(described.get("required", ()))
        self._described = described
        self._shapes = shapes
        self._types = _TYPES[self.type]
        self._words = frozenset(self.enum)
        self._check_inside: Callable[[Any, _Path, _Walk], None] = getattr(
            self, f"_check_{_CHECKS.get(self.type, self.type)}"
        )

    def flaws(self, value: object, *, is_open: Callable[[str], bool] = lambda text: False) -> list[Flaw]:
        """Everything that the service would refuse of a value, in the order of the value.

        Args:
            value: The value, as it is written in JSON.
            is_open: Whether nobody knows a text yet; such a text passes.
        """
        walk = _Walk(is_open)
        self._check(value, None, walk)
        return walk.found

    @cached_property
    def members(self) -> dict[str, Shape]:
        """The members of a structure."""
        return {name: self._shapes[shape] for name, shape in self._described["members"].items()}

    @cached_property
    def parts(self) -> tuple[Shape, ...]:
        """The member of a list, or the key and the value of a map."""
        return tuple(self._shapes[self._described[part]] for part in _PARTS if part in self._described)

    @cached_property
    def _fullmatch(self) -> Callable[[str], object]:
        return re.compile(python_pattern(self.pattern or "")).fullmatch

    def _check(self, value: Any, path: _Path, walk: _Walk) -> None:
        # A bool is an int to Python, and no number to JSON.
        if type(value) is self._types[0] or (isinstance(value, self._types) and not isinstance(value, bool)):
            self._check_inside(value, path, walk)
        else:
            walk.add(path, value, self, "null" if value is None else "type")

    def _check_structure(self, value: dict[Any, Any], path: _Path, walk: _Walk) -> None:
        members = self.members
        for name in self.required:
            if value.get(name) is None:
                walk.add((path, name), None, members[name], "required")
        for name, item in value.items():
            if name not in members:
                walk.add((path, Key(name)), name, self, "unknown")
            elif item is not None or name not in self.required:
                members[name]._check(item, (path, name), walk)

    def _check_list(self, value: list[Any], path: _Path, walk: _Walk) -> None:
        self._check_size(len(value), value, path, walk)
        (member,) = self.parts
        for index, item in enumerate(value):
            member._check(item, (path, index), walk)

    def _check_map(self, value: dict[Any, Any], path: _Path, walk: _Walk) -> None:
        self._check_size(len(value), value, path, walk)
        key_shape, value_shape = self.parts
        for key, item in value.items():
            key_shape._check(key, (path, Key(key)), walk)
            value_shape._check(item, (path, Entry(key)), walk)

    def _check_number(self, value: int, path: _Path, walk: _Walk) -> None:
        self._check_size(value, value, path, walk)

    def _check_size(self, size: int, value: Any, path: _Path, walk: _Walk) -> None:
        if self.low is not None and size < self.low:
            walk.add(path, value, self, "min")
        elif self.high is not None and size > self.high:
            walk.add(path, value, self, "max")

    def _check_string(self, value: str, path: _Path, walk: _Walk) -> None:
        if walk.is_open(value):
            return
        broken: list[Constraint] = []
        length = len(value)
        if self._words and value not in self._words:
            broken.append("enum")
        if self.low is not None and length < self.low:
            broken.append("min")
        elif self.high is not None and length > self.high:
            broken.append("max")
        if self.pattern is not None and not ((broken and length > _LONG) or self._fullmatch(value)):
            broken.append("pattern")
        if broken:
            walk.add(path, value, self, *broken)

    def _check_boolean(self, value: bool, path: _Path, walk: _Walk) -> None:
        """Any boolean is right."""

    def _check_timestamp(self, value: object, path: _Path, walk: _Walk) -> None:
        """Any timestamp is right."""


# Steps from the inside out, so that a value without flaws costs no list of steps.
_Path = tuple["_Path", Step] | None
_PARTS = ("member", "key", "value")


@dataclass(slots=True)
class _Walk:
    """One check of one value."""

    is_open: Callable[[str], bool]
    found: list[Flaw] = field(default_factory=list)

    def add(self, path: _Path, value: object, shape: Shape, *broken: Constraint) -> None:
        steps: list[Step] = []
        while path is not None:
            path, step = path
            steps.append(step)
        self.found.append(Flaw(tuple(reversed(steps)), value, shape, broken))


def python_pattern(pattern: str) -> str:
    """A pattern of the model, which is in Java's syntax, in Python's."""
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    return pattern


def reachable(shapes: Table, roots: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The table of the shapes that botocore's ``shapes`` name from these roots on, with what a check needs of each."""
    table: dict[str, dict[str, Any]] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in table:
            table[name] = _kept(shapes[name])
            waiting += parts_of(table[name]).values()
    return table


def parts_of(shape: Mapping[str, Any]) -> dict[str, str]:
    """The names of the shapes that a shape of a table is made of."""
    return {**shape.get("members", {}), **{part: shape[part] for part in _PARTS if part in shape}}


def _kept(shape: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"type": shape["type"]}
    if "members" in shape:
        kept["members"] = {name: member["shape"] for name, member in shape["members"].items()}
        if shape.get("required"):
            kept["required"] = shape["required"]
    kept |= {part: shape[part]["shape"] for part in _PARTS if part in shape}
    return kept | {limit: shape[limit] for limit in _KEPT if limit in shape}
