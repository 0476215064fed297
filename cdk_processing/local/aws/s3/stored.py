"""Stores the bytes of objects in files. MiniStack would keep them in memory, with several copies during transfers.

A body is a list of pieces of files. A range, a part, a copy and a multipart object all refer to the same files, so
nothing is copied. A file is removed when no body uses it any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from cdk_processing.local.files import FileStore, HeldFile, write_all

__all__ = ["BodyWriter", "ObjectFiles", "StoredBody"]

#: How many bytes are read and sent at once.
CHUNK_BYTES = 256 * 1024
#: A body of this size or less stays in memory, because a file would take more space.
_IN_MEMORY_BYTES = 4096


class StoredBody:
    """Bytes in files. It has a length and supports slices, as ``bytes`` does. ``bytes(body)`` reads it.

    It is not a ``bytes`` object, so code that would read it into memory by accident fails instead.

    Args:
        pieces: File, offset and length of each piece.
        md5: The MD5 in hexadecimal digits, if it is known.
    """

    __slots__ = ("_length", "_pieces", "md5")

    def __init__(self, pieces: tuple[tuple[HeldFile, int, int], ...], md5: str | None = None) -> None:
        self._pieces = pieces
        self._length = sum(length for _, _, length in pieces)
        self.md5 = md5

    @classmethod
    def joined(cls, bodies: list[StoredBody]) -> StoredBody:
        """Join bodies, one after the other."""
        return cls(tuple(itertools.chain.from_iterable(body._pieces for body in bodies)))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> StoredBody:
        """A range of the body, in the same files."""
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
        """The file of a body that consists of one whole file, such as a body that just arrived."""
        ((file, _, _),) = self._pieces
        return file.path

    def chunks(self) -> Iterator[bytes]:
        """Read the body in chunks."""
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
    """Writes a body while it arrives: ``add`` each piece, then ``finish``.

    The file of an unfinished body is removed with the writer.
    """

    def __init__(self, file: HeldFile) -> None:
        self._file = file
        self._target = file.open_new()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._length = 0

    def add(self, content: bytes) -> None:
        """Write the next piece."""
        write_all(self._target, content)
        self._md5.update(content)
        self._length += len(content)

    def finish(self) -> StoredBody:
        """Return the body after all of it has arrived."""
        self.close()
        return StoredBody(((self._file, 0, self._length),), self._md5.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._target.close()


class ObjectFiles:
    """Stores the bodies of objects."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def writer(self) -> BodyWriter:
        """Begin a body."""
        return BodyWriter(self._files.new())

    def keep(self, content: bytes | StoredBody) -> bytes | StoredBody:
        """Store a body in a file. A very small one stays in memory."""
        if isinstance(content, StoredBody) or len(content) <= _IN_MEMORY_BYTES:
            return content
        return self.written(content)

    def joined(self, bodies: Sequence[bytes | StoredBody]) -> bytes | StoredBody:
        """Join bodies, one after the other. Copies only those that are in memory."""
        if all(isinstance(body, bytes) for body in bodies):
            return self.keep(b"".join(bytes(body) for body in bodies))
        return StoredBody.joined([body if isinstance(body, StoredBody) else self.written(body) for body in bodies])

    def written(self, content: bytes) -> StoredBody:
        """Write a body into a file."""
        with contextlib.closing(self.writer()) as writer:
            writer.add(content)
            return writer.finish()
