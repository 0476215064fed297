"""Faults of what EventBridge delivers: an event twice, late, out of order or not at all.

They strike a delivery, that is one event on its way to one target of a rule, and leave alone what no rule waits for.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.faults import EventsDelayed, EventsHeld, EventsLost, EventsRepeated
from cdk_processing.local.injection import Faults

__all__ = ["struck_by"]


def struck_by(faults: Faults, invoke: Callable[..., None]) -> Callable[..., None]:
    """Ask for a fault before each delivery."""

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        # An event on its way to another bus is not delivered yet.
        struck = None if not faults or ":event-bus/" in target.get("Arn", "") else faults.for_event(event.get("Source"))
        deliver = functools.partial(invoke, target, event, rule, view)
        if struck is None:
            deliver()
            return
        # Later on: for this account and region, and on the thread that MiniStack's stores belong to.
        later = functools.partial(contextvars.copy_context().run, ministack.main_loop_call, deliver)
        match struck.fault:
            case EventsRepeated(copies=copies):
                for _ in range(copies):
                    deliver()
            case EventsDelayed(seconds=seconds):
                timer = threading.Timer(seconds, later)
                timer.daemon = True
                timer.start()
            case EventsHeld():
                struck.hold(later)
            case EventsLost():
                pass

    return invoke_target
