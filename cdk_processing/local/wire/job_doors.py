"""A door for each job that has a network: an endpoint on loopback that accepts only the job's own credentials.

A job reaches the embedded AWS over loopback, the host's or that of the job's own network. The endpoint refuses all
other credentials that a script finds or guesses, even the root's. Credentials that the job gets from STS with its own
count as its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from cdk_processing.local.api_models.operations import Request
from cdk_processing.local.job_runner import Listeners
from cdk_processing.local.ministack import internal, main_loop_call
from cdk_processing.local.wire.aws_names import AwsNames
from cdk_processing.local.wire.errors import error_answer
from cdk_processing.local.wire.messages import Application, Message, Receive, Send, answer

__all__ = ["JobDoor", "JobDoors"]

logger = logging.getLogger(__name__)

# The access key of the current request. Below: the access key with which each session was requested.
_entered_with: contextvars.ContextVar[str | None] = contextvars.ContextVar("entered_with", default=None)
_issued_by: dict[str, str] = {}


class JobDoor:
    """An open door.

    Attributes:
        url: The URL on which it listens.
        names: Where AWS's own host names lead on the host; None if this user may not listen on the ports that it takes.
    """

    def __init__(self, application: Application, access_key: str) -> None:
        self._application = application
        self._own = access_key
        self._ended = asyncio.Event()
        self._serving: list[asyncio.Task[None]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.names = AwsNames.listen()
        self._all_names = [] if self.names is None else [self.names]

    def open(self) -> None:
        """Accept requests. They wait until the server's event loop handles them."""
        main_loop_call(partial(self._serve, self._listener, self.names))

    def serve_in(self, network: Listeners) -> AwsNames:
        """Accept requests in the job's own network, too. Returns where AWS's own host names lead in it."""
        names = AwsNames(network.address, network.questions.dup(), network.tls.dup())
        self._all_names.append(names)
        main_loop_call(partial(self._serve, network.endpoint.dup(), names))
        return names

    def close(self) -> None:
        """Accept no more requests."""
        main_loop_call(self._end)

    def _serve(self, listener: socket.socket, names: AwsNames | None) -> None:
        self._serving.append(asyncio.get_running_loop().create_task(self._serve_both(listener, names)))

    async def _serve_both(self, listener: socket.socket, names: AwsNames | None) -> None:
        """Serve the door and, with TLS, AWS's names."""
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        class WithTls(Config):
            ssl_enabled = True

            def create_ssl_context(self) -> ssl.SSLContext:
                return AwsNames.tls()

        door = f"fd://{listener.detach()}"
        if names is None:
            config = Config()
            config.bind = [door]
        else:
            config = WithTls()
            config.bind, config.insecure_bind = [f"fd://{names.listener.detach()}"], [door]
            await names.answer_questions()
        config.loglevel = "WARNING"
        config.graceful_timeout = 0.1
        application: Any = self._answer
        await serve(application, config, shutdown_trigger=self._ended.wait)

    def _end(self) -> None:
        self._ended.set()
        for names in self._all_names:
            names.close()
        for key, by in list(_issued_by.items()):
            if self._is_own(by):
                del _issued_by[key]
        internal("ministack.services.sts", "_sessions").pop(self._own, None)

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        key = str(internal("ministack.core.router", "extract_access_key_id")(headers, query))
        if self._is_own(key) and not scope["path"].startswith("/_"):
            _entered_with.set(key)
            await self._application(scope, receive, send)
            return
        request = Request(scope["method"], scope["raw_path"].decode("latin-1"), query, headers)
        message = "This endpoint of the embedded AWS takes the credentials of one processing job, and no others."
        kind, more, content = error_answer(request, "UnrecognizedClientException", message, 403)
        await answer(send, 403, b"" if request.method == "HEAD" else content, kind, *more)

    def _is_own(self, key: str) -> bool:
        while key != self._own and key in _issued_by:
            key = _issued_by[key]
        return key == self._own


class JobDoors:
    """Opens doors to an application, which is set once the server is assembled."""

    def __init__(self) -> None:
        self.application: Application | None = None

    def open(self, access_key: str) -> JobDoor:
        """Open a door for a job's access key."""
        if self.application is None:
            raise RuntimeError("the server is not put together yet")
        door = JobDoor(self.application, access_key)
        door.open()
        return door

    @staticmethod
    def note_issuer(register: Callable[..., None]) -> Callable[..., None]:
        """Remember which of a job's credentials requested new ones."""

        def register_session(access_key: str, session: dict[str, Any]) -> None:
            by = _entered_with.get()
            if by is not None:
                _issued_by[access_key] = by
            register(access_key, session)

        return register_session


async def _live(receive: Receive, send: Send) -> None:
    """Confirm startup and shutdown and do nothing: the application behind the door is already running."""
    while True:
        message: Message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
