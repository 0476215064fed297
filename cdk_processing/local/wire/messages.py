"""The ASGI messages of a request and its response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Application", "Message", "Receive", "Send", "answer", "read_body", "with_body"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]


async def answer(
    send: Send, status: int, content: bytes, content_type: bytes = b"application/json", *more: tuple[bytes, bytes]
) -> None:
    """Send a whole response."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(content)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def read_body(receive: Receive) -> bytes:
    """Read the rest of a request's body."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)


def with_body(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was already read, then the messages that follow it."""
    left = [body]

    async def receive_again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return receive_again
