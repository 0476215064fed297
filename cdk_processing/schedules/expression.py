"""Parses schedule expressions: ``cron(...)``, ``rate(...)`` and ``at(...)``."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cdk_processing.errors import Problem, ScheduleError
from cdk_processing.schedules.at import At
from cdk_processing.schedules.constructs import rate_of
from cdk_processing.schedules.cron import Cron
from cdk_processing.schedules.rate import Rate
from cdk_processing.schedules.unix import from_crontab, names_both_days

__all__ = ["Expression", "expression_problems", "likely_expression", "parse"]

#: A parsed expression.
Expression = Cron | Rate | At

_KINDS: dict[str, type[Cron] | type[Rate] | type[At]] = {"cron": Cron, "rate": Rate, "at": At}
_FORM = re.compile(r"(cron|rate|at)\((.*)\)")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_EVERY = re.compile(r"every\s+(\d+)?\s*(minute|hour|day)s?", re.IGNORECASE)
_ALLOWED = "such as cron(0 6 * * ? *), rate(12 hours) or at(2030-01-31T06:00:00)"


@cache
def parse(expression: str) -> Expression:
    """Parse ``cron(...)``, ``rate(...)`` or ``at(...)``.

    Raises:
        ScheduleError: EventBridge Scheduler would reject it, or it would never fire.
    """
    match = _FORM.fullmatch(expression.strip())
    if match is None:
        raise ScheduleError([Problem("expression", expression, _ALLOWED, _fix(expression))])
    return _KINDS[match[1]].read(match[2].strip())


def expression_problems(expression: Any) -> list[Problem]:
    """What is wrong with an expression, each with the fix."""
    if not isinstance(expression, str):
        text = _of_time(expression)
        fix = "write it as text" if text is None else f"write {text!r}"
        if hasattr(expression, "to_seconds"):  # a Duration that is no rate
            fix = "give whole minutes: the shortest is Duration.minutes(1)"
        return [Problem("expression", expression, _ALLOWED, fix)]
    try:
        parse(expression)
    except ScheduleError as error:
        return list(error.problems)
    return []


def likely_expression(text: str) -> str | None:
    """The expression that a text probably means: the text itself, or one converted from a crontab line or a phrase."""
    likely = [text, from_crontab(text)]
    likely += [f"cron({text})", f"rate({text})", f"at({text})", text.strip().lower()]
    if clock := _CLOCK.fullmatch(text.strip()):
        likely.append(f"cron({int(clock[2])} {int(clock[1])} * * ? *)")
    if every := _EVERY.fullmatch(text.strip()):
        likely.append(_rate(int(every[1] or 1), every[2].lower()))
    return next((each for each in likely if each and _can_be_read(each)), None)


def _can_be_read(text: str) -> bool:
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return False
    try:
        _KINDS[match[1]].read(match[2].strip())
    except ScheduleError:
        return False
    return True


def _rate(value: int, unit: str) -> str:
    return f"rate({value} {unit}{'' if value == 1 else 's'})"


def _of_time(value: Any) -> str | None:
    """An expression from a time object: ``rate`` for a ``timedelta``, ``at`` for a ``datetime``."""
    if hasattr(value, "strftime") and hasattr(value, "hour") and hasattr(value, "year"):
        return str(value.strftime("at(%Y-%m-%dT%H:%M:%S)"))
    if hasattr(value, "total_seconds"):
        return rate_of(value.total_seconds())
    return None


def _fix(text: str) -> str:
    """What to write instead, or a link if we cannot guess it."""
    meant = likely_expression(text) if text else None
    if meant is not None:
        return f"write {meant}"
    if names_both_days(text):
        return "make two schedules: a crontab line that names a day of the month and a day of the week means either"
    return "see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
