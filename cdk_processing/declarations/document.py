"""A YAML file as a tree in which each value knows its place.

PyYAML reads the events of the file. The tree is made here, so that what YAML can do beyond plain data is a problem with
a place: duplicate keys, anchors, tags, several documents. Scalars are those of YAML 1.2's core schema, in which ``on``
and ``no`` are text; each keeps the text that the file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cdk_processing.declarations.problems import FileProblem, Plain, shown_path
from cdk_processing.declarations.source import MOST_BYTES, read_text

__all__ = ["Document", "KeyPath", "Node", "key_text", "read_document"]

#: The keys and indexes that lead to a value.
KeyPath = tuple[str | int, ...]

_MOST_LEVELS = 40
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]{1,30}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACE = re.compile(r"(?:^|[:-])\s*\{[^{}]*\}\s*[^\s,#}\]]")
_PLAIN_KEY = re.compile(r"[^\s.\[\]]+")


@dataclass(slots=True)
class Node:
    """A value of a file.

    Attributes:
        value: Text, a number, a boolean or None; a list of nodes; or a dict of nodes.
        line: Its line, from 1.
        column: Its column, from 1.
        text: A scalar as the file has it, without quotes.
        is_quoted: Whether a scalar is in quotes.
        is_broken: Whether a problem of it is known already, so that nothing more is said of it.
        keys: Line and column of each key of a mapping.
    """

    value: Any
    line: int
    column: int
    text: str = ""
    is_quoted: bool = False
    is_broken: bool = False
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        """The value without places: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.data for key, node in self.value.items()}
        return [node.data for node in self.value] if isinstance(self.value, list) else self.value

    @property
    def children(self) -> list[tuple[str | int, Node]]:
        """What is in a mapping or a list, by key or index; nothing for a scalar."""
        if isinstance(self.value, dict):
            return list(self.value.items())
        return list(enumerate(self.value)) if isinstance(self.value, list) else []

    def walk(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
        """The node and all nodes in it, each with its path."""
        waiting: list[tuple[KeyPath, Node]] = [(path, self)]
        while waiting:
            here, node = waiting.pop()
            yield here, node
            waiting += [((*here, step), child) for step, child in reversed(node.children)]

    def child(self, step: str | int) -> Node | None:
        """The value at a key or an index; None if there is none."""
        if isinstance(self.value, dict):
            return self.value.get(step) if isinstance(step, str) else None
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            found: Node = self.value[step]
            return found
        return None


@dataclass(frozen=True, slots=True)
class Document:
    """A file that has been read.

    Attributes:
        path: The file.
        root: Its value.
    """

    path: Path
    root: Node

    @property
    def folder(self) -> Path:
        """The folder of the file, from which its paths lead on."""
        return self.path.absolute().parent

    def node_at(self, path: KeyPath) -> tuple[Node, KeyPath]:
        """The value at a path, or the innermost one around it, with the steps that lead to it."""
        node, found = self.root, []
        for step in path:
            child = node.child(step)
            if child is None:
                break
            node = child
            found.append(step)
        return node, tuple(found)

    def problem(self, path: KeyPath, allowed: str, fix: str, value: object = ..., where: str = "") -> FileProblem:
        """A problem of the value at a path, with its place.

        Args:
            path: The path. If the file has no such value, the place is that of the value around it.
            allowed: What is allowed, to follow "must be".
            fix: What to do.
            value: The value that was given; left out, what the file has there.
            where: What holds the field.
        """
        node, found = self.node_at(path)
        if value is ...:
            value = Plain("nothing") if found != path else shown_value(node)
        line, column = self._place(found, is_whole=found == path)
        return FileProblem(key_text(path), value, allowed, fix, where, shown_path(self.path), line, column)

    def key_problem(self, path: KeyPath, allowed: str, fix: str) -> FileProblem:
        """A problem of a key itself, with the key's place."""
        parent, _ = self.node_at(path[:-1])
        key = str(path[-1])
        line, column = parent.keys.get(key, (parent.line, parent.column))
        return FileProblem(key_text(path), Plain(key), allowed, fix, "", shown_path(self.path), line, column)

    def _place(self, path: KeyPath, *, is_whole: bool) -> tuple[int, int]:
        """Where a value is; where its key is if the problem is something that it lacks."""
        node, _ = self.node_at(path)
        if path and not is_whole:
            parent, _ = self.node_at(path[:-1])
            return parent.keys.get(str(path[-1]), (node.line, node.column))
        return node.line, node.column


def key_text(path: KeyPath) -> str:
    """A path as messages write it.

    Example:
        >>> key_text(("jobs", "Prep", "run", "inputs", 0, "source"))
        'jobs.Prep.run.inputs[0].source'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text or "file"


def shown_value(node: Node) -> object:
    """A value as messages show it: numbers as the file has them."""
    if isinstance(node.value, (dict, list)) or node.is_quoted or isinstance(node.value, str):
        return node.data
    return Plain(node.text or "nothing")


def read_document(file: Path, *, most_bytes: int = MOST_BYTES) -> tuple[Document | None, list[FileProblem]]:
    """Read a file.

    Args:
        file: The file.
        most_bytes: The longest file that is read.

    Returns:
        The document, None if it cannot be read to its end, and what is wrong with it as YAML.
    """
    text = read_text(file, most_bytes=most_bytes)
    if isinstance(text, FileProblem):
        return None, [text]
    shown = shown_path(file)
    reader = _Reader(shown)
    try:
        root = reader.read(text)
    except yaml.YAMLError as error:
        reader.problems.append(_syntax_problem(error, text, shown))
        root = None
    except (ValueError, OverflowError):  # from PyYAML: a version or an escape out of range
        line, column = reader.last
        allowed = "YAML: no escape or version out of range"
        reader.problems.append(FileProblem("text", Plain("one"), allowed, "correct it", "", shown, line, column))
        root = None
    if root is None and not reader.problems:
        fix = "write a key and a value, or name the right file"
        reader.problems.append(FileProblem("file", Plain("nothing"), "a mapping", fix, file=shown, line=1, column=1))
    return (None if root is None else Document(file, root)), reader.problems


class _Reader:
    """Makes the tree from PyYAML's events, without recursion: a file may be nested as deep as it likes."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[FileProblem] = []
        #: Where the last event began.
        self.last = (1, 1)
        self._open: list[tuple[Node, _Key | None]] = []
        self._root: Node | None = None

    def read(self, text: str) -> Node | None:
        for event in _events(text):
            assert event.start_mark is not None
            self.last = (event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                self._tell("document", Plain("a second one"), "one for each file", "remove what follows ---")
                return self._root
            if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._open.pop()
            elif isinstance(event, yaml.NodeEvent):
                if len(self._open) >= _MOST_LEVELS:
                    self._tell("nesting", Plain("more"), f"at most {_MOST_LEVELS} levels deep", "write it flatter")
                    return None
                self._add(event)
        return self._root

    def _add(self, event: yaml.NodeEvent) -> None:
        node = self._node(event)
        parent = self._open[-1][0] if self._open else None
        if parent is None:
            self._root = node
        elif isinstance(parent.value, list):
            parent.value.append(node)
        else:
            self._add_to_mapping(parent, node)
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open.append((node, None))

    def _add_to_mapping(self, parent: Node, node: Node) -> None:
        _, key = self._open[-1]
        if key is None:
            self._open[-1] = (parent, self._key(parent, node))
            return
        self._open[-1] = (parent, None)
        if key.name is not None:
            parent.value[key.name] = node
            parent.keys[key.name] = (key.line, key.column)

    def _key(self, parent: Node, node: Node) -> _Key:
        """The key that a node is; without a name if it is not to be used."""
        if isinstance(node.value, (dict, list)) or (node.value is None and not node.is_quoted):
            if not node.is_broken:
                self._tell("key", Plain("another value"), "text", "write a name and a colon")
            return _Key(None, node.line, node.column)
        if node.text == "<<" and not node.is_quoted:
            self._tell("key", Plain("<<"), "a name", "write the keys out: files are not merged with anchors")
            return _Key(None, node.line, node.column)
        if node.text in parent.value:
            line, _ = parent.keys[node.text]
            self._tell("key", node.text, f"given once; line {line} has it too", "remove one of them")
            return _Key(None, node.line, node.column)
        return _Key(node.text, node.line, node.column)

    def _node(self, event: yaml.NodeEvent) -> Node:
        line, column = self.last
        if isinstance(event, yaml.AliasEvent):
            self._tell(
                "value", Plain(f"*{event.anchor}"), "written out", "write the value here again, without an anchor"
            )
            return Node(None, line, column, is_broken=True)
        is_broken = self._extras(event)
        if isinstance(event, yaml.MappingStartEvent):
            return Node({}, line, column, is_broken=is_broken)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node([], line, column, is_broken=is_broken)
        assert isinstance(event, yaml.ScalarEvent)
        text, is_quoted = str(event.value), event.style is not None
        if _SURROGATE.search(text):
            self._tell("text", Plain("half of a character"), "made of whole characters", "correct the \\u escape")
            return Node("", line, column, is_quoted=True, is_broken=True)
        return Node(text if is_quoted else _scalar(text), line, column, text, is_quoted, is_broken)

    def _extras(self, event: Any) -> bool:
        """Whether a value has an anchor or a tag, which are problems."""
        if event.anchor is not None:
            fix = "remove the anchor, and write the value wherever it is needed"
            self._tell("value", Plain(f"&{event.anchor}"), "without an anchor", fix)
        if event.tag is not None:
            self._tell("value", Plain(str(event.tag)), "without a tag", "remove the tag; quotes make text")
        return event.tag is not None

    def _tell(self, field: str, value: object, allowed: str, fix: str) -> None:
        line, column = self.last
        self.problems.append(FileProblem(field, value, allowed, fix, "", self._file, line, column))


@dataclass(frozen=True, slots=True)
class _Key:
    name: str | None
    line: int
    column: int


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=yaml.SafeLoader)


def _scalar(text: str) -> Any:
    """The value of a scalar without quotes."""
    if _NULL.fullmatch(text):
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _syntax_problem(error: yaml.YAMLError, text: str, shown: str) -> FileProblem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # from the reader of characters
        position = min(int(getattr(error, "position", 0)), len(text))
        before = text[:position]
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        got = Plain(f"the character U+{ord(text[position]):04X}" if position < len(text) else "another")
        fix = "remove it, or write it as an escape in double quotes"
        return FileProblem("text", got, "printable", fix, "", shown, line, column)
    line, column = mark.line + 1, mark.column + 1
    lines = text.splitlines()
    written = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        fix = "replace the tab by spaces"
        return FileProblem("indentation", Plain("a tab"), "spaces", fix, "", shown, line, column)
    said = getattr(error, "problem", None) or "it cannot be read"
    allowed = f"YAML; {str(said).splitlines()[0]}"
    fix = "check the colons, the quotes and the indentation of this line and the one before"
    if "{" in written:
        fix = "inside of braces, put text with other characters than letters and digits in quotes"
    if _BRACE.search(written):
        fix = "put text that begins with a brace in quotes"
    return FileProblem("text", written.strip(), allowed, fix, "", shown, line, column)
