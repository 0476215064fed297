"""Which of the three kinds of schedule an expression is."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cdk_processing.errors import Problem, ScheduleError
from cdk_processing.schedules.at import At
from cdk_processing.schedules.cron import Cron
from cdk_processing.schedules.rate import Rate
from cdk_processing.schedules.unix import from_crontab, names_both_days

__all__ = ["Expression", "expression_problems", "parse"]

#: What an expression means.
Expression = Cron | Rate | At

_KINDS: dict[str, type[Cron] | type[Rate] | type[At]] = {"cron": Cron, "rate": Rate, "at": At}
_ALLOWED = "such as cron(0 6 * * ? *), rate(12 hours) or at(2030-01-31T06:00:00)"


@cache
def parse(expression: str) -> Expression:
    """Read ``cron(...)``, ``rate(...)`` or ``at(...)``.

    Raises:
        ScheduleError: EventBridge Scheduler would refuse it, or it would never fire.
    """
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression.strip())
    if match is None:
        raise ScheduleError([Problem("expression", expression, _ALLOWED, _fix(expression))])
    return _KINDS[match[1]].read(match[2].strip())


def expression_problems(expression: Any) -> list[Problem]:
    """What is wrong with an expression, each with the fix."""
    if not isinstance(expression, str):
        text = getattr(expression, "expression_string", None)  # the schedules of aws_events and aws_scheduler
        fix = f"write {text!r}" if isinstance(text, str) else "write it as text"
        return [Problem("expression", expression, _ALLOWED, fix)]
    try:
        parse(expression)
    except ScheduleError as error:
        return list(error.problems)
    return []


def _fix(text: str) -> str:
    """What to write instead, where that can be known."""
    likely = [from_crontab(text)]
    likely += [f"cron({text})", f"rate({text})", f"at({text})", text.strip().lower()]
    for candidate in likely:
        if candidate and candidate != text and not expression_problems(candidate):
            return f"write {candidate}"
    if names_both_days(text):
        return "make two schedules: a crontab line that names a day of the month and a day of the week means either"
    return "see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
