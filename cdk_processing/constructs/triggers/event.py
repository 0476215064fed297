"""Launch a job for events of any kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.constructs.triggers.base import (
    OBJECT_VALUES,
    EventField,
    Launch,
    Trigger,
    compiled_parameters,
    given_problems,
    supplies,
)
from cdk_processing.constructs.triggers.rules import make_rule
from cdk_processing.errors import Problem
from cdk_processing.request.runtime import RunTimeValue
from cdk_processing.workflow.launches import Reading, as_text, key_expression
from cdk_processing.workflow.patterns import UnknownOperatorError, condition

__all__ = ["OnEvent"]

_FIELDS = ("account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version", "$or")
_EXAMPLE = 'write {"source": ["my.app"], "detail-type": ["Batch Ready"]}'


@dataclass(frozen=True, slots=True)
class OnEvent(Trigger):
    """One run for each event that matches a pattern.

    EventBridge delivers an event at least once. An event that comes twice has one id, so it makes one job.

    Args:
        pattern: An EventBridge pattern: ``{"source": ["my.app"], "detail": {"kind": ["batch"]}}``.
        parameters: Values for the job's ``Parameter`` by name: text, or ``EventField("$.detail.table")`` for a value
            of the event. If the event lacks it, the parameter has its default. Without a default, the run fails before
            it creates a job.
        run_key: The run key, instead of the event's id: ``EventField("$.detail.batch_id")`` for a source that sends
            several events for one batch. A run whose event lacks that field fails with a dead letter. Numbers work up
            to 2**53; longer ids must be text, as in any JSON.
        event_bus: Name, ARN or construct of the bus. Left out, the account's default bus.

    Events of S3 (source ``aws.s3``) also supply the ``OBJECT_*`` values of :class:`ExecutionVariables`.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """

    pattern: Mapping[str, Any]
    parameters: Mapping[str, str | EventField] = field(default_factory=dict)
    run_key: EventField | None = None
    event_bus: Any = None

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters."""
        return self.parameters

    def supplies(self, value: RunTimeValue) -> bool:
        """Parameters that it gives or that have a default; for S3's events also an object's values."""
        return supplies(self, value, OBJECT_VALUES if self._sources == ["aws.s3"] else frozenset())

    def describe(self) -> str:
        """The trigger in a few words."""
        kinds = self.pattern.get("detail-type") or []
        named = [text for text in (*self._sources, *kinds) if isinstance(text, str)]
        return f"event {' '.join(named)}".rstrip()

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        if not isinstance(self.pattern, Mapping) or not self.pattern:
            return [Problem("pattern", self.pattern, "an EventBridge pattern", _EXAMPLE)]
        found = list(_pattern_problems(self.pattern, "pattern"))
        found += [
            Problem(f"pattern[{name!r}]", self.pattern[name], f"under one of {', '.join(_FIELDS)}", "rename the field")
            for name in self.pattern
            if name not in _FIELDS
        ]
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

    def reading(self, version: Callable[[], str]) -> Reading | None:
        """Its run key and parameters, if it has any."""
        if not self._reads_by_itself:
            return None
        key, missing = key_expression("event"), ""
        if self.run_key is not None:
            where = self.run_key.compile()
            key = f"($exists({where}) ? 'key:' & {as_text(where)})"
            missing = f"the event has no {self.run_key.path}, which is the run key"
        return Reading(condition(self.pattern), key, missing, parameters=compiled_parameters(self.parameters))

    def bind(self, launch: Launch) -> None:
        """Create the rule."""
        bus = self.event_bus
        make_rule(launch, self.pattern, event_bus=bus if bus is None or isinstance(bus, str) else bus.event_bus_name)

    @property
    def _reads_by_itself(self) -> bool:
        return bool(self.parameters) or self.run_key is not None

    @property
    def _sources(self) -> list[Any]:
        return list(self.pattern.get("source") or [])


def _pattern_problems(pattern: Mapping[str, Any], where: str) -> list[Problem]:
    """EventBridge takes a list of values at the end of every path, and nothing else."""
    found: list[Problem] = []
    for name, wanted in pattern.items():
        inner = f"{where}[{name!r}]"
        if name == "$or":
            if not isinstance(wanted, list) or not all(isinstance(option, Mapping) for option in wanted):
                found.append(Problem(inner, wanted, "a list of patterns", "write {'$or': [{...}, {...}]}"))
            else:
                found += [problem for option in wanted for problem in _pattern_problems(option, inner)]
        elif isinstance(wanted, Mapping) and wanted:
            found += _pattern_problems(wanted, inner)
        elif not isinstance(wanted, list) or not wanted:
            fix = "name the values" if not wanted else f"write [{wanted!r}]"
            found.append(Problem(inner, wanted, "a list of at least one value", fix))
        else:
            found += [problem for item in wanted for problem in _value_problems(item, inner)]
    return found


def _value_problems(item: Any, where: str) -> list[Problem]:
    """One of the values that a field may have, or what is asked of it."""
    if item is None or isinstance(item, (str, bool, int, float)):
        return []
    if not isinstance(item, Mapping) or len(item) != 1:
        allowed = "a text, a number, true, false, null or one operator such as {'prefix': 'in/'}"
        return [Problem(where, item, allowed, "write one value or operator after the other, in the list")]
    [(operator, value)] = item.items()
    if operator not in _OPERATORS:
        return [Problem(where, item, f"one of the operators {', '.join(_OPERATORS)}", "correct the operator")]
    allowed, fits = _OPERATORS[operator]
    return [] if fits(value) else [Problem(f"{where}[{operator!r}]", value, allowed, "correct the value")]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_affix(value: Any) -> bool:
    return _is_text(value) or (
        isinstance(value, Mapping) and list(value) == ["equals-ignore-case"] and _is_text(value["equals-ignore-case"])
    )


def _is_wildcard(value: Any) -> bool:
    return _is_text(value) and "**" not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (2, 4) or not all(map(_is_number, value[1::2])):
        return False
    if len(value) == 2:
        return value[0] in ("=", "<", "<=", ">", ">=")
    return value[0] in (">", ">=") and value[2] in ("<", "<=") and bool(value[1] < value[3])


def _is_unwanted(value: Any) -> bool:
    if isinstance(value, Mapping):
        [operator, *more] = value or [""]
        nested = _listed(value[operator]) if operator in ("prefix", "suffix", "wildcard", "equals-ignore-case") else []
        return not more and bool(nested) and all(_OPERATORS[operator][1](each) and _is_text(each) for each in nested)
    listed = _listed(value)
    return bool(listed) and (all(map(_is_text, listed)) or all(map(_is_number, listed)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


#: What each operator takes, in words and as a check.
_OPERATORS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "prefix": ("a text or {'equals-ignore-case': text}", _is_affix),
    "suffix": ("a text or {'equals-ignore-case': text}", _is_affix),
    "equals-ignore-case": ("a text", _is_text),
    "wildcard": ("a text without two * in a row", _is_wildcard),
    "cidr": ("a text such as '10.0.0.0/24'", _is_text),
    "exists": ("True or False", lambda value: isinstance(value, bool)),
    "numeric": ("a comparison such as ['>', 0] or ['>=', 0, '<', 5]", _is_range),
    "anything-but": (
        "texts, numbers, or one of prefix, suffix, wildcard, equals-ignore-case such as {'prefix': 'tmp/'}",
        _is_unwanted,
    ),
}
