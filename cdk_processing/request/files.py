"""Local files in a request.

:mod:`cdk_processing.constructs.assets` publishes them.

Their keys in S3 hold a hash of the content, so a file is published again only if it changes. Files keep their names in
the container.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from cdk_processing.request.folders import LocalFolder, files_of
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import LocalPath

__all__ = [
    "Archive",
    "LocalFile",
    "LocalFiles",
    "LocalSource",
    "TextFile",
    "is_local_path",
    "local_path",
    "local_source",
]

# The longest path in characters, and the longest name in it in bytes, on Linux. Other systems are similar.
_PATH_LENGTH = 4000
_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file, which keeps its name."""

    path: str

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.path).name


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files side by side below one prefix.

    Attributes:
        paths: Files and folders, which keep their names.
        folder: A folder whose *content* goes there, instead of ``paths``.
    """

    paths: tuple[str | LocalFolder, ...] = ()
    folder: str | LocalFolder | None = None

    def members(self) -> Iterator[tuple[str, Path]]:
        """Each file with its path below the prefix, sorted by that path, so the order is the same on each machine."""
        found = [] if self.folder is None else list(files_of(self.folder))
        for given in self.paths:
            path = Path(given)
            found += files_of(given, f"{path.resolve().name}/") if path.is_dir() else [(path.name, path)]
        yield from sorted(found)


@dataclass(frozen=True, slots=True)
class Archive:
    """A ``.tar.gz`` or ``.zip`` of files and folders: the same content makes the same bytes.

    Attributes:
        name: The archive's own name, which decides on the format.
        folder: A folder whose content is at the archive's root; None without.
        paths: Files and folders that lie at the archive's root under their own names.
    """

    name: str
    folder: str | LocalFolder | None = None
    paths: tuple[str | LocalFolder, ...] = ()

    def content(self) -> bytes:
        """The archive, without times and owners, which differ from machine to machine for the same code."""
        return self._zipped() if self.name.endswith(".zip") else self._tarred()

    def _zipped(self) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, mode="w", compression=zipfile.ZIP_DEFLATED) as archive:
            for name, path in LocalFiles(self.paths, self.folder).members():
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())
        return packed.getvalue()

    def _tarred(self) -> bytes:
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, path in LocalFiles(self.paths, self.folder).members():
                entry = tarfile.TarInfo(name)
                entry.size = path.stat().st_size
                entry.mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
                with path.open("rb") as file:
                    archive.addfile(entry, file)
        return packed.getvalue()


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file whose text synth makes."""

    name: str
    text: str


LocalSource = LocalFile | LocalFiles | Archive | TextFile


def is_local_path(value: object) -> TypeGuard[LocalPath]:
    """Whether a value can be a local path: no URI, no token, no run-time value, and not too long."""
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return isinstance(path, str) and _can_be_path(path)
    # pathlib reads "" as the current folder.
    if not isinstance(value, str) or not value or is_token(value) or has_run_time_value(value):
        return False
    return "://" not in value and _can_be_path(value)


def _can_be_path(text: str) -> bool:
    """Whether the file system accepts the path."""
    if "\0" in text or len(text) > _PATH_LENGTH:
        return False
    return all(len(name.encode(errors="surrogatepass")) <= _NAME_LENGTH for name in text.split("/"))


def local_source(value: object) -> LocalSource | None:
    """What a channel's source is on this machine; None where it lies elsewhere."""
    if isinstance(value, (LocalFile, LocalFiles, Archive, TextFile)):
        return value
    if not is_local_path(value):
        return None
    path = local_path(value)
    return LocalFiles(folder=path) if Path(path).is_dir() else LocalFile(os.fspath(path))


def local_path(path: LocalPath) -> str | LocalFolder:
    """A local path as text; a folder of which files are left out stays what it is."""
    return path if isinstance(path, LocalFolder) else os.fspath(path)
