"""Files of the machine that synthesizes, as a request names them.

:mod:`cdk_processing.constructs.assets` publishes them.

Each becomes content-addressed: the same content is the same place in S3, so nothing is redeployed that did not change.
Names are kept: the container finds a file under the name it has here.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token

__all__ = ["Archive", "LocalFile", "LocalFiles", "LocalSource", "TextFile", "is_local_path", "local_source"]

#: What no bundle of code needs, and what would make the same code another asset.
_LEFT_OUT = frozenset({"__pycache__", ".git", ".DS_Store", ".ipynb_checkpoints"})


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file, under its own name."""

    path: str

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.path).name


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files side by side below one prefix.

    Attributes:
        paths: Files, and folders that are put there under their own names.
        folder: A folder whose *content* is put there, instead of ``paths``.
    """

    paths: tuple[str, ...] = ()
    folder: str | None = None

    def members(self) -> Iterator[tuple[str, Path]]:
        """Each file with its path below the prefix, sorted."""
        if self.folder is not None:
            yield from _below(Path(self.folder), "")
        for path in sorted(map(Path, self.paths)):
            yield from _below(path, f"{path.resolve().name}/") if path.is_dir() else [(path.name, path)]


@dataclass(frozen=True, slots=True)
class Archive:
    """A ``.tar.gz`` of files and folders: the same content makes the same bytes.

    Attributes:
        name: The archive's own name.
        folder: A folder whose content is at the archive's root; None without.
        paths: Files and folders that lie at the archive's root under their own names.
    """

    name: str
    folder: str | None = None
    paths: tuple[str, ...] = ()

    def content(self) -> bytes:
        """The archive."""
        packed = io.BytesIO()
        # Neither times nor owners: they differ from machine to machine for the same code.
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, path in LocalFiles(self.paths, self.folder).members():
                entry = tarfile.TarInfo(name)
                entry.size = path.stat().st_size
                entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
                with path.open("rb") as file:
                    archive.addfile(entry, file)
        return packed.getvalue()


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file whose text is made at synth."""

    name: str
    text: str


LocalSource = LocalFile | LocalFiles | Archive | TextFile


def is_local_path(value: Any) -> bool:
    """Whether a value is a path of this machine: neither a URI, nor a token, nor a run-time value."""
    if hasattr(value, "__fspath__"):
        return True
    return isinstance(value, str) and "://" not in value and not is_token(value) and not has_run_time_value(value)


def local_source(value: Any) -> LocalSource | None:
    """What a channel's source is on this machine; None where it lies elsewhere."""
    if isinstance(value, (LocalFile, LocalFiles, Archive, TextFile)):
        return value
    if not is_local_path(value):
        return None
    path = os.fspath(value)
    return LocalFiles(folder=path) if Path(path).is_dir() else LocalFile(path)


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and _LEFT_OUT.isdisjoint(relative.parts):
            yield f"{prefix}{relative.as_posix()}", path
