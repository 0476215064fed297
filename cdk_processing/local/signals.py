"""An event that calls back when it is set, so that a thread can wait for several events at once."""

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
        """Set the event, and run the callbacks."""
        with self._guard:
            super().set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_set(self, callback: Callable[[], object]) -> None:
        """Call back when the event is set, or at once if it is already set."""
        with self._guard:
            if not self.is_set():
                self._callbacks.append(callback)
                return
        callback()


def wait_for_any(*signals: Signal) -> None:
    """Wait, without polling, until one of the signals is set."""
    woken = threading.Event()
    for signal in signals:
        signal.on_set(woken.set)
    woken.wait()
