"""A local folder, and which of its files to leave out.

This library always leaves out caches and metadata of tools, virtual environments, and ``.env`` files, which hold
secrets. A ``.dockerignore`` in the folder leaves out more, by Docker's rules.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.types import ListOf

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.pattern import Pattern

__all__ = ["IGNORED", "LocalFolder", "children", "files_of"]

#: Patterns of ``.gitignore`` for what no job needs. "cdk.out" even holds the bundle itself.
IGNORED = (
    "__pycache__",
    "*.pyc",
    ".git",
    ".hg",
    ".svn",
    ".DS_Store",
    ".env",
    ".env.*",
    ".envrc",
    ".venv",
    ".direnv",
    ".idea",
    ".vscode",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    ".terraform",
    "node_modules",
    "cdk.out",
)
_DOCKER_IGNORE = ".dockerignore"
_MODES = ("glob", "git", "docker")


@dataclass(frozen=True, slots=True)
class LocalFolder(os.PathLike[str]):
    """A local folder without some of its files. Pass it wherever a declaration takes a local path.

    Args:
        path: The folder.
        exclude: Patterns of files and folders to leave out. A pattern that begins with ``!`` keeps a file that would
            be left out, such as ``!.env``.
        ignore_mode: How to read patterns, in the CDK's words. ``glob`` and ``git``: as in a ``.gitignore``, a name
            without ``/`` matches at any depth. ``docker``: as in a ``.dockerignore``, from the folder on.

    Raises:
        DeclarationError: A field is not as described.

    Example:
        >>> import os
        >>> os.fspath(LocalFolder("src", exclude=["*.ipynb", "!.env"]))
        'src'
    """

    path: str | os.PathLike[str]
    exclude: ListOf[str] = ()
    ignore_mode: Literal["glob", "git", "docker"] | Enum = "glob"

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DeclarationError("LocalFolder", problems)
        object.__setattr__(self, "path", os.fspath(self.path))
        object.__setattr__(self, "exclude", tuple(self.exclude))
        object.__setattr__(self, "ignore_mode", self._mode)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return os.fspath(self.path)

    @property
    def _mode(self) -> str:
        given = self.ignore_mode
        return str(given.value if isinstance(given, Enum) else given).lower()

    def _problems(self) -> Iterator[Problem]:
        if not isinstance(self.path, (str, os.PathLike)) or not os.fspath(self.path):
            yield Problem("path", self.path, "the path of a folder", "write LocalFolder('src')")
        if not isinstance(self.exclude, (list, tuple)) or not all(isinstance(each, str) for each in self.exclude):
            fix = (
                f"write exclude=[{str(self.exclude)!r}]" if isinstance(self.exclude, str) else "write exclude=['*.csv']"
            )
            yield Problem("exclude", self.exclude, "a list of patterns", fix)
        if self._mode not in _MODES:
            yield Problem("ignore_mode", self.ignore_mode, "'glob', 'git' or 'docker'", "leave it out, or pick one")


def files_of(folder: str | LocalFolder, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Each file of a folder that is not left out, with its path behind a prefix.

    It follows links, because the container does not have their targets.
    """
    spec = _spec(folder)
    for name, path in _walk(Path(folder), "", spec, ()):
        yield f"{prefix}{name}", path


def children(folder: str | LocalFolder) -> list[Path]:
    """The files and folders directly in a folder that are not left out."""
    spec = _spec(folder)
    return sorted(path for path in Path(folder).iterdir() if not _is_left_out(spec, path, path.name))


def _walk(folder: Path, prefix: str, spec: PathSpec[Pattern], inside: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    here = folder.resolve()
    if here in inside:
        return  # a link back to a folder around it
    for path in _listed(folder):
        name = f"{prefix}{path.name}"
        if path.is_dir():
            # A pattern may keep files below a folder that is left out.
            if not _is_environment(path) and (_brings_back(spec) or not spec.match_file(f"{name}/")):
                yield from _walk(path, f"{name}/", spec, (*inside, here))
        elif path.is_file() and not spec.match_file(name):
            yield name, path


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        fix = "change its mode, or leave it out: LocalFolder(..., exclude=[...])"
        problem = Problem("folder", str(folder), f"one that this user can read ({error.strerror})", fix)
        raise DeclarationError(str(folder), [problem]) from error


def _is_left_out(spec: PathSpec[Pattern], path: Path, name: str) -> bool:
    return spec.match_file(f"{name}/" if path.is_dir() else name) or _is_environment(path)


def _is_environment(path: Path) -> bool:
    """Whether a folder is a virtual environment, whatever its name."""
    try:
        return (path / "pyvenv.cfg").is_file()
    except PermissionError:  # told when it is listed
        return False


def _brings_back(spec: PathSpec[Pattern]) -> bool:
    return any(pattern.include is False for pattern in spec.patterns)


def _spec(folder: str | LocalFolder) -> PathSpec[Pattern]:
    ignore = Path(folder) / _DOCKER_IGNORE
    try:
        # Names of files may be any bytes, and so may their patterns.
        text = ignore.read_text(encoding="utf-8", errors="surrogateescape") if ignore.is_file() else ""
    except PermissionError:  # reported when the folder is listed
        text = ""
    docker = tuple(text.splitlines())
    given = tuple(folder.exclude) if isinstance(folder, LocalFolder) else ()
    if isinstance(folder, LocalFolder) and folder.ignore_mode == "docker":
        given = tuple(map(_from_root, given))
    return _compiled((*IGNORED, *map(_from_root, docker), *given))


@cache
def _compiled(patterns: tuple[str, ...]) -> PathSpec[Pattern]:
    from pathspec import PathSpec  # not needed for a job without local folders

    return PathSpec.from_lines("gitignore", patterns)


def _from_root(pattern: str) -> str:
    """A pattern of Docker, which starts at the folder, as a pattern of Git.

    Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    text = pattern.strip()
    if not text or text.startswith("#"):
        return ""
    negated, text = ("!", text[1:].strip()) if text.startswith("!") else ("", text)
    return f"{negated}/{text.removeprefix('./').lstrip('/')}"
