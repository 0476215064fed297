"""Triggers of one job that say the same: two schedules of the same times, and two triggers for the same events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.event import OnEvent
from cdk_processing.constructs.triggers.schedule import OnSchedule
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token
from cdk_processing.schedules import parse, same_times
from cdk_processing.schedules.rate import Rate

__all__ = ["repeated_trigger_problems"]

_FIRST = datetime.min.replace(tzinfo=timezone.utc)
_LAST = datetime.max.replace(tzinfo=timezone.utc)


def repeated_trigger_problems(triggers: Sequence[Trigger], *, known: int = 0) -> list[Problem]:
    """What is wrong with triggers that repeat an earlier one of the job.

    Args:
        triggers: All triggers of the job, each right by itself.
        known: How many of them, from the beginning, were judged before.
    """
    found: list[Problem] = []
    schedules: list[tuple[int, OnSchedule]] = []
    by_pattern: dict[str, list[tuple[int, Trigger]]] = {}
    for index, trigger in enumerate(triggers):
        problem = None
        if isinstance(trigger, OnSchedule):
            problem = _schedule_problem(index, trigger, schedules)
            schedules.append((index, trigger))
        elif (matched := trigger.matched) is not None:
            same = by_pattern.setdefault(json.dumps(_in_order(matched), sort_keys=True, default=str), [])
            problem = _event_problem(index, trigger, same)
            same.append((index, trigger))
        if problem is not None and index >= known:
            found.append(problem.on(type(trigger).__name__))
    return found


def _schedule_problem(index: int, trigger: OnSchedule, earlier: Sequence[tuple[int, OnSchedule]]) -> Problem | None:
    for other_index, other in earlier:
        if trigger.parameters == other.parameters and _fire_together(trigger, other):
            allowed = f"another than triggers[{other_index}]: both launch a run at the same times"
            fix = f"drop one of them; triggers[{other_index}] is {other.describe()}"
            return Problem(f"triggers[{index}]", trigger.describe(), allowed, fix)
    return None


def _fire_together(one: OnSchedule, other: OnSchedule) -> bool:
    begins = [each.start or _FIRST for each in (one, other)]
    if max(begins) >= min(each.end or _LAST for each in (one, other)):
        return False
    texts = (one.expression, one.timezone or "UTC", other.expression, other.timezone or "UTC")
    if any(is_token(text) for text in texts):
        return texts[:2] == texts[2:] and one.start == other.start
    # A rate counts from its start.
    return same_times(*texts) and (one.start == other.start or not isinstance(parse(one.expression), Rate))


def _event_problem(index: int, trigger: Trigger, earlier: Sequence[tuple[int, Trigger]]) -> Problem | None:
    for other_index, other in earlier:
        if _differ_by_bus(trigger, other):
            continue
        allowed = f"another than triggers[{other_index}]: one event launches one run, whichever trigger it matches"
        fix = "drop one of them; for a second run with other options, make a second job"
        return Problem(f"triggers[{index}]", trigger.describe(), allowed, fix)
    return None


def _differ_by_bus(one: Trigger, other: Trigger) -> bool:
    """Whether two triggers wait at different buses, and are the same otherwise: an event does not name its bus."""
    if not isinstance(one, OnEvent) or not isinstance(other, OnEvent) or one.event_bus == other.event_bus:
        return False
    return replace(one, event_bus=None) == replace(other, event_bus=None)


def _in_order(pattern: Any) -> Any:
    """A pattern with its alternatives in one order."""
    if isinstance(pattern, dict):
        return {name: _in_order(value) for name, value in pattern.items()}
    if isinstance(pattern, list):
        return sorted((_in_order(each) for each in pattern), key=lambda each: json.dumps(each, default=str))
    return pattern
