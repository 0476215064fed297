"""Multipart uploads: the parts stay in their files, and the completed object refers to those files in order.

MiniStack would join all parts in memory. Its own checks of the upload still apply. The order of the parts and their
minimum size are checked as in S3.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from cdk_processing.local.aws.s3.stored import ObjectFiles
from cdk_processing.local.ministack import internal

__all__ = ["complete", "keep_part"]

_S3 = "ministack.services.s3"
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_LEAST_PART_BYTES = 5 * 1024 * 1024
_MISSING = "One or more of the specified parts could not be found."
_OK = 200


@dataclass(frozen=True, slots=True)
class _Named:
    """A part that CompleteMultipartUpload names."""

    number: int
    etag: str | None = None
    checksums: dict[str, str] = field(default_factory=dict)


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def keep_part(files: ObjectFiles, upload: Callable[..., Any]) -> Callable[..., Any]:
    """Store the body of a part in a file."""

    def upload_part(bucket: str, key: str, body: Any, query: Mapping[str, Any], headers: Any) -> Any:
        answer = upload(bucket, key, body, query, headers)
        if answer[0] == _OK:
            part = internal(_S3, "_multipart_uploads")[_one(query, "uploadId")]["parts"][int(_one(query, "partNumber"))]
            part["body"] = files.keep(body)
        return answer

    return upload_part


def complete(files: ObjectFiles, refuse_or_repeat: Callable[..., Any]) -> Callable[..., Any]:
    """Create the object from its parts, unless MiniStack refuses the request or repeats an earlier response."""

    def complete_multipart_upload(
        bucket: str, key: str, body: Any, query: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:
        headers = headers or {}
        upload_id = _one(query, "uploadId")
        uploads, completed = internal(_S3, "_multipart_uploads"), internal(_S3, "_completed_multipart_uploads")
        upload = uploads.get(upload_id)
        held = internal(_S3, "_buckets").get(bucket)
        repeated = completed.get(upload_id)
        if (
            held is None
            or upload is None
            or (upload["bucket"], upload["key"]) != (bucket, key)
            or (repeated is not None and repeated.get("key") == key)
        ):
            return refuse_or_repeat(bucket, key, body, query, headers)
        refusal = internal(_S3, "_check_sse_c_part")(headers, upload)
        refusal = refusal or internal(_S3, "_check_put_preconditions")(headers, held["objects"].get(key))
        if refusal is not None:
            return refusal
        try:
            record = _record(upload, _parts(bytes(body), upload), headers, files)
        except _RefusedError as error:
            return internal(_S3, "_error")(error.code, error.message, 400, f"/{bucket}/{key}")
        before = held["objects"].get(key)
        held["objects"][key] = record
        del uploads[upload_id]
        version = internal(_S3, "_record_object_version")(bucket, key, before, record, record["body"])
        internal(_S3, "_fire_s3_event_async")(
            bucket,
            key,
            "s3:ObjectCreated:CompleteMultipartUpload",
            size=record["size"],
            etag=record["etag"],
            version_id=version,
        )
        answer = _answer(bucket, key, record, version, headers)
        completed[upload_id] = {"key": key, "response": answer}
        return answer

    return complete_multipart_upload


def _one(query: Mapping[str, Any], name: str) -> str:
    return str(internal(_S3, "_qp")(query, name))


def _parts(body: bytes, upload: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The uploaded parts that the request names."""
    named = _read(body)
    numbers = [each.number for each in named]
    if numbers != sorted(set(numbers)):
        raise _RefusedError(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
    found = []
    for each in named:
        part = upload["parts"].get(each.number)
        if part is None:
            raise _RefusedError("InvalidPart", _MISSING)
        known = part.get("checksums") or {}
        same = each.etag is None or each.etag.strip('"') == part["etag"].strip('"')
        if not same or any(known.get(name) != value for name, value in each.checksums.items()):
            raise _RefusedError("InvalidPart", f"{_MISSING} The following part numbers are invalid: {each.number}")
        found.append((each.number, part))
    if any(part["size"] < _LEAST_PART_BYTES for _, part in found[:-1]):
        raise _RefusedError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    return found


def _read(body: bytes) -> list[_Named]:
    malformed = "The XML you provided was not well-formed or did not validate against our published schema."
    try:
        root = fromstring(body)
        parts = []
        for element in root.iter():
            if _local(element.tag) != "Part":
                continue
            values = {_local(child.tag): (child.text or "").strip() for child in element}
            checksums = {
                name.removeprefix("Checksum").upper(): value
                for name, value in values.items()
                if name.startswith("Checksum") and value
            }
            parts.append(_Named(int(values["PartNumber"]), values.get("ETag") or None, checksums))
    except (ParseError, KeyError, ValueError):
        raise _RefusedError("MalformedXML", malformed) from None
    if not parts:
        raise _RefusedError("MalformedXML", malformed)
    return parts


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _record(
    upload: Mapping[str, Any],
    parts: list[tuple[int, dict[str, Any]]],
    headers: Mapping[str, str],
    files: ObjectFiles,
) -> dict[str, Any]:
    """MiniStack's record of the object."""
    size = sum(part["size"] for _, part in parts)
    declared = headers.get("x-amz-mp-object-size")
    if declared is not None and declared.strip() != str(size):
        raise _RefusedError(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {declared} does not match what was computed: {size}",
        )
    algorithm = upload.get("checksum_algorithm")
    digests = [(part.get("checksums") or {}).get(algorithm) for _, part in parts] if algorithm else []
    composite = internal(_S3, "_composite_checksum")(algorithm, digests)
    requested = headers.get(f"x-amz-checksum-{algorithm.lower()}") if algorithm else None
    if requested and requested != composite:
        raise _RefusedError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
    etags = b"".join(bytes.fromhex(part["etag"].strip('"')) for _, part in parts)
    return {
        "body": files.joined([part["body"] for _, part in parts]),
        "content_type": upload["content_type"],
        "content_encoding": upload.get("content_encoding"),
        "etag": f'"{hashlib.md5(etags, usedforsecurity=False).hexdigest()}-{len(parts)}"',
        "last_modified": internal(_S3, "now_iso")(),
        "size": size,
        "metadata": upload["metadata"],
        "preserved_headers": upload.get("preserved_headers", {}),
        "storage_class": upload.get("storage_class") or "STANDARD",
        "parts": [{"PartNumber": number, "Size": part["size"]} for number, part in parts],
        "checksums": {algorithm: composite} if composite else {},
        "checksum_type": "COMPOSITE" if composite else None,
    }


def _answer(
    bucket: str, key: str, record: Mapping[str, Any], version: str | None, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    root = Element("CompleteMultipartUploadResult", xmlns=_NAMESPACE)
    SubElement(root, "Location").text = f"http://{headers.get('host', 'localhost')}/{bucket}/{key}"
    SubElement(root, "Bucket").text = bucket
    SubElement(root, "Key").text = key
    SubElement(root, "ETag").text = record["etag"]
    for algorithm, value in record["checksums"].items():
        SubElement(root, f"Checksum{algorithm}").text = value
        SubElement(root, "ChecksumType").text = "COMPOSITE"
    more = {"Content-Type": "application/xml", **internal(_S3, "_stored_sse_headers")(record)}
    if version:
        more["x-amz-version-id"] = version
    return _OK, more, b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)
