"""Checks every request first: it must have a loopback host, a valid signature, and a service that is served.

A web page that is open on the same machine can send requests to loopback ports. But it cannot sign them, and no
response lets it read across origins. If an attacker's domain name points here, the browser sends that name as ``Host``,
and the request is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cdk_processing.local.api_models.operations import Request, signing_name_of
from cdk_processing.local.ministack import internal
from cdk_processing.local.server_secrets import ServerSecrets
from cdk_processing.local.wire.aws_names import AWS_NAME
from cdk_processing.local.wire.chunk_signatures import ChunkSignatures, WrongChunkError
from cdk_processing.local.wire.errors import error_answer
from cdk_processing.local.wire.messages import Application, Message, Receive, Send, answer, read_body, with_body
from cdk_processing.local.wire.served import SERVICES
from cdk_processing.local.wire.signatures import MISMATCH, Failure, SentRequest, chunk_signatures_of, failure_of

__all__ = ["ADMIN_PREFIX", "Guard"]

ADMIN_PREFIX = "/_cdk_processing/"
_LOOPBACK = re.compile(r"(127\.0\.0\.1|\[::1\]|([a-z0-9][a-z0-9.-]*\.)?localhost)(:\d+)?", re.IGNORECASE)
_HASHED_AT_ONCE = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Guard:
    """An ASGI application that passes on the requests it accepts.

    Args:
        aws: Serves AWS's APIs.
        admin: Serves the admin door.
        registry: The registry to which Docker pushes images. It requires its own token.
        secrets: This start's secrets.
        allowed_origins: Origins of web pages that may read responses, such as ``http://localhost:3000``. They too must
            sign their requests.
    """

    def __init__(
        self,
        aws: Application,
        admin: Application,
        registry: Application,
        secrets: ServerSecrets,
        allowed_origins: Collection[str] = (),
    ) -> None:
        self._aws = aws
        self._admin = admin
        self._registry = registry
        self._bearer = f"Bearer {secrets.admin}".encode()
        self._allowed_origins = frozenset(allowed_origins)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._aws(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            # No AWS API that is served here uses web sockets.
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        headers = _headers_of(scope)
        origin = headers.get("origin")
        allowed = origin if origin in self._allowed_origins else None
        send = _with_own_cors(send, allowed)
        refusal = self._place_refusal(scope["scheme"], headers, origin, allowed)
        if refusal is not None:
            await answer(send, 403, json.dumps({"error": refusal}).encode())
        elif scope["method"] == "OPTIONS":
            # A preflight request has no signature. The CORS headers, if any, are the whole response.
            await send({"type": "http.response.start", "status": 204 if allowed else 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["path"].startswith(ADMIN_PREFIX):
            await self._answer_admin(scope, headers, receive, send)
        elif scope["path"] == "/v2" or scope["path"].startswith("/v2/"):
            # Docker sends an ECR token instead of a signature.
            await self._registry(scope, receive, send)
        elif scope["path"].startswith("/_"):
            await answer(send, 404, b'{"error": "there is nothing here"}')
        else:
            await self._answer_signed(scope, headers, receive, send)

    @staticmethod
    def _place_refusal(scheme: str, headers: Mapping[str, str], origin: str | None, allowed: str | None) -> str | None:
        host = headers.get("host", "")
        # Only the doors of jobs serve TLS, under AWS's names and with a certificate that only the jobs trust.
        if scheme == "https" and AWS_NAME.fullmatch(host) and origin is None:
            return None
        if not _LOOPBACK.fullmatch(host):
            return f"the Host header must be 127.0.0.1 or localhost, got {host!r}"
        if origin is None or allowed is not None:
            return None
        try:
            parts = urlsplit(origin)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not _LOOPBACK.fullmatch(parts.netloc):
            return f"requests of web pages of {origin!r} are refused; allow the origin when you start the embedded AWS"
        return None

    async def _answer_admin(self, scope: Any, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        if hmac.compare_digest(headers.get("authorization", "").encode(), self._bearer):
            await self._admin(scope, receive, send)
        else:
            await answer(send, 403, b'{"error": "this door needs the secret of whoever started the embedded AWS"}')

    async def _answer_signed(self, scope: Any, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1")
        parsed = parse_qs(query, keep_blank_values=True)
        sent = SentRequest(scope["method"], path, parsed, headers, bucket=_bucket_of(headers["host"]))
        if sent.needs_body:
            body = await read_body(receive)
            receive = with_body(body, receive)
            sent = replace(sent, body=body)
        service = signing_name_of(headers, query)
        request = Request(scope["method"], path, parsed, headers, sent.body)
        failure = failure_of(sent)
        if service is None:
            await _refuse_unsigned(request, send)
            return
        if failure is None and service not in SERVICES:
            await _refuse_service(request, service, send)
            return
        if failure is None:
            if sent.has_signed_chunks:
                receive = _held_to_chunks(chunk_signatures_of(sent), receive)
            else:
                receive = _held_to_digest(headers, receive)
            try:
                await self._aws(scope, receive, send)
                return
            except _BodyDiffersError:
                failure = Failure(
                    "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match the body."
                )
            except WrongChunkError:
                failure = Failure("SignatureDoesNotMatch", MISMATCH)
        await _refuse(failure, service, headers, send, scope["method"])


class _BodyDiffersError(Exception):
    """The body differs from the signed one."""


def _held_to_digest(headers: Mapping[str, str], receive: Receive) -> Receive:
    """Receive the body and check it against the signed digest. If it differs, receiving the last part fails."""
    digest = headers.get("x-amz-content-sha256", "")
    if not _DIGEST.fullmatch(digest):
        return receive
    found = hashlib.sha256()

    async def receive_and_check() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            part = message.get("body", b"")
            if len(part) > _HASHED_AT_ONCE:
                await asyncio.to_thread(found.update, part)
            else:
                found.update(part)
            if not message.get("more_body", False) and not hmac.compare_digest(found.hexdigest(), digest):
                raise _BodyDiffersError
        return message

    return receive_and_check


def _held_to_chunks(chunks: ChunkSignatures, receive: Receive) -> Receive:
    """Receive the body and check the signatures of its chunks. If one is wrong, receiving it fails."""

    async def receive_and_check() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            chunks.feed(message.get("body", b""))
            if not message.get("more_body", False):
                chunks.end()
        return message

    return receive_and_check


def _headers_of(scope: Any) -> dict[str, str]:
    """The request's headers. Repeated headers are joined as in signatures."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), _text(value)
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _with_own_cors(send: Send, allowed: str | None) -> Send:
    """Remove every CORS header from a response, and add those for an allowed origin."""
    own = []
    if allowed is not None:
        own = [
            (b"access-control-allow-origin", allowed.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE"),
            (b"access-control-allow-headers", b"*, authorization"),
            (b"access-control-expose-headers", b"*"),
            (b"vary", b"origin"),
        ]

    async def send_without_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [item for item in message.get("headers", []) if not item[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": [*kept, *own]}
        await send(message)

    return send_without_cors


def _bucket_of(host: str) -> str | None:
    bucket: str | None = internal("ministack.app", "_extract_s3_vhost_bucket")(host)
    return bucket


async def _refuse(failure: Failure, service: str, headers: Mapping[str, str], send: Send, method: str) -> None:
    render = internal("ministack.app", "_credential_failure")
    status, more, content = render(service, "", str(uuid.uuid4()), failure, headers)
    more = {name.lower(): value for name, value in more.items()}
    kind = more.pop("content-type", "application/json").encode("latin-1")
    more.pop("content-length", None)
    extra = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in more.items()]
    await answer(send, status, b"" if method == "HEAD" else content, kind, *extra)


async def _refuse_unsigned(request: Request, send: Send) -> None:
    """Send S3's error, or the error of other services if the request looks like one for another service."""
    of_another = "x-amz-target" in request.headers or request.is_form or "smithy-protocol" in request.headers
    code, message = ("MissingAuthenticationToken", "Missing Authentication Token")
    if not of_another:
        code, message = ("AccessDenied", "Access Denied")
    kind, more, content = error_answer(request, code, message, 403)
    await answer(send, 403, b"" if request.method == "HEAD" else content, kind, *more)


async def _refuse_service(request: Request, service: str, send: Send) -> None:
    message = f"The embedded AWS does not serve {service!r}. It serves what processing stacks need: " + ", ".join(
        sorted(SERVICES)
    )
    kind, more, content = error_answer(request, "UnsupportedOperation", message, 400)
    await answer(send, 400, b"" if request.method == "HEAD" else content, kind, *more)
