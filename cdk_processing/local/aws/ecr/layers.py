"""Stores the layers of images in files. MiniStack would keep them in memory, with a copy while they arrive."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.local.aws.s3.stored import ObjectFiles, StoredBody
from cdk_processing.local.ministack import WireResponse, internal
from cdk_processing.local.wire.messages import Receive

__all__ = ["Part", "add_to_upload", "complete_upload", "receive_part"]

_ECR = "ministack.services.ecr"


@dataclass(frozen=True, slots=True)
class Part:
    """A body that has arrived: the whole layer, or a part of it.

    Attributes:
        body: Its bytes.
        sha256: Their SHA-256 in hexadecimal digits.
    """

    body: bytes | StoredBody
    sha256: str

    def __len__(self) -> int:
        return len(self.body)


@dataclass(slots=True)
class _Upload:
    """A layer that is being uploaded. It has a length, as the ``bytearray`` has that MiniStack would use."""

    parts: list[Part] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.parts))


async def receive_part(files: ObjectFiles, receive: Receive) -> Part | None:
    """Write the body of a request into a file. Returns None if the client has disconnected."""
    digest = hashlib.sha256()
    with contextlib.closing(files.writer()) as writer:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            content = message.get("body", b"")
            digest.update(content)
            writer.add(content)
            more = message.get("more_body", False)
        return Part(writer.finish(), digest.hexdigest())


def add_to_upload(patch: Callable[..., WireResponse]) -> Callable[..., WireResponse]:
    """Keep each part of an upload in its file."""

    def patch_blob_upload(name: str, upload_id: str, part: Part) -> WireResponse:
        upload = _upload(name, upload_id)
        if upload is not None and part:
            upload.parts.append(part)
        return patch(name, upload_id, b"")

    return patch_blob_upload


def complete_upload(files: ObjectFiles, complete: Callable[..., WireResponse]) -> Callable[..., WireResponse]:
    """Make a layer of the parts of an upload, if its digest is right."""

    def complete_blob_upload(name: str, upload_id: str, query: Mapping[str, Any], part: Part) -> WireResponse:
        upload, digest = _upload(name, upload_id), internal(_ECR, "_query_first")(query, "digest")
        if upload is None or not digest:
            return complete(name, upload_id, query, b"")  # which refuses it
        parts = [each for each in (*upload.parts, part) if each]
        layer = files.joined([each.body for each in parts])
        # A client sends most layers in one part, whose digest is known.
        actual = f"sha256:{parts[0].sha256 if len(parts) == 1 else _digest(layer)}"
        if actual != digest:
            reason = "uploaded blob digest did not match provided digest"
            refused: WireResponse = internal(_ECR, "_registry_error")(
                400, "DIGEST_INVALID", reason, {"expected": digest, "actual": actual}
            )
            return refused
        internal(_ECR, "_layer_blobs").setdefault(name, {})[digest] = layer
        internal(_ECR, "_uploads")[name].pop(upload_id)
        headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest, "Content-Length": "0"}
        created: WireResponse = internal(_ECR, "_registry_ok")(201, headers, b"")
        return created

    return complete_blob_upload


def _upload(name: str, upload_id: str) -> _Upload | None:
    """An upload; None if there is no such one."""
    uploads = internal(_ECR, "_uploads").get(name, {})
    if isinstance(uploads.get(upload_id), bytearray):  # MiniStack has just begun it
        uploads[upload_id] = _Upload()
    found: _Upload | None = uploads.get(upload_id)
    return found


def _digest(layer: bytes | StoredBody) -> str:
    found = hashlib.sha256()
    for chunk in layer.chunks() if isinstance(layer, StoredBody) else (layer,):
        found.update(chunk)
    return found.hexdigest()
