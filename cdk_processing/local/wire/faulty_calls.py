"""Faults of API calls over the wire: whoever makes them meets them, a test, a job or a task of Step Functions.

SageMaker's own calls are struck in ``sagemaker/service.py``, where those of Step Functions pass that make none over the
wire; what is left to do here is to lose an answer.
"""

from __future__ import annotations

import html
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from cdk_processing.local.api_models.operations import Request, operation_of, signing_name_of
from cdk_processing.local.faults import AnswerLost, CallFails
from cdk_processing.local.injection import FaultInForce, Faults

__all__ = ["LOSE_ANSWER", "FaultyCalls"]

# A service that answers with this header has its answer lost.
LOSE_ANSWER = "x-cdk-processing-lose-answer"
_SAGEMAKER = "sagemaker"

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class FaultyCalls:
    """An ASGI application: hands requests on to AWS, unless a fault strikes them."""

    def __init__(self, aws: Callable[..., Awaitable[None]], faults: Faults) -> None:
        self._aws = aws
        self._faults = faults

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if not self._faults or scope["type"] != "http":
            await self._aws(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        signing_name = signing_name_of(headers, query)
        if signing_name == _SAGEMAKER:
            await self._aws(scope, receive, _losing_marked(send))
            return
        about = self._faults.of_service(signing_name) if signing_name else []
        if signing_name is None or not about:
            await self._aws(scope, receive, send)
            return
        request = Request(
            scope["method"], scope["raw_path"].decode("latin-1"), parse_qs(query, keep_blank_values=True), headers
        )
        if request.is_form:
            body = await _read(receive)
            receive = _again(body, receive)
            request = Request(request.method, request.path, request.query, headers, body)
        struck = self._faults.for_call(signing_name, operation_of(about[0].service, request))
        await self._answer(struck, request, scope, receive, send)

    async def _answer(
        self, struck: FaultInForce | None, request: Request, scope: Any, receive: _Receive, send: _Send
    ) -> None:
        match struck.fault if struck else None:
            case AnswerLost():
                await self._aws(scope, receive, _losing(send, request.method))
            case CallFails() as fault:
                # The whole request first, so that the connection can be used again.
                await _read(receive)
                content_type, extra, content = _error(request, fault)
                sent = [(b"content-type", content_type), (b"content-length", str(len(content)).encode()), *extra]
                await send({"type": "http.response.start", "status": fault.status, "headers": sent})
                await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else content})
            case _:
                await self._aws(scope, receive, send)


async def _read(receive: _Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return body


def _again(body: bytes, receive: _Receive) -> _Receive:
    """A body that was read already, then whatever follows it."""
    left = [body]

    async def receive_again() -> _Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return receive_again


def _losing(send: _Send, method: str) -> _Send:
    """Promise an answer and never send it: the server then closes the connection."""

    async def send_nothing(message: _Message) -> None:
        if message["type"] != "http.response.start":
            return
        if method == "HEAD":
            # Its answer is over with the headers, so no connection can break in the middle of it.
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"65536")]})

    return send_nothing


def _losing_marked(send: _Send) -> _Send:
    lose = _losing(send, "POST")
    lost = False

    async def send_or_lose(message: _Message) -> None:
        nonlocal lost
        if message["type"] == "http.response.start":
            lost = any(name.lower() == LOSE_ANSWER.encode() for name, _ in message.get("headers", []))
        await (lose if lost else send)(message)

    return send_or_lose


def _error(request: Request, fault: CallFails) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """An error in the words of the protocol that the request speaks: content type, more headers, body."""
    kind = (b"x-amzn-errortype", fault.code.encode("latin-1", "replace"))
    plain = json.dumps({"__type": fault.code, "message": fault.message}).encode()
    if "x-amz-target" in request.headers:
        return b"application/x-amz-json-1.0", [kind], plain
    if request.headers.get("smithy-protocol", "").startswith("rpc-v2-cbor"):
        content = b"\xa2" + b"".join(map(_cbor_text, ("__type", fault.code, "message", fault.message)))
        return b"application/cbor", [(b"smithy-protocol", b"rpc-v2-cbor")], content
    code, text = html.escape(fault.code), html.escape(fault.message)
    number = uuid.uuid4()
    if request.is_form or "Action" in request.query:
        who = "Sender" if fault.status < 500 else "Receiver"
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
