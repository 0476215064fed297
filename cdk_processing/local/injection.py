"""The injected faults, in the server: which one strikes, how often it has struck, and the events that it holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from cdk_processing.local import faults
from cdk_processing.local.api_models.operations import ApiCalls, calls_named

__all__ = ["FaultInForce", "Faults"]


class FaultInForce:
    """An injected fault and its record."""

    def __init__(self, number: int, fault: faults.Fault) -> None:
        self.number = number
        self.fault = fault
        # Refuses at once an API call that does not exist. Other faults have no call.
        action = getattr(fault, "action", None)
        self.calls: ApiCalls | None = calls_named(action) if action else None
        self.hits = 0
        self.removed = False
        self._lock = threading.Lock()
        self._held: list[Callable[[], object]] = []
        per_second = getattr(fault, "per_second", None)
        self._bucket = _TokenBucket(per_second) if per_second is not None else None

    def strike(self) -> bool:
        """Use up one hit; returns whether one was left."""
        with self._lock:
            if self.removed or (self.fault.times is not None and self.hits >= self.fault.times):
                return False
            if self._bucket is not None and self._bucket.take():
                return False
            self.hits += 1
            return True

    def hold(self, deliver: Callable[[], object]) -> None:
        """Hold a delivery until the fault is removed. If it was removed just now, deliver at once."""
        with self._lock:
            if not self.removed:
                self._held.append(deliver)
                return
        deliver()

    def remove(self, *, deliver: bool = True) -> None:
        """End the fault, and make the deliveries that it held, the newest first."""
        with self._lock:
            self.removed = True
            held, self._held = self._held, []
        if deliver:
            for made in reversed(held):
                made()

    def describe(self) -> dict[str, Any]:
        """The fault as JSON values."""
        return {"id": self.number, "hits": self.hits, "removed": self.removed, **self.fault.to_json()}


class Faults:
    """All faults of the embedded AWS, in the order of their injection. Any thread may use it."""

    def __init__(self) -> None:
        # Every call reads it without a lock, so it is replaced and never changed.
        self._in_force: tuple[FaultInForce, ...] = ()
        self._known: dict[int, FaultInForce] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether any fault is in force."""
        return bool(self._in_force)

    def inject(self, fault: faults.Fault) -> FaultInForce:
        """Inject a fault.

        Raises:
            ValueError: AWS has no such call.
        """
        with self._lock:
            entry = FaultInForce(len(self._known) + 1, fault)
            self._known[entry.number] = entry
            self._in_force = (*self._in_force, entry)
        return entry

    def get(self, number: int) -> FaultInForce:
        """A fault by its number, even if it was removed.

        Raises:
            ValueError: There is no fault of this number.
        """
        entry = self._known.get(number)
        if entry is None:
            raise ValueError(f"there is no fault {number}")
        return entry

    def all(self) -> list[FaultInForce]:
        """Every fault, removed ones too."""
        return list(self._known.values())

    def remove(self, number: int) -> FaultInForce:
        """End a fault. A fault that has ended stays as it is."""
        entry = self.get(number)
        with self._lock:
            self._in_force = tuple(other for other in self._in_force if other is not entry)
        entry.remove()
        return entry

    def clear(self, *, deliver: bool = True) -> None:
        """End all faults."""
        with self._lock:
            ended, self._in_force = self._in_force, ()
        for entry in ended:
            entry.remove(deliver=deliver)

    # -- which fault strikes

    def of_service(self, signing_name: str) -> list[ApiCalls]:
        """The calls of a service that have faults now."""
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
    """Admits a number of calls each second. After a pause it admits a burst of that many, at least one."""

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
