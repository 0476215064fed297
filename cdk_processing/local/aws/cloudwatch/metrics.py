"""The metrics that Step Functions, EventBridge and SQS publish, recorded as they happen.

MiniStack stores metrics and answers queries, but records none of these services. ``alarms.py`` watches them.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cdk_processing.local import ministack

__all__ = ["Metric", "Metrics"]

_CLOUDWATCH = "ministack.services.cloudwatch"
_EVENTS = "ministack.services.eventbridge"
_QUEUES = "ministack.services.sqs"
_STATES = "ministack.services.stepfunctions"

# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
_EXECUTIONS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
_VISIBLE = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
_OF_MESSAGES = ("Message", "Queue")  # in the names of the actions that can change a queue's depth
_DISPATCHERS = (
    "_dispatch_to_event_bus",
    "_dispatch_to_lambda",
    "_dispatch_to_sns",
    "_dispatch_to_sqs",
    "_dispatch_to_stepfunctions",
)
# Datapoints that arrive within these seconds are counted together, and the alarms are evaluated once for them: soon
# after a quiet time, seldom in a burst.
_GATHER = 0.02
_GATHER_IN_A_BURST = 0.25
# Equal values of one metric within these seconds make one datapoint.
_RESOLUTION = 1.0

_delivered: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("delivered", default=None)


class Metric(NamedTuple):
    """A metric of an account and region.

    Attributes:
        account: The account.
        region: The region.
        namespace: ``AWS/States``.
        name: ``ExecutionsFailed``.
        dimensions: Pairs of name and value, sorted.
    """

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def here(cls, namespace: str, name: str, dimensions: Iterable[tuple[str, str]] | Mapping[str, str]) -> Metric:
        """A metric of the current account and region."""
        pairs = dimensions.items() if isinstance(dimensions, Mapping) else dimensions
        return cls(*ministack.scope(), namespace, name, tuple(sorted(pairs)))


class Metrics:
    """Gathers datapoints from any thread, and stores them on the one that serves requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[tuple[Metric, float, str]] = Counter()
        self._changed: set[Metric] = set()
        self._queues: set[tuple[str, str, str]] = set()
        self._due = False
        self._stored = 0.0
        self._observers: list[Callable[[set[Metric]], None]] = []

    def observe(self, observer: Callable[[set[Metric]], None]) -> None:
        """Add an observer. The thread that serves requests calls it with the metrics that have new datapoints."""
        self._observers.append(observer)

    # -- writing

    def count(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> None:
        """Count one event of a metric. Any thread may call it, and it returns at once."""
        self._add(Metric.here(namespace, name, dimensions), 1.0, "Count")

    def record(
        self, namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: Any = None
    ) -> None:
        """Add a datapoint that another part of MiniStack records."""
        self._add(Metric.here(namespace, metric_name, dimensions or {}), float(value), unit)

    def _add(self, metric: Metric, value: float, unit: str) -> None:
        with self._lock:
            self._counted[metric, value, unit] += 1
        self._store_soon()

    def _notice_queue(self, queue: str) -> None:
        with self._lock:
            self._queues.add((*ministack.scope(), queue))
        self._store_soon()

    def _store_soon(self) -> None:
        with self._lock:
            due, self._due = self._due, True
        if not due:
            ministack.main_loop_call(self._wait_and_store)

    def _wait_and_store(self) -> None:
        try:
            quiet = time.monotonic() - self._stored > _GATHER_IN_A_BURST
            asyncio.get_running_loop().call_later(_GATHER if quiet else _GATHER_IN_A_BURST, self.store)
        except RuntimeError:  # no server runs
            self.store()

    def store(self) -> None:
        """Store the gathered datapoints and call the observers, on the thread that serves requests."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
            changed, self._changed = self._changed, set()
            queues, self._queues = self._queues, set()
            self._due = False
        self._stored = time.monotonic()
        for (metric, value, unit), count in counted.items():
            _append(metric, value, unit, count)
            changed.add(metric)
        for account, region, queue in queues:
            with ministack.request_scope(account, region):
                changed.update(_sample_queue(queue))
        if changed:
            for observer in self._observers:
                observer(changed)

    # -- reading

    @staticmethod
    def refresh(metric: Metric) -> None:
        """Take a sample if AWS samples this metric, on the thread that serves requests."""
        if (metric.namespace, metric.name) == _VISIBLE:
            with ministack.request_scope(metric.account, metric.region):
                _sample_queue(dict(metric.dimensions).get("QueueName", ""))

    @staticmethod
    def periods(metric: Metric, now: float, period: int, number: int, unit: str | None) -> list[list[Any]]:
        """The datapoints of the last periods, the newest first, on the thread that serves requests.

        A queue's depth has a datapoint in every period since the first one: SQS reports it each minute.
        """
        found: list[list[Any]] = [[] for _ in range(number)]
        with ministack.request_scope(metric.account, metric.region):
            points = _points(metric)
        if unit:
            points = [point for point in points if point["Unit"] == unit]
        before: Any = None
        for point in points:
            age = now - point["Timestamp"]
            if age < 0:
                continue
            if age < period * number:
                found[int(age // period)].append(point)
            else:
                before = point
        return _carried(found, before) if (metric.namespace, metric.name) == _VISIBLE else found

    # -- where the datapoints come from

    def count_executions(self, emit: Callable[..., None]) -> Callable[..., None]:
        """Count each status that an execution reaches."""

        def emit_execution_status_event(execution: Mapping[str, Any]) -> None:
            name = _EXECUTIONS.get(execution["status"])
            if name is not None and not execution.get("sync"):
                self.count("AWS/States", name, {"StateMachineArn": execution["stateMachineArn"]})
            emit(execution)

        return emit_execution_status_event

    def count_matches(self, matches: Callable[..., bool]) -> Callable[..., bool]:
        """Count the events that a rule matches."""

        def matches_pattern_view(pattern_str: Any, view: Any, owner: str = "rule") -> bool:
            matched = matches(pattern_str, view, owner)
            if matched and owner.startswith("rule ") and "|" in owner:
                rule = {"RuleName": owner.rpartition("|")[2]}
                self.count("AWS/Events", "MatchedEvents", rule)
                self.count("AWS/Events", "TriggeredRules", rule)
            return matched

        return matches_pattern_view

    def count_invocations(self, invoke: Callable[..., None]) -> Callable[..., None]:
        """Count the targets that a rule calls, and the calls that fail."""

        def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
            delivered: list[str] = []
            token = _delivered.set(delivered)
            try:
                invoke(target, event, rule, view)
            finally:
                _delivered.reset(token)
            dimensions = {"RuleName": str(rule.get("Name"))}
            self.count("AWS/Events", "Invocations", dimensions)
            if not delivered:
                self.count("AWS/Events", "FailedInvocations", dimensions)

        return invoke_target

    def notice_dispatch(self, dispatch: Callable[..., None]) -> Callable[..., None]:
        """Record whether a rule's target exists, and that a queue may have a new message."""

        def dispatch_to(target: Any, *rest: Any) -> None:
            arn = str(target)
            delivered = _delivered.get()
            if delivered is not None and _there(arn):
                delivered.append(arn)
            dispatch(target, *rest)
            if ":sqs:" in arn:
                self._notice_queue(arn)

        return dispatch_to

    def notice_datum(self, store: Callable[..., None]) -> Callable[..., None]:
        """Record a datapoint of PutMetricData, so that its alarms are evaluated."""

        def store_datum(namespace: str, name: str, dims: Mapping[str, str], *rest: Any) -> None:
            store(namespace, name, dims, *rest)
            with self._lock:
                self._changed.add(Metric.here(namespace, name, dims))
            self._store_soon()

        return store_datum

    def notice_calls(self, dispatch: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Record the calls that can change the number of messages in a queue."""

        async def dispatch_action(action: str, data: Mapping[str, Any], qurl: str) -> Any:
            result = await dispatch(action, data, qurl)
            if qurl and any(word in action for word in _OF_MESSAGES):
                self._notice_queue(qurl)
            return result

        return dispatch_action

    def notice_send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """Record a message that a service sends to a queue."""

        def send_message(data: Mapping[str, Any], qurl: str) -> Any:
            result = send(data, qurl)
            self._notice_queue(qurl)
            return result

        return send_message

    def notice_delivery(self, deliver: Callable[..., None]) -> Callable[..., None]:
        """Record a message that a topic sends to a queue."""

        def deliver_to_sqs(endpoint: str, *rest: Any, **options: Any) -> None:
            deliver(endpoint, *rest, **options)
            self._notice_queue(endpoint)

        return deliver_to_sqs


def _there(arn: str) -> bool:
    """Whether the target exists to which a rule delivers an event."""
    service = arn.split(":")[2]
    if service == "states":
        return ministack.internal(_STATES, "_resolve_state_machine_arn")(arn) is not None
    if service == "sqs":
        return ministack.internal(_QUEUES, "_queue_by_arn")(arn) is not None
    return True


def _dimensions_key(metric: Metric) -> str:
    return str(ministack.internal(_CLOUDWATCH, "_dims_key")(dict(metric.dimensions)))


def _points(metric: Metric) -> Sequence[Any]:
    key = (metric.namespace, metric.name, _dimensions_key(metric))
    points: Sequence[Any] = ministack.internal(_CLOUDWATCH, "_metrics").get(key) or ()
    return points


def _append(metric: Metric, value: float, unit: str, count: float = 1) -> None:
    with ministack.request_scope(metric.account, metric.region):
        key = (metric.namespace, metric.name, _dimensions_key(metric))
        points = ministack.internal(_CLOUDWATCH, "_metric_bucket")(key)
        now = time.time()
        last: dict[str, Any] = points[-1] if points else {"_stat": None}
        same = "_stat" not in last and (last["Value"], last["Unit"]) == (value, unit)
        if same and 0 <= now - last["Timestamp"] < _RESOLUTION:
            last["Count"] = last.get("Count", 1.0) + count
        else:
            dimensions = dict(metric.dimensions)
            points.append(
                {"Timestamp": now, "Value": value, "Count": float(count), "Unit": unit, "Dimensions": dimensions}
            )


def _sample_queue(queue: str) -> set[Metric]:
    """Record the number of visible messages of a queue (ARN, URL or name) and of its dead-letter queue."""
    record = _queue(queue)
    if record is None:
        return set()
    ministack.internal(_QUEUES, "_refresh_counts")(record)
    attributes = record["attributes"]
    arn = str(attributes["QueueArn"])
    metric = Metric.here(*_VISIBLE, {"QueueName": arn.rpartition(":")[2]})
    depth = float(attributes["ApproximateNumberOfMessages"])
    points = _points(metric)
    changed = set()
    # SQS publishes the metrics of active queues only, so a queue that never held a message has none.
    if (points and points[-1]["Value"] != depth) or (not points and depth):
        _append(metric, depth, "Count")
        changed.add(metric)
    redrive = json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
    return changed | _sample_queue(redrive) if redrive and redrive != arn else changed


def _queue(queue: str) -> Any:
    if queue.startswith("arn:"):
        return ministack.internal(_QUEUES, "_queue_by_arn")(queue)
    account, region = ministack.scope()
    name = queue.rstrip("/").rpartition("/")[2]
    return ministack.internal(_QUEUES, "_queue_by_arn")(f"arn:aws:sqs:{region}:{account}:{name}")


def _carried(periods: list[list[Any]], before: Any) -> list[list[Any]]:
    """The periods of a gauge. Each one starts with the last value of the one before."""
    carried: list[list[Any]] = []
    last = before
    for points in reversed(periods):
        carried.append([last, *points] if last is not None else list(points))
        last = points[-1] if points else last
    return carried[::-1]
