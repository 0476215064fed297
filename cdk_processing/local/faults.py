"""Faults that a test can inject into the embedded AWS.

    with local_aws.inject(faults.throttling(times=3)) as throttled:
        ...
    assert throttled.hits == 3

Each function below returns a fault. It does nothing until a test injects it. ``times`` is how often it strikes; left
out, it strikes until it is removed. If several faults match, the one that was injected first strikes.

The server keeps the injected faults in ``injection.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

__all__ = [
    "AnswerLost",
    "CallFails",
    "EventsDelayed",
    "EventsHeld",
    "EventsLost",
    "EventsRepeated",
    "Fault",
    "InjectedFault",
    "JobFails",
    "JobStuck",
    "QuotaExceeded",
    "SchedulesRepeated",
    "answer_lost",
    "call_fails",
    "events_delayed",
    "events_held",
    "events_lost",
    "events_repeated",
    "fault_from_json",
    "job_fails",
    "job_stuck",
    "no_capacity",
    "quota_exceeded",
    "schedules_repeated",
    "throttling",
    "unreachable",
]

CREATE = "sagemaker:CreateProcessingJob"
_ACTION = re.compile(r"[a-z][a-z0-9-]*:(\*|[A-Z][A-Za-z0-9]*)")
_SERVICE = re.compile(r"[a-z][a-z0-9-]*")
_INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        times: How often it strikes, 1 or more; None means until it is removed.
    """

    times: int | None = None

    def __post_init__(self) -> None:
        """Check every field, in the order of their names."""
        for name, value in sorted(asdict(self).items()):
            problem = _problem(name, value)
            if problem:
                raise ValueError(f"{name} must be {problem}, got {value!r} for {type(self).__name__}")

    def to_json(self) -> dict[str, Any]:
        """The fault as JSON values, for the server."""
        return {"fault": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class CallFails(Fault):
    """An API call that fails with an error. With ``per_second``, only calls beyond that rate fail."""

    action: str = CREATE
    code: str = "ThrottlingException"
    message: str = "Rate exceeded"
    status: int = 400
    per_second: float | None = None


@dataclass(frozen=True)
class AnswerLost(Fault):
    """An API call that succeeds, but its answer is lost."""

    action: str = CREATE
    retried: bool = False


@dataclass(frozen=True)
class QuotaExceeded(Fault):
    """An instance quota that is used up."""

    instance_type: str = "ml.m5.xlarge"
    limit: int = 20
    requested: int | None = None


@dataclass(frozen=True)
class JobFails(Fault):
    """A job that is accepted and fails before its container starts. With a type, only on that type."""

    reason: str = ""
    instance_type: str | None = None


@dataclass(frozen=True)
class JobStuck(Fault):
    """A job that is accepted and never starts."""

    instance_type: str | None = None


@dataclass(frozen=True)
class EventFault(Fault):
    """A fault in the deliveries of EventBridge. With a source, only in those of its events."""

    source: str | None = None


@dataclass(frozen=True)
class EventsRepeated(EventFault):
    """An event that is delivered several times."""

    copies: int = 2


@dataclass(frozen=True)
class EventsDelayed(EventFault):
    """An event that is delivered late."""

    seconds: float = 1.0


@dataclass(frozen=True)
class EventsLost(EventFault):
    """An event that is not delivered."""


@dataclass(frozen=True)
class EventsHeld(EventFault):
    """An event that is held until the fault is removed."""


@dataclass(frozen=True)
class SchedulesRepeated(Fault):
    """A schedule's occurrence that is delivered several times."""

    copies: int = 2


def throttling(action: str = CREATE, *, times: int | None = None, per_second: float | None = None) -> CallFails:
    """Calls fail with ``ThrottlingException: Rate exceeded``, status 400.

    Args:
        action: The call, as ``service:Operation``.
        times: How many calls fail; left out, all until the fault is removed.
        per_second: How many calls succeed each second, in bursts of that many, at least one; left out, none.
    """
    return CallFails(times, action, "ThrottlingException", "Rate exceeded", 400, per_second)


def call_fails(action: str, code: str, message: str = "", *, status: int = 400, times: int | None = None) -> CallFails:
    """Calls fail with an error.

    Args:
        action: The call, as ``service:Operation`` in the API's names: ``sqs:SendMessage``, ``dynamodb:UpdateItem``.
            ``s3:*`` means every call of the service.
        code: The error's code, as the API writes it: ``AccessDenied``, ``SlowDown``.
        message: The error's text.
        status: HTTP status, 400 to 599. An SDK repeats calls that fail with 500, 502, 503 or 504 by itself.
        times: How many calls fail; left out, all until the fault is removed.
    """
    return CallFails(times, action, code, message, status)


def unreachable(service: str, *, times: int | None = None) -> CallFails:
    """Every call of a service fails with ``ServiceUnavailable``, status 503."""
    if not isinstance(service, str) or not _SERVICE.fullmatch(service):
        raise ValueError(f"service must be a service's name such as 'sqs', got {service!r}")
    message = "The service is unavailable. Please try again."
    return CallFails(times, f"{service}:*", "ServiceUnavailable", message, 503)


def answer_lost(action: str = CREATE, *, times: int | None = 1, retried: bool = False) -> AnswerLost:
    """Calls succeed, but their answers are lost: the connection breaks.

    An SDK then repeats the call, so boto3's ``create_processing_job`` fails with ``ResourceInUse``. The Step Functions
    task ``createProcessingJob`` fails with ``SageMaker.SdkClientException``.

    Args:
        action: The call, as ``service:Operation``.
        times: How many answers are lost; None for all until the fault is removed.
        retried: Whether the SDK inside Step Functions repeats the call before the task sees an error. AWS does not
            document whether it does, so test both.
    """
    return AnswerLost(times, action, retried)


def quota_exceeded(
    instance_type: str = "ml.m5.xlarge", *, limit: int = 20, requested: int | None = None, times: int | None = None
) -> QuotaExceeded:
    """CreateProcessingJob fails with ``ResourceLimitExceeded`` for jobs on an instance type.

    Args:
        instance_type: The type whose quota is used up.
        limit: The account's quota, all of it in use; 0 for an account without a quota.
        requested: The number of requested instances in the message; left out, the request's own.
        times: How many requests fail; left out, all until the fault is removed.
    """
    return QuotaExceeded(times, instance_type, limit, requested)


def no_capacity(instance_type: str | None = None, *, times: int | None = None) -> JobFails:
    """Jobs are accepted and fail with ``CapacityError``, before their container starts.

    Args:
        instance_type: The type without capacity; left out, every type.
        times: How many jobs fail; left out, all until the fault is removed.
    """
    reason = "Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
    return JobFails(times, f"CapacityError: {reason}", instance_type)


def job_fails(
    reason: str = "InternalServerError: We encountered an internal error. Please try again.",
    *,
    times: int | None = None,
) -> JobFails:
    """Jobs are accepted and fail with a reason, before their container starts."""
    return JobFails(times, reason)


def job_stuck(*, times: int | None = None) -> JobStuck:
    """Jobs are accepted and stay ``InProgress`` without starting. Only StopProcessingJob ends them."""
    return JobStuck(times)


def events_repeated(copies: int = 2, *, source: str | None = None, times: int | None = None) -> EventsRepeated:
    """EventBridge delivers an event several times, with the same id.

    Args:
        copies: The number of deliveries, 2 or more.
        source: The source of the events, such as ``aws.s3``; left out, all.
        times: How many deliveries (of one event to one target) it affects; left out, all until it is removed.
    """
    return EventsRepeated(times, source, copies)


def events_delayed(seconds: float, *, source: str | None = None, times: int | None = None) -> EventsDelayed:
    """EventBridge delivers an event some seconds late, even if the fault is removed meanwhile."""
    return EventsDelayed(times, source, seconds)


def events_lost(*, source: str | None = None, times: int | None = None) -> EventsLost:
    """EventBridge never delivers an event."""
    return EventsLost(times, source)


def events_held(*, source: str | None = None, times: int | None = None) -> EventsHeld:
    """EventBridge holds events until the fault is removed, and then delivers the newest first."""
    return EventsHeld(times, source)


def schedules_repeated(copies: int = 2, *, times: int | None = None) -> SchedulesRepeated:
    """EventBridge Scheduler delivers an occurrence several times: one scheduled time, different execution ids."""
    return SchedulesRepeated(times, copies)


class InjectedFault:
    """An injected fault; a context manager that removes it at the end.

    Args:
        fault: The fault.
        number: Its number on the server.
        ask: Calls an endpoint of the server: method and path.
    """

    def __init__(self, fault: Fault, number: int, ask: Callable[[str, str], Mapping[str, Any]]) -> None:
        self.fault = fault
        self._path = f"faults/{number}"
        self._ask = ask

    @property
    def hits(self) -> int:
        """How often the fault has struck so far. It can be read after the fault is removed too."""
        return int(self._ask("GET", self._path)["hits"])

    def remove(self) -> None:
        """End the fault. EventBridge then delivers the events that it held. A second call does nothing."""
        self._ask("DELETE", self._path)

    def __enter__(self) -> InjectedFault:
        """The fault, which is already injected."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove it."""
        self.remove()

    def __repr__(self) -> str:
        """The fault and its number."""
        return f"InjectedFault({self.fault!r}, {self._path!r})"


_KINDS: dict[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (
        CallFails,
        AnswerLost,
        QuotaExceeded,
        JobFails,
        JobStuck,
        EventsRepeated,
        EventsDelayed,
        EventsLost,
        EventsHeld,
        SchedulesRepeated,
    )
}


def fault_from_json(data: Mapping[str, Any]) -> Fault:
    """Read the fault that :meth:`Fault.to_json` wrote.

    Raises:
        ValueError: There is no such fault, or one of its fields is wrong.
    """
    fields = dict(data)
    name = fields.pop("fault", None)
    kind = _KINDS.get(str(name))
    if kind is None:
        raise ValueError(f"fault must be one of {', '.join(_KINDS)}, got {name!r}")
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None


def _problem(name: str, value: Any) -> str | None:
    """What a field must be, if its value is wrong."""
    match name:
        case "times":
            right = value is None or _whole(value, 1)
            return None if right else "1 or more, or None for until it is removed"
        case "action":
            right = isinstance(value, str) and _ACTION.fullmatch(value) is not None
            return None if right else "'service:Operation', such as 'sqs:SendMessage' or 's3:*'"
        case "code" | "reason":
            return None if isinstance(value, str) and value.strip() else "a text that is not empty"
        case "status":
            return None if _whole(value, 400) and value <= 599 else "an HTTP status from 400 to 599"
        case "per_second":
            return None if value is None or _positive(value) else "a number above 0, or None"
        case "seconds":
            return None if _positive(value) else "a number of seconds above 0"
        case "copies":
            return None if _whole(value, 2) else "2 or more"
        case "limit":
            return None if _whole(value, 0) else "0 or more"
        case "requested":
            return None if value is None or _whole(value, 1) else "1 or more, or None for what the request asks for"
        case "source":
            right = value is None or (isinstance(value, str) and bool(value))
            return None if right else "an event's source such as 'aws.s3', or None for all"
        case "instance_type":
            right = value is None or (isinstance(value, str) and _INSTANCE_TYPE.fullmatch(value) is not None)
            return None if right else "an instance type such as 'ml.m5.xlarge'"
    return None


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
