"""An event that can be waited for together with others: it calls back when it is set."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Signal", "wait_for_any"]


class Signal(threading.Event):
    """A :class:`threading.Event` that also calls back."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[Callable[[], object]] = []
        self._guard = threading.Lock()

    def set(self) -> None:
        """Set it, and call back who asked."""
        with self._guard:
            super().set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_set(self, callback: Callable[[], object]) -> None:
        """Call back once it is set; at once where it is."""
        with self._guard:
            if not self.is_set():
                self._callbacks.append(callback)
                return
        callback()


def wait_for_any(*signals: Signal) -> None:
    """Wait, without polling, until one of them is set."""
    woken = threading.Event()
    for signal in signals:
        signal.on_set(woken.set)
    woken.wait()
