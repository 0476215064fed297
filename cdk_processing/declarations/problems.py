"""A mistake in a file, with its place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cdk_processing.errors import Problem

__all__ = ["FileProblem", "Plain", "shown_path"]


@dataclass(frozen=True, slots=True)
class FileProblem(Problem):
    """One mistake in a file. Its text begins with ``file:line:column``, where editors and terminals follow it.

    Attributes:
        file: The file, as messages name it.
        line: The line, from 1; 0 if the whole file is wrong.
        column: The column, from 1.
    """

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        # dataclass(slots=True) makes a new class, so super() without arguments fails.
        return f"{place}: {Problem.__str__(self)}"


class Plain(str):
    """Text that a message shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def shown_path(file: Path) -> str:
    """A file as messages name it: from the working directory, if it lies below."""
    try:
        return os.fspath(file.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return os.fspath(file)
