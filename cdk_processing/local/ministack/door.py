"""MiniStack as a whole: its application, its services, and the account and region that it acts for.

What single services need of it they ask for by name, with :func:`~cdk_processing.local.ministack.names.internal`.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol

from cdk_processing.local.ministack.names import internal

__all__ = [
    "WireHandler",
    "WireResponse",
    "application",
    "main_loop_call",
    "register_service",
    "request_scope",
    "scope",
    "serve_instead",
]

WireResponse = tuple[int, dict[str, str], bytes]


class WireHandler(Protocol):
    """A service as MiniStack calls it."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> Awaitable[WireResponse]:
        """Answer one request."""


def application() -> Callable[..., Awaitable[None]]:
    """The ASGI application that serves every AWS API."""
    app: Callable[..., Awaitable[None]] = internal("ministack.app", "app")
    return app


def register_service(name: str, target_prefix: str, handler: WireHandler, on_reset: Callable[[], None]) -> None:
    """Serve a JSON-protocol service. Its requests arrive with credentials checked; permissions are its own to check."""

    class _Module:
        """What MiniStack expects of a service module."""

        reset = staticmethod(on_reset)

        @staticmethod
        def get_state() -> None:
            """Nothing is kept on disk."""

    internal("ministack.app", "SERVICE_REGISTRY")[name] = {"module": name}
    internal("ministack.app", "SERVICE_HANDLERS")[name] = handler
    internal("ministack.app", "_loaded_modules")[name] = _Module
    internal("ministack.core.router", "SERVICE_PATTERNS")[name] = {"target_prefixes": [target_prefix]}


def serve_instead(name: str, handler: WireHandler) -> None:
    """Answer the requests of a service that MiniStack has, permissions checked, in MiniStack's place."""
    internal("ministack.app", "SERVICE_HANDLERS")[name] = handler


def main_loop_call(function: Callable[[], object]) -> None:
    """Run something on the server's event loop, in the caller's account and region, without waiting for it.

    MiniStack's stores are not locked: what changes them belongs on the one thread that serves requests.
    """
    loop = internal("ministack.app", "_MAIN_LOOP")
    context = contextvars.copy_context()
    if loop is None or loop.is_closed():
        context.run(function)
    else:
        loop.call_soon_threadsafe(context.run, function)


def scope() -> tuple[str, str]:
    """Account and region of the request (or execution) at hand."""
    return (
        str(internal("ministack.core.responses", "get_account_id")()),
        str(internal("ministack.core.responses", "get_region")()),
    )


@contextlib.contextmanager
def request_scope(account_id: str, region: str) -> Iterator[None]:
    """Act for an account and region."""
    with internal("ministack.core.responses", "request_scope")(account_id, region):
        yield
