"""The bytes of objects, in files: MiniStack would keep them in memory, and several times while they move.

A body is a row of pieces of files. So a range, a part, a copy and the object that parts make are all bodies over the
same files, and nothing is copied. A file is removed when no body needs it any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["BodyWriter", "ObjectFiles", "StoredBody"]

#: Read and sent at once.
CHUNK_BYTES = 256 * 1024
#: A body of no more than that stays in memory: a file of its own would be more than it is.
_IN_MEMORY_BYTES = 4096


class _File:
    """A file that goes when nobody holds it any more."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()


class StoredBody:
    """Bytes in files. It has a length, and slices as ``bytes`` do; ``bytes(body)`` reads it.

    It is no ``bytes``: code that would read it into memory by accident fails instead.

    Args:
        pieces: File, offset and length of each piece.
        md5: The MD5 in hexadecimal digits, where it is known.
    """

    __slots__ = ("_length", "_pieces", "md5")

    def __init__(self, pieces: tuple[tuple[_File, int, int], ...], md5: str | None = None) -> None:
        self._pieces = pieces
        self._length = sum(length for _, _, length in pieces)
        self.md5 = md5

    @classmethod
    def joined(cls, bodies: list[StoredBody]) -> StoredBody:
        """One body after the other."""
        return cls(tuple(itertools.chain.from_iterable(body._pieces for body in bodies)))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> StoredBody:
        """A range of it, over the same files."""
        start, stop, step = part.indices(self._length)
        if step != 1:
            raise ValueError("a body has no slice with a step")
        pieces = []
        begin = 0
        for file, offset, length in self._pieces:
            first, last = max(start - begin, 0), min(stop - begin, length)
            if first < last:
                pieces.append((file, offset + first, last - first))
            begin += length
        return StoredBody(tuple(pieces))

    def __bytes__(self) -> bytes:
        return b"".join(self.chunks())

    @property
    def path(self) -> Path:
        """The file of a body that is one whole file, as one that just arrived is."""
        ((file, _, _),) = self._pieces
        return file.path

    def chunks(self) -> Iterator[bytes]:
        """Read it, a bit at a time."""
        for file, offset, length in self._pieces:
            with file.path.open("rb", buffering=0) as source:
                source.seek(offset)
                left = length
                while left:
                    chunk = source.read(min(left, CHUNK_BYTES))
                    if not chunk:
                        raise OSError(f"{file.path} is shorter than what was written to it")
                    left -= len(chunk)
                    yield chunk


class BodyWriter:
    """A body as it arrives: ``add`` what comes, then take the :attr:`body`."""

    def __init__(self, path: Path) -> None:
        self._file = _File(path)
        self._target: IO[bytes] = open(path, "xb", buffering=0, opener=_only_owner)  # noqa: SIM115 - closed by finish
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._length = 0

    def add(self, content: bytes) -> None:
        """Write more of it."""
        view = memoryview(content)
        while view:
            view = view[self._target.write(view) :]
        self._md5.update(content)
        self._length += len(content)

    def finish(self) -> StoredBody:
        """The body, when all of it is here."""
        self.close()
        return StoredBody(((self._file, 0, self._length),), self._md5.hexdigest())

    def close(self) -> None:
        """Close the file. What was not finished is removed with the writer."""
        self._target.close()


class ObjectFiles:
    """The folder that holds the files of one embedded AWS.

    Args:
        folder: Made if it is not there; only its owner may look into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def writer(self) -> BodyWriter:
        """Begin a body."""
        return BodyWriter(self._folder / f"{next(self._numbers):x}")

    def keep(self, content: bytes | StoredBody) -> bytes | StoredBody:
        """Put a body where it belongs: a very small one stays as it is."""
        if isinstance(content, StoredBody) or len(content) <= _IN_MEMORY_BYTES:
            return content
        return self.written(content)

    def written(self, content: bytes) -> StoredBody:
        """Write a body into a file."""
        writer = self.writer()
        try:
            writer.add(content)
            return writer.finish()
        finally:
            writer.close()


def _only_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
