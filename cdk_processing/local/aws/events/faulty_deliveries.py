"""Faults in EventBridge deliveries: EventBridge delivers an event twice, late, out of order or not at all.

A fault strikes a delivery, which is one event for one target of a rule. Events that match no rule are not affected.
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
    """Look for a fault before each delivery."""

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        # Forwarding an event to another bus is not a delivery yet.
        struck = None if not faults or ":event-bus/" in target.get("Arn", "") else faults.for_event(event.get("Source"))
        deliver = functools.partial(invoke, target, event, rule, view)
        if struck is None:
            deliver()
            return
        # A later delivery keeps the account and region, and runs on the event loop, as MiniStack's stores require.
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
