"""Launch a job for events of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.constructs.triggers.base import (
    OBJECT_VALUES,
    LaunchTarget,
    Trigger,
    given_problems,
    supplies,
)
from cdk_processing.constructs.triggers.rules import make_rule
from cdk_processing.contract.rule_description import ITS_OWN, USUAL
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.workflow.event_fields import EventField
from cdk_processing.workflow.event_mappings import events
from cdk_processing.workflow.launches import EventMapping
from cdk_processing.workflow.operators import UnknownOperatorError
from cdk_processing.workflow.patterns import condition, pattern_problems

__all__ = ["OnEvent"]

_EXAMPLE = 'write {"source": ["my.app"], "detail-type": ["Batch Ready"]}'


@dataclass(frozen=True, slots=True)
class OnEvent(Trigger):
    """One run for each event that matches a pattern.

    EventBridge delivers an event at least once. An event that comes twice has one id, so it makes one job.

    Args:
        pattern: An EventBridge pattern: ``{"source": ["my.app"], "detail": {"kind": ["batch"]}}``, or an
            ``events.EventPattern``.
        parameters: Values for the job's ``Parameter`` by name: text, or ``EventField("$.detail.table")`` for a value
            of the event. If the event lacks it, the parameter has its default. Without a default, the run fails before
            it creates a job.
        run_key: The run key, instead of the event's id: ``EventField("$.detail.batch_id")`` for a source that sends
            several events for one batch. A run whose event lacks that field fails with a dead letter. Numbers work up
            to 2**53; longer ids must be text, as in any JSON.
        event_bus: Name, ARN or construct of the bus. Left out, the account's default bus.

    Events of S3 (source ``aws.s3``) also supply the ``OBJECT_*`` values of :class:`ExecutionVariables`. A job with
    ``OBJECT_URI`` as an input may read what the pattern names: the buckets in ``detail.bucket.name``, and of those the
    prefixes in ``detail.object.key``.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """

    pattern: Mapping[str, Any]
    parameters: Mapping[str, str | EventField] = field(default_factory=dict)
    run_key: EventField | None = None
    event_bus: Any = None

    def __post_init__(self) -> None:
        """Take an ``events.EventPattern`` as the dict that it means."""
        if not isinstance(self.pattern, Mapping) and hasattr(self.pattern, "detail_type"):
            object.__setattr__(self, "pattern", _as_dict(self.pattern))

    @property
    def matched(self) -> Mapping[str, Any]:
        """The event pattern."""
        return self.pattern

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters."""
        return self.parameters

    def supplies(self, value: RunTimeValue) -> bool:
        """Parameters that it gives or that have a default; for S3's events also an object's values."""
        return supplies(self, value, OBJECT_VALUES if self._sources == ["aws.s3"] else frozenset())

    @property
    def brings(self) -> Sequence[S3Location]:
        """The buckets and the beginnings of keys that its pattern names, if S3 sends the events."""
        detail = self.pattern.get("detail")
        if self._sources != ["aws.s3"] or not isinstance(detail, Mapping):
            return ()
        names = _listed(detail, "bucket", "name")
        prefixes = [_beginning(key) for key in _listed(detail, "object", "key")] or [""]
        return tuple(S3Location(name, prefix) for name in names if isinstance(name, str) for prefix in prefixes)

    def describe(self) -> str:
        """The trigger in a few words."""
        kinds = self.pattern.get("detail-type") or []
        named = [text for text in (*self._sources, *kinds) if isinstance(text, str)]
        return f"event {' '.join(named)}".rstrip()

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        if not isinstance(self.pattern, Mapping) or not self.pattern:
            return [Problem("pattern", self.pattern, "an EventBridge pattern", _EXAMPLE)]
        found = list(pattern_problems(self.pattern))
        found += given_problems(self.parameters)
        if self.run_key is not None:
            if isinstance(self.run_key, EventField):
                found += self.run_key.problems("run_key")
            else:
                found.append(Problem("run_key", self.run_key, "an EventField", "write EventField('$.detail.batch_id')"))
        bus = self.event_bus
        if bus is not None and not isinstance(bus, str) and not hasattr(bus, "event_bus_name"):
            found.append(Problem("event_bus", bus, "a bus's name, ARN or IEventBus", "pass one of those"))
        if not found and self._reads_by_itself:
            try:
                condition(self.pattern)
            except UnknownOperatorError as unknown:
                allowed = "without that operator, where parameters or run_key are given"
                found.append(Problem("pattern", str(unknown), allowed, "match by another field, or in the script"))
        return found

    def event_mapping(self, version: Callable[[], str]) -> EventMapping | None:
        """Its run key and parameters, if it has any."""
        if not self._reads_by_itself:
            return None
        return events(self.pattern, self.run_key, self.parameters)

    def bind(self, target: LaunchTarget) -> None:
        """Create the rule."""
        bus = self.event_bus
        name = bus if bus is None or isinstance(bus, str) else bus.event_bus_name
        make_rule(target, self.pattern, event_bus=name, run_key=ITS_OWN if self._reads_by_itself else USUAL)

    @property
    def _reads_by_itself(self) -> bool:
        return bool(self.parameters) or self.run_key is not None

    @property
    def _sources(self) -> list[Any]:
        return list(self.pattern.get("source") or [])


def _listed(detail: Mapping[str, Any], part: str, name: str) -> list[Any]:
    inner = detail.get(part)
    found = inner.get(name) if isinstance(inner, Mapping) else None
    return found if isinstance(found, list) else []


def _beginning(wanted: Any) -> str:
    """What keys begin with that a pattern matches; "" if they may begin with anything."""
    if isinstance(wanted, str):
        return wanted
    if not isinstance(wanted, Mapping):
        return ""
    if isinstance(prefix := wanted.get("prefix"), str):
        return prefix
    wildcard = wanted.get("wildcard")
    return wildcard.partition("*")[0] if isinstance(wildcard, str) and "\\" not in wildcard else ""


#: The fields of an ``events.EventPattern``.
_PATTERN = ("account", "detail", "detail_type", "id", "region", "resources", "source", "time", "version")


def _as_dict(pattern: Any) -> dict[str, Any]:
    given = {name.replace("_", "-"): getattr(pattern, name, None) for name in _PATTERN}
    return {name: value for name, value in given.items() if value is not None}
