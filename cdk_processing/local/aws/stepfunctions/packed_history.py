"""The history of an ended execution, compressed.

It stays until the server stops. Most events repeat the input or output of a state, so they compress well.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["PackedHistory"]


class PackedHistory:
    """Events that are read as a whole."""

    __slots__ = ("_length", "_packed")

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self._pack(list(events))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._unpacked())

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._unpacked()[index]

    def append(self, event: dict[str, Any]) -> None:
        """Add an event that comes after the end."""
        self._pack([*self._unpacked(), event])

    def _pack(self, events: list[dict[str, Any]]) -> None:
        self._length = len(events)
        self._packed = zlib.compress(json.dumps(events).encode())

    def _unpacked(self) -> list[dict[str, Any]]:
        unpacked: list[dict[str, Any]] = json.loads(zlib.decompress(self._packed))
        return unpacked
