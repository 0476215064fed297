"""A Map Run: its counts, and the executions of its items, as ListMapRuns and DescribeMapRun report them."""

from __future__ import annotations

import threading
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.interpreter.state import State
from cdk_processing.local.aws.stepfunctions.times import now

__all__ = ["MapRun"]

_SFN = "ministack.services.stepfunctions"
_COUNTS = (
    "pending",
    "running",
    "succeeded",
    "failed",
    "timedOut",
    "aborted",
    "total",
    "resultsWritten",
    "failuresNotRedrivable",
    "pendingRedrive",
)


class MapRun:
    """One run of a Distributed Map.

    Args:
        state: The Map state.
        at_once: How many executions may run at once; 0: all.
        tolerated_count: How many items may fail.
        tolerated_percentage: How many per cent of the items may fail.
    """

    def __init__(self, state: State, at_once: int, tolerated_count: int, tolerated_percentage: float) -> None:
        self._new_id = ministack.internal(_SFN, "new_uuid")
        parent = state.scope.record
        prefix, _, machine = parent["stateMachineArn"].rpartition(":stateMachine:")
        self.id = self._new_id()
        self._label = f"{machine.partition('/')[0]}/{state.get('Label') or self._new_id()}"
        self._prefix = prefix
        self.arn = f"{prefix}:mapRun:{self._label}:{self.id}"
        self.children: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._limits = (tolerated_count, tolerated_percentage)
        self._view = {
            "mapRunArn": self.arn,
            "executionArn": parent["executionArn"],
            "status": "RUNNING",
            "startDate": now(),
            "maxConcurrency": at_once,
            "toleratedFailurePercentage": tolerated_percentage,
            "toleratedFailureCount": tolerated_count,
            "itemCounts": dict.fromkeys(_COUNTS, 0),
            "executionCounts": dict.fromkeys(_COUNTS, 0),
            "redriveCount": 0,
            "_stateMachineArn": f"{prefix}:stateMachine:{self._label}",
        }
        ministack.internal(_SFN, "_map_runs")[self.arn] = self._view

    def begin(self, items: int, executions: int) -> None:
        """Set how much there is to do."""
        self._view["itemCounts"].update(total=items, pending=items)
        self._view["executionCounts"].update(total=executions, pending=executions)

    def child(self, given: str) -> dict[str, Any]:
        """Make the record of an execution for an item, on an input."""
        name, started = self._new_id(), now()
        record = {
            "executionArn": f"{self._prefix}:execution:{self._label}:{name}",
            "stateMachineArn": self._view["_stateMachineArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": started,
            "stopDate": None,
            "input": given,
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "mapRunArn": self.arn,
            "testCase": "",
            "mockAttempts": {},
            "events": [
                {
                    "id": 1,
                    "previousEventId": 0,
                    "type": "ExecutionStarted",
                    "timestamp": started,
                    "executionStartedEventDetails": {"input": given, "inputDetails": {"truncated": False}},
                }
            ],
        }
        ministack.internal(_SFN, "_executions")[record["executionArn"]] = record
        with self._lock:
            self.children.append(record)
            self._count(pending=-1, running=1)
        return record

    def child_ended(self, record: dict[str, Any], status: str, **details: Any) -> None:
        """Note how an execution has ended."""
        record.update(details, status=status, stopDate=now())
        with self._lock:
            self._count(running=-1, **{status.lower(): 1})

    def _count(self, **changes: int) -> None:
        for counts in (self._view["itemCounts"], self._view["executionCounts"]):
            for name, change in changes.items():
                counts[name] += change

    @property
    def exceeded(self) -> bool:
        """Whether more has failed than is tolerated."""
        counts = self._view["executionCounts"]
        count, percentage = self._limits
        failed = counts["failed"]
        if not count and not percentage:
            return bool(failed)
        return bool(count and failed > count) or bool(percentage and failed * 100 > percentage * counts["total"])

    def end(self, status: str) -> None:
        """End the run."""
        self._view.update(status=status, stopDate=now())
