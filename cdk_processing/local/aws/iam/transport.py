"""Requests over loopback satisfy policies that require TLS, because nobody can read them on the way."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

__all__ = ["always_secure", "secure_by_default"]


def always_secure(pin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    """Mark each request as sent over TLS."""
    return lambda source_ip, _secure_transport: pin(source_ip, True)


def secure_by_default(origin: contextvars.ContextVar[tuple[str, bool]]) -> contextvars.ContextVar[tuple[str, bool]]:
    """Mark calls outside any request as sent over TLS, such as those of a thread that ends a job."""
    return contextvars.ContextVar(origin.name, default=("127.0.0.1", True))
