"""Moves bodies between clients and the files of objects, in pieces, so that no large body is in memory as a whole."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import IO, Any

import anycrc

from cdk_processing.local.aws.s3.stored import CHUNK_BYTES, BodyWriter, ObjectFiles, StoredBody
from cdk_processing.local.ministack import internal
from cdk_processing.local.wire.messages import Message, Receive, Send

__all__ = [
    "check_md5",
    "checksum",
    "entry_of",
    "into_files",
    "md5_of",
    "read_into_file",
    "read_whole",
    "send_in_chunks",
]

#: A request body of this size or more is written to a file while it arrives.
_LARGE_BYTES = 1024 * 1024
#: Their names in the catalogue of CRC algorithms: https://reveng.sourceforge.io/crc-catalogue/all.htm
_CATALOGUE = {"CRC32C": "CRC32-ISCSI", "CRC64NVME": "CRC64-NVME"}
#: The sizes of the checksums that are not cryptographic.
_CRC_BYTES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8}
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")
_NAME_AND_VALUE = re.compile(rb"([!-9;-~]+):(.*)")
_ReadBody = Callable[[Receive, str, MutableMapping[str, str]], Awaitable[Any]]


def read_into_file(files: ObjectFiles, read: _ReadBody) -> _ReadBody:
    """Read the body of a large PUT into a file. Only S3 has such requests."""

    async def read_request_body(receive: Receive, method: str, headers: MutableMapping[str, str]) -> Any:
        length = headers.get("content-length", "").strip()
        if method != "PUT" or not length.isdecimal() or int(length) < _LARGE_BYTES:
            return await read(receive, method, headers)
        body = await _received(files.writer(), receive)
        if len(body) != int(length):
            raise _incomplete("Content-Length does not match the body")
        if _is_chunked(headers):
            body = await asyncio.to_thread(_without_frames, body, files.writer(), headers)
        return body

    return read_request_body


async def _received(writer: BodyWriter, receive: Receive) -> StoredBody:
    with contextlib.closing(writer):
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise internal("ministack.app", "_RequestBodyDisconnected")()
            writer.add(message.get("body", b""))
            more = message.get("more_body", False)
        return writer.finish()


def _is_chunked(headers: MutableMapping[str, str]) -> bool:
    return (
        headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        or "aws-chunked" in headers.get("content-encoding", "")
        or "x-amz-decoded-content-length" in headers
    )


def _without_frames(framed: StoredBody, writer: BodyWriter, headers: MutableMapping[str, str]) -> StoredBody:
    """Remove the frames from a body, and copy the checksum that follows them into the headers.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """
    with contextlib.closing(writer), framed.path.open("rb") as source:
        while length := _frame_length(source):
            for chunk in _exactly(source, length):
                writer.add(chunk)
            if source.read(2) != b"\r\n":
                raise _incomplete("a frame of the body does not end where it should")
        _take_trailers(source.read(), headers)
        body = writer.finish()
    declared = headers.get("x-amz-decoded-content-length")
    if declared is not None and declared.strip() != str(len(body)):
        raise _incomplete("x-amz-decoded-content-length does not match the body")
    encodings = [each.strip() for each in headers.pop("content-encoding", "").split(",")]
    if left := ", ".join(each for each in encodings if each not in ("", "aws-chunked")):
        headers["content-encoding"] = left
    return body


def _frame_length(source: IO[bytes]) -> int:
    line = source.readline(1024)
    size = line.partition(b";")[0].strip()
    if not line.endswith(b"\r\n") or not _HEXADECIMAL.fullmatch(size):
        raise _incomplete("a frame of the body has no length")
    return int(size, 16)


def _exactly(source: IO[bytes], length: int) -> Iterator[bytes]:
    while length:
        chunk = source.read(min(length, CHUNK_BYTES))
        if not chunk:
            raise _incomplete("the body ends within a frame")
        length -= len(chunk)
        yield chunk


def _take_trailers(text: bytes, headers: MutableMapping[str, str]) -> None:
    found = {}
    for line in filter(None, text.split(b"\r\n")):
        match = _NAME_AND_VALUE.fullmatch(line)
        if match is None:
            raise _incomplete("what follows the last frame of the body is no header")
        found[match[1].decode("ascii").lower()] = match[2].strip().decode(errors="replace")
    announced = {each.strip().lower() for each in headers.get("x-amz-trailer", "").split(",") if each.strip()}
    if not announced <= found.keys():
        raise _incomplete("a trailing header that was announced did not come")
    for name, value in found.items():
        headers.setdefault(name, value)


def _incomplete(reason: str) -> Exception:
    error: Exception = internal("ministack.app", "_IncompleteRequestBody")(reason)
    return error


def send_in_chunks(send_response: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Send a stored body from its file, as fast as the client reads it."""

    async def send_in_chunks(
        send: Send, status: int, headers: MutableMapping[str, str], body: Any, **options: Any
    ) -> None:
        if not isinstance(body, StoredBody):
            await send_response(send, status, headers, body, **options)
            return

        async def send_start(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)

        if not any(name.lower() == "content-length" for name in headers):
            headers["Content-Length"] = str(len(body))
        await send_response(send_start, status, headers, b"", **options)
        for chunk in body.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_in_chunks


