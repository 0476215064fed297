"""The faults in force, on the server's side: which one strikes, how often it has, and what it holds back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from cdk_processing.local import faults
from cdk_processing.local.api_models.operations import ApiCalls, calls_named

__all__ = ["FaultInForce", "Faults"]


class FaultInForce:
    """A fault that was injected, and what it has done."""

    def __init__(self, number: int, fault: faults.Fault) -> None:
        self.number = number
        self.fault = fault
        # A fault of API calls knows at once whether there is such a call; the others are of none.
        action = getattr(fault, "action", None)
        self.calls: ApiCalls | None = calls_named(action) if action else None
        self.hits = 0
        self.removed = False
        self._lock = threading.Lock()
        self._held: list[Callable[[], object]] = []
        per_second = getattr(fault, "per_second", None)
        self._bucket = _TokenBucket(per_second) if per_second is not None else None

    def strike(self) -> bool:
        """Use one of its hits up; says whether it had one left."""
        with self._lock:
            if self.removed or (self.fault.times is not None and self.hits >= self.fault.times):
                return False
            if self._bucket is not None and self._bucket.take():
                return False
            self.hits += 1
            return True

    def hold(self, deliver: Callable[[], object]) -> None:
        """Keep a delivery back until the fault is removed; it is made at once where it just was."""
        with self._lock:
            if not self.removed:
                self._held.append(deliver)
                return
        deliver()

    def remove(self, *, deliver: bool = True) -> None:
        """End it, and make the deliveries it held, the newest first."""
        with self._lock:
            self.removed = True
            held, self._held = self._held, []
        if deliver:
            for made in reversed(held):
                made()

    def describe(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return {"id": self.number, "hits": self.hits, "removed": self.removed, **self.fault.to_json()}


class Faults:
    """Every fault of the embedded AWS, in the order they were injected. Safe to use from any thread."""

    def __init__(self) -> None:
        # Read without a lock, at every call: so it is replaced, never changed.
        self._in_force: tuple[FaultInForce, ...] = ()
        self._known: dict[int, FaultInForce] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether any fault is in force."""
        return bool(self._in_force)

    def inject(self, fault: faults.Fault) -> FaultInForce:
        """Put a fault in force.

        Raises:
            ValueError: It is about a call that AWS does not have.
        """
        with self._lock:
            entry = FaultInForce(len(self._known) + 1, fault)
            self._known[entry.number] = entry
            self._in_force = (*self._in_force, entry)
        return entry

    def get(self, number: int) -> FaultInForce:
        """A fault by its number, also where it was removed.

        Raises:
            ValueError: There never was one.
        """
        entry = self._known.get(number)
        if entry is None:
            raise ValueError(f"there is no fault {number}")
        return entry

    def all(self) -> list[FaultInForce]:
        """Every fault, also those that were removed."""
        return list(self._known.values())

    def remove(self, number: int) -> FaultInForce:
        """End a fault; nothing happens where it has ended already."""
        entry = self.get(number)
        with self._lock:
            self._in_force = tuple(other for other in self._in_force if other is not entry)
        entry.remove()
        return entry

    def clear(self, *, deliver: bool = True) -> None:
        """End all of them."""
        with self._lock:
            ended, self._in_force = self._in_force, ()
        for entry in ended:
            entry.remove(deliver=deliver)

    # -- what the parts ask

    def of_service(self, signing_name: str) -> list[ApiCalls]:
        """The calls of a service that faults in force are about."""
        found = (entry.calls for entry in self._in_force if entry.calls is not None)
        return [calls for calls in found if calls.signing_name == signing_name]

    def for_call(self, signing_name: str, operation: str | None) -> FaultInForce | None:
        """The fault that strikes an API call."""
        return _first(
            entry
            for entry in self._in_force
            if entry.calls is not None and entry.calls.include(signing_name, operation)
        )

    def for_quota(self, instance_type: str | None) -> FaultInForce | None:
        """The fault that strikes a request for instances of a type."""
        return _first(
            entry
            for entry in self._in_force
            if isinstance(entry.fault, faults.QuotaExceeded) and entry.fault.instance_type == instance_type
        )

    def for_job(self, instance_type: str | None) -> FaultInForce | None:
        """The fault that strikes a job that was accepted."""
        return _first(
            entry
            for entry in self._in_force
            if isinstance(entry.fault, (faults.JobFails, faults.JobStuck))
            and entry.fault.instance_type in (None, instance_type)
        )

    def for_event(self, source: str | None) -> FaultInForce | None:
        """The fault that strikes the delivery of an event."""
        return _first(
            entry
            for entry in self._in_force
            if isinstance(entry.fault, faults.EventFault) and entry.fault.source in (None, source)
        )

    def for_schedule(self) -> FaultInForce | None:
        """The fault that strikes an occurrence of a schedule."""
        return _first(entry for entry in self._in_force if isinstance(entry.fault, faults.SchedulesRepeated))


def _first(fitting: Iterable[FaultInForce]) -> FaultInForce | None:
    return next((entry for entry in fitting if entry.strike()), None)


class _TokenBucket:
    """Admits so many calls a second; a pause saves up for a burst of as many, of one at least."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._tokens = self._most
        self._filled = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
