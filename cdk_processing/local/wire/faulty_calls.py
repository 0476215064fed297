"""Faults in API calls over HTTP, no matter whether a test, a job or a Step Functions task makes them.

Faults strike SageMaker calls in ``sagemaker/service.py``, because Step Functions calls SageMaker without HTTP. For
SageMaker, this module only loses responses.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from cdk_processing.local.api_models.operations import Request, operation_of, signing_name_of
from cdk_processing.local.faults import AnswerLost, CallFails
from cdk_processing.local.injection import FaultInForce, Faults
from cdk_processing.local.wire.errors import error_answer
from cdk_processing.local.wire.messages import Application, Message, Receive, Send, answer, read_body, with_body

__all__ = ["LOSE_ANSWER", "FaultyCalls"]

# A service sets this header on a response that is to be lost.
LOSE_ANSWER = "x-cdk-processing-lose-answer"
_SAGEMAKER = "sagemaker"


class FaultyCalls:
    """An ASGI application that passes requests on to AWS, unless a fault strikes them."""

    def __init__(self, aws: Application, faults: Faults) -> None:
        self._aws = aws
        self._faults = faults

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
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
            body = await read_body(receive)
            receive = with_body(body, receive)
            request = Request(request.method, request.path, request.query, headers, body)
        struck = self._faults.for_call(signing_name, operation_of(about[0].service, request))
        await self._answer(struck, request, scope, receive, send)

    async def _answer(
        self, struck: FaultInForce | None, request: Request, scope: Any, receive: Receive, send: Send
    ) -> None:
        match struck.fault if struck else None:
            case AnswerLost():
                await self._aws(scope, receive, _losing(send, request.method))
            case CallFails() as fault:
                # Read the whole request first, so that the client can reuse the connection.
                await read_body(receive)
                kind, more, content = error_answer(request, fault.code, fault.message, fault.status)
                await answer(send, fault.status, b"" if request.method == "HEAD" else content, kind, *more)
            case _:
                await self._aws(scope, receive, send)


def _losing(send: Send, method: str) -> Send:
    """Announce a response body and never send it, so that the server closes the connection."""

    async def send_nothing(message: Message) -> None:
        if message["type"] != "http.response.start":
            return
        if method == "HEAD":
            # A response to HEAD has only headers, so the connection cannot break in the middle of it.
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"65536")]})

    return send_nothing


def _losing_marked(send: Send) -> Send:
    lose = _losing(send, "POST")
    lost = False

    async def send_or_lose(message: Message) -> None:
        nonlocal lost
        if message["type"] == "http.response.start":
            lost = any(name.lower() == LOSE_ANSWER.encode() for name, _ in message.get("headers", []))
        await (lose if lost else send)(message)

    return send_or_lose