def read_whole(read: Callable[..., Any]) -> Callable[..., bytes | None]:
    """The bytes of an object, for services that read objects, such as a template or a state machine's definition."""

    def get_object_data(*arguments: Any, **options: Any) -> bytes | None:
        body = read(*arguments, **options)
        return bytes(body) if isinstance(body, StoredBody) else body

    return get_object_data


def md5_of(hash_bytes: Callable[[bytes], str]) -> Callable[[Any], str]:
    """The MD5 of a body in hexadecimal digits. A body that just arrived has it already."""

    def md5_hash(body: Any) -> str:
        if not isinstance(body, StoredBody):
            return hash_bytes(body)
        return body.md5 or _digest("md5", body).hex()

    return md5_hash


def check_md5(check: Callable[..., Any]) -> Callable[..., Any]:
    """Check a body against its ``Content-MD5``."""

    def validate_content_md5(headers: MutableMapping[str, str], body: Any) -> Any:
        if not isinstance(body, StoredBody) or "content-md5" not in headers:
            return check(headers, b"" if isinstance(body, StoredBody) else body)
        digest = bytes.fromhex(body.md5) if body.md5 else _digest("md5", body)
        if headers["content-md5"] == base64.b64encode(digest).decode():
            return None
        # The header is malformed or wrong. MiniStack tells which. The digest stands for the body: both fail the check.
        return check(headers, digest)

    return validate_content_md5


def checksum(compute: Callable[[str, Any], str | None]) -> Callable[[str, Any], str | None]:
    """The checksum of a body, in S3's format. MiniStack computes CRC32C and CRC64NVME in Python, which takes long."""

    def compute_s3_checksum(algorithm: str, body: Any) -> str | None:
        name = (algorithm or "").upper().replace("_", "")
        if name in _CRC_BYTES:
            return base64.b64encode(_crc(name, body).to_bytes(_CRC_BYTES[name], "big")).decode()
        if name in ("SHA1", "SHA256") and isinstance(body, StoredBody):
            return base64.b64encode(_digest(name.lower(), body)).decode()
        return compute(algorithm, body)

    return compute_s3_checksum


def _crc(name: str, body: Any) -> int:
    calculate = zlib.crc32 if name == "CRC32" else anycrc.Model(_CATALOGUE[name]).calc
    found = 0
    for chunk in body.chunks() if isinstance(body, StoredBody) else (bytes(body),):
        found = calculate(chunk, found)
    return found


def _digest(name: str, body: StoredBody) -> bytes:
    found = hashlib.new(name, usedforsecurity=False)
    for chunk in body.chunks():
        found.update(chunk)
    return found.digest()


def into_files(files: ObjectFiles, build: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Store the body of a new object in a file."""

    def build_object_record(body: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        return {**build(body, *arguments, **options), "body": files.keep(body)}

    return build_object_record


def entry_of(project: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The entry of a version, with the stored body of the object instead of the request's body."""

    def version_entry_from_record(record: dict[str, Any], version_id: str, data: Any) -> dict[str, Any]:
        body = record.get("body")
        return project(record, version_id, data if body is None else body)

    return version_entry_from_record
