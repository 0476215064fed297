"""Errors in the format of the request's protocol."""

from __future__ import annotations

import html
import json
import uuid
from collections.abc import Mapping

from cdk_processing.local.api_models.operations import Request

__all__ = ["error_answer"]

# Content type, more headers, body.
Answer = tuple[bytes, list[tuple[bytes, bytes]], bytes]


def error_answer(request: Request, code: str, message: str, status: int) -> Answer:
    """An error in the format that the request's SDK expects."""
    kind = (b"x-amzn-errortype", code.encode("latin-1", "replace"))
    plain = json.dumps({"__type": code, "message": message}).encode()
    if "x-amz-target" in request.headers:
        return b"application/x-amz-json-1.0", [kind], plain
    if request.headers.get("smithy-protocol", "").startswith("rpc-v2-cbor"):
        content = b"\xa2" + b"".join(map(_cbor_text, ("__type", code, "message", message)))
        return b"application/cbor", [(b"smithy-protocol", b"rpc-v2-cbor")], content
    code, text = html.escape(code), html.escape(message)
    number = uuid.uuid4()
    if request.is_form or "Action" in request.query:
        who = "Sender" if status < 500 else "Receiver"
        error = f"<Error><Type>{who}</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        return b"text/xml", [], f"<ErrorResponse>{error}<RequestId>{number}</RequestId></ErrorResponse>".encode()
    if _is_s3(request.headers):
        error = f"<Code>{code}</Code><Message>{text}</Message><RequestId>{number}</RequestId>"
        return b"application/xml", [], f"<?xml version='1.0' encoding='UTF-8'?><Error>{error}</Error>".encode()
    return b"application/json", [kind], plain


def _is_s3(headers: Mapping[str, str]) -> bool:
    return "/s3/aws4_request" in headers.get("authorization", "/s3/aws4_request")


def _cbor_text(text: str) -> bytes:
    content = text.encode()
    return b"\x7a" + len(content).to_bytes(4, "big") + content
