"""Files that are removed when this process has no reference to them any more."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path
from typing import IO

__all__ = ["FileStore", "HeldFile", "write_all"]


class HeldFile:
    """A file that is removed with the last reference to it."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def open_new(self) -> IO[bytes]:
        """Create the file. Only its owner can access it."""
        return open(self.path, "xb", buffering=0, opener=_only_owner)

    def append(self, content: bytes) -> None:
        """Append to the file."""
        with open(self.path, "ab", buffering=0, opener=_only_owner) as target:
            write_all(target, content)

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece of the file."""
        with self.path.open("rb") as source:
            source.seek(offset)
            return source.read(length)

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()


class FileStore:
    """A folder of such files.

    Args:
        folder: Created if it does not exist. Only its owner can access it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def new(self) -> HeldFile:
        """A new file, which does not exist on disk yet."""
        return HeldFile(self._folder / f"{next(self._numbers):x}")


def write_all(target: IO[bytes], content: bytes) -> None:
    """Write all of the content. A single unbuffered write may write only a part."""
    view = memoryview(content)
    while view:
        view = view[target.write(view) :]


def _only_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
