"""MiniStack as a whole: its application, its services, and the current account and region.

Modules for single services get MiniStack's internals by name, with
:func:`~cdk_processing.local.ministack.names.internal`.
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
    """The signature with which MiniStack calls a service."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> Awaitable[WireResponse]:
        """Answer one request."""


def application() -> Callable[..., Awaitable[None]]:
    """The ASGI application that serves every AWS API."""
    app: Callable[..., Awaitable[None]] = internal("ministack.app", "app")
    return app


def register_service(name: str, target_prefix: str, handler: WireHandler, on_reset: Callable[[], None]) -> None:
    """Serve a JSON-protocol service. Requests have valid credentials. The service itself must check permissions."""

    class _Module:
        """The interface that MiniStack expects of a service module."""

        reset = staticmethod(on_reset)

        @staticmethod
        def get_state() -> None:
            """Return no state, so that nothing is stored on disk."""

    internal("ministack.app", "SERVICE_REGISTRY")[name] = {"module": name}
    internal("ministack.app", "SERVICE_HANDLERS")[name] = handler
    internal("ministack.app", "_loaded_modules")[name] = _Module
    internal("ministack.core.router", "SERVICE_PATTERNS")[name] = {"target_prefixes": [target_prefix]}


def serve_instead(name: str, handler: WireHandler) -> None:
    """Serve a service in place of MiniStack's own. Permissions are already checked."""
    internal("ministack.app", "SERVICE_HANDLERS")[name] = handler


def main_loop_call(function: Callable[[], object]) -> None:
    """Run a function on the server's event loop, in the caller's account and region, without waiting for it.

    MiniStack's stores have no locks, so only the thread that serves requests may change them.
    """
    loop = internal("ministack.app", "_MAIN_LOOP")
    context = contextvars.copy_context()
    if loop is None or loop.is_closed():
        context.run(function)
    else:
        loop.call_soon_threadsafe(context.run, function)


def scope() -> tuple[str, str]:
    """Account and region of the current request or execution."""
    return (
        str(internal("ministack.core.responses", "get_account_id")()),
        str(internal("ministack.core.responses", "get_region")()),
    )


@contextlib.contextmanager
def request_scope(account_id: str, region: str) -> Iterator[None]:
    """Act for an account and region."""
    with internal("ministack.core.responses", "request_scope")(account_id, region):
        yield
