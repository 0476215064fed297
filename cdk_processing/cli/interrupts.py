"""Ctrl-C that Python would drop.

An exception in a callback has no caller that could take it: Python prints "Exception ignored in" and goes on. That is
so for KeyboardInterrupt too, and an import runs such callbacks.
Source: https://docs.python.org/3/library/sys.html#sys.unraisablehook
"""

from __future__ import annotations

import _thread
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["repeated_interrupts"]

# By then the callback has ended.
_SOON = 0.05


@contextmanager
def repeated_interrupts() -> Iterator[None]:
    """Raise a KeyboardInterrupt again that Python has dropped."""
    before = sys.unraisablehook

    def raise_again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            timer = threading.Timer(_SOON, _thread.interrupt_main)
            timer.daemon = True
            timer.start()
        else:
            before(unraisable)

    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = before
