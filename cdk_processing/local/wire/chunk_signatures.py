"""Checks the signatures of the chunks of a body while it arrives, so that no large body is in memory.

SDKs for Java and others sign each chunk of a body over HTTP, beginning with the signature of the headers:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ChunkSignatures", "WrongChunkError"]

_LONGEST_HEADER = 1024
_EMPTY = hashlib.sha256(b"").hexdigest()
_LINE_END = b"\r\n"


class WrongChunkError(Exception):
    """A chunk does not have the signature that it should have."""


@dataclass(slots=True)
class ChunkSignatures:
    """The chunks of one body.

    Attributes:
        key: The signing key.
        scope: Day, region, service: ``20260131/us-east-1/s3/aws4_request``.
        time: When the request was signed, as in its headers.
        previous: The signature of the headers, then of the last chunk.
    """

    key: bytes
    scope: str
    time: str
    previous: str
    _header: bytearray = field(default_factory=bytearray)
    _left: int = 0
    _line_end: int = 0
    _given: str = ""
    _digest: Any = field(default_factory=hashlib.sha256)
    _ended: bool = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            WrongChunkError: A chunk that they complete has another signature.
        """
        view = memoryview(data)
        while view and not self._ended:
            if self._left:
                taken = view[: self._left]
                self._digest.update(taken)
                self._left -= len(taken)
                if not self._left:
                    self._complete()
                    self._line_end = len(_LINE_END)
            elif self._line_end:
                taken = view[: self._line_end]
                self._line_end -= len(taken)
            else:
                taken = self._read_header(view)
            view = view[len(taken) :]

    def end(self) -> None:
        """Take the end of the body.

        Raises:
            WrongChunkError: The last chunk, which is empty, is missing.
        """
        if not self._ended:
            raise WrongChunkError

    def _read_header(self, view: memoryview) -> memoryview:
        """Read the line before a chunk, as far as it has arrived. Returns what was read."""
        before = len(self._header)
        self._header += view[:_LONGEST_HEADER]
        end = self._header.find(_LINE_END)
        if end < 0:
            if len(self._header) > _LONGEST_HEADER:
                raise WrongChunkError
            return view[:_LONGEST_HEADER]
        size, _, given = self._header[:end].decode("ascii", "replace").partition(";chunk-signature=")
        self._header.clear()
        try:
            self._left = int(size, 16)
        except ValueError:
            raise WrongChunkError from None
        self._given = given.strip()
        if not self._left:
            self._complete()
            self._ended = True  # Trailing headers may follow.
        return view[: end + len(_LINE_END) - before]

    def _complete(self) -> None:
        document = ("AWS4-HMAC-SHA256-PAYLOAD", self.time, self.scope, self.previous, _EMPTY, self._digest.hexdigest())
        self.previous = hmac.new(self.key, "\n".join(document).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(self.previous.encode(), self._given.encode()):
            raise WrongChunkError
        self._digest = hashlib.sha256()
