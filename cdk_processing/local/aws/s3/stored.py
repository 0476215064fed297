"""The bytes of objects, in files: MiniStack would keep them in memory, and several times while they move.

A body is a row of pieces of files. So a range, a part, a copy and the object that parts make are all bodies over the
same files, and nothing is copied. A file is removed when no body needs it any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from cdk_processing.local.files import FileStore, HeldFile, write_all

__all__ = ["BodyWriter", "ObjectFiles", "StoredBody"]

#: Read and sent at once.
CHUNK_BYTES = 256 * 1024
#: A body of no more than that stays in memory: a file of its own would be more than it is.
_IN_MEMORY_BYTES = 4096


class StoredBody:
    """Bytes in files. It has a length, and slices as ``bytes`` do; ``bytes(body)`` reads it.

    It is no ``bytes``: code that would read it into memory by accident fails instead.

    Args:
        pieces: File, offset and length of each piece.
        md5: The MD5 in hexadecimal digits, where it is known.
    """

    __slots__ = ("_length", "_pieces", "md5")

    def __init__(self, pieces: tuple[tuple[HeldFile, int, int], ...], md5: str | None = None) -> None:
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
    """A body as it arrives: ``add`` what comes, then ``finish``.

    What was not finished is removed with the writer.
    """

    def __init__(self, file: HeldFile) -> None:
        self._file = file
        self._target = file.open_new()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._length = 0

    def add(self, content: bytes) -> None:
        """Write more of it."""
        write_all(self._target, content)
        self._md5.update(content)
        self._length += len(content)

    def finish(self) -> StoredBody:
        """The body, when all of it is here."""
        self.close()
        return StoredBody(((self._file, 0, self._length),), self._md5.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._target.close()


class ObjectFiles:
    """Where the bodies of objects go."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def writer(self) -> BodyWriter:
        """Begin a body."""
        return BodyWriter(self._files.new())

    def keep(self, content: bytes | StoredBody) -> bytes | StoredBody:
        """Put a body where it belongs: a very small one stays as it is."""
        if isinstance(content, StoredBody) or len(content) <= _IN_MEMORY_BYTES:
            return content
        return self.written(content)

    def written(self, content: bytes) -> StoredBody:
        """Write a body into a file."""
        with contextlib.closing(self.writer()) as writer:
            writer.add(content)
            return writer.finish()
