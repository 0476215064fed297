"""Mistakes that the library finds in a declaration, at their place in the file that it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cdk_processing.declarations.document import Document, KeyPath
from cdk_processing.declarations.problems import FileProblem
from cdk_processing.errors import Problem

__all__ = ["field_path", "placed", "unique"]

_STEP = re.compile(r"\[(\d+)\]|\[(['\"])(.*?)\2\]|([^.\[\]]+)")


def field_path(field: str) -> KeyPath:
    """The steps of an argument's name.

    Example:
        >>> field_path("outputs[1].destination")
        ('outputs', 1, 'destination')
    """
    steps: list[str | int] = []
    for index, _, key, name in _STEP.findall(field):
        steps.append(int(index) if index else key or name)
    return tuple(steps)


def placed(problem: Problem, document: Document, bases: Sequence[KeyPath]) -> FileProblem:
    """A problem with the place of its value.

    Args:
        problem: The problem.
        document: The file.
        bases: The paths of what may hold the argument. The one that has it, or most of it, is taken; the first of
            those that have nothing of it.
    """
    if isinstance(problem, FileProblem):
        return problem
    name, note, rest = problem.field.partition(" (")  # as in: expression (minutes)
    steps = field_path(name)
    depths = [len(document.node_at((*base, *steps))[1]) - len(base) for base in bases]
    base = bases[depths.index(max(depths))]
    path = (*base, *steps)
    found = document.problem(path, problem.allowed, _in_files(problem.fix), problem.value)
    return replace(found, field=f"{found.field}{note}{rest}")


#: What a fix says of Python, and what it is in a file.
_WORDS = {
    "it is relative to where cdk runs": "it leads on from the folder of this file",
    'pass bucket.at("prefix/")': 'write "{buckets.NAME}/prefix/"',
    'write bucket.at(f"prefix/{value}")': 'write "{buckets.NAME}/prefix/{RUN_ID}"',
    "ExecutionVariables.": "",
}


def _in_files(fix: str) -> str:
    for python, here in _WORDS.items():
        fix = fix.replace(python, here)
    return fix


def unique(problems: Iterable[FileProblem]) -> list[FileProblem]:
    """Problems in the order of the file, each once: a default that is wrong is wrong in each environment."""
    found: dict[tuple[object, ...], FileProblem] = {}
    for each in problems:
        found.setdefault((each.file, each.line, each.column, each.allowed, each.line or each.field), each)
    return sorted(found.values(), key=lambda each: (each.file, each.line, each.column))
