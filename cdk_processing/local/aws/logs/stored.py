"""The events of a log stream in two files: the messages, and an index by time.

MiniStack would keep several copies in memory. A stream that nobody writes or reads needs no memory and no open file.
"""

from __future__ import annotations

import struct
import uuid
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from cdk_processing.local.files import FileStore, HeldFile

__all__ = ["StoredEvents"]

#: The index entry of an event: its time, its ingestion time, and the position of its message.
_ENTRY = struct.Struct(">qqqI16s")
_READ_AT_ONCE = 1000


class StoredEvents(Sequence[dict[str, Any]]):
    """The events of a stream in the order of their time, as the list of dicts that MiniStack expects.

    Existing entries never change. A late event makes a new object with the same file of messages.

    Attributes:
        message_bytes: Size of all messages in bytes, which is the size of their file.
    """

    __slots__ = ("_files", "_index", "_length", "_messages", "message_bytes")

    def __init__(self, files: FileStore, messages: HeldFile | None = None, message_bytes: int = 0) -> None:
        self._files = files
        self._messages = files.new() if messages is None else messages
        self._index = files.new()
        self._length = 0
        self.message_bytes = message_bytes

    def with_events(self, events: Sequence[Mapping[str, Any]]) -> StoredEvents:
        """Add events, which must be sorted by time.

        Returns:
            The same object, or a new one if an added event is older than an existing one.
        """
        entries = []
        parts = []
        offset = self.message_bytes
        for event in events:
            message = str(event["message"]).encode(errors="surrogatepass")
            event_id = uuid.UUID(event["eventId"]).bytes
            entries.append(_ENTRY.pack(event["timestamp"], event["ingestionTime"], offset, len(message), event_id))
            parts.append(message)
            offset += len(message)
        written = sum(map(len, parts))
        self._messages.append(b"".join(parts))
        if not self or self._time(self._length - 1) <= events[0]["timestamp"]:
            self._add(entries)
            self.message_bytes += written
            return self
        merged = StoredEvents(self._files, self._messages, self.message_bytes + written)
        start = 0
        for entry in entries:
            end = bisect_right(range(self._length), _time_of(entry), lo=start, key=self._time)
            merged._add(self._entries(start, end))
            merged._add([entry])
            start = end
        merged._add(self._entries(start, self._length))
        return merged

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            start, stop, step = place.indices(self._length)
            return list(self._read(start, stop))[::step] if step > 0 else [self[at] for at in range(start, stop, step)]
        at = place + self._length if place < 0 else place
        if not 0 <= at < self._length:
            raise IndexError(place)
        (event,) = self._read(at, at + 1)
        return event

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for start in range(0, self._length, _READ_AT_ONCE):
            yield from self._read(start, min(start + _READ_AT_ONCE, self._length))

    def _add(self, entries: Sequence[bytes]) -> None:
        self._index.append(b"".join(entries))
        self._length += len(entries)

    def _entries(self, start: int, stop: int) -> list[bytes]:
        if start >= stop:
            return []
        content = self._index.read(start * _ENTRY.size, (stop - start) * _ENTRY.size)
        return [content[at : at + _ENTRY.size] for at in range(0, len(content), _ENTRY.size)]

    def _time(self, at: int) -> int:
        return _time_of(self._index.read(at * _ENTRY.size, _ENTRY.size))

    def _read(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        entries = [_ENTRY.unpack(entry) for entry in self._entries(start, stop)]
        if not entries:
            return
        with self._messages.path.open("rb") as source:
            for time, taken_in, offset, length, event_id in entries:
                source.seek(offset)
                yield {
                    "timestamp": time,
                    "message": source.read(length).decode(errors="surrogatepass"),
                    "ingestionTime": taken_in,
                    "eventId": str(uuid.UUID(bytes=event_id)),
                }


def _time_of(entry: bytes) -> int:
    time: int = _ENTRY.unpack(entry)[0]
    return time
