"""Launch a job at set times."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from typing import Any, Literal, get_args
from zoneinfo import available_timezones

from cdk_processing.constructs.alarms import expect_schedule
from cdk_processing.constructs.resources import path_of, resource
from cdk_processing.constructs.triggers.base import Launch, Trigger, given_problems, supplies
from cdk_processing.errors import Problem
from cdk_processing.request.runtime import RunTimeValue
from cdk_processing.request.tokens import is_token

__all__ = ["OnSchedule", "Overlap"]

#: What becomes of a time that comes while the run of an earlier one goes on.
Overlap = Literal["allow", "skip", "queue"]

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|minutes|hour|hours|day|days)\)")
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((.+)\)")
#: Field by field, what AWS's cron takes: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_MONTH, _DAY = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC", "SUN|MON|TUE|WED|THU|FRI|SAT"
_CRON_FIELDS = (
    ("minutes", r"\d+", 0, 59),
    ("hours", r"\d+", 0, 23),
    ("day of month", r"\d+|L|\d+W|LW|\?", 1, 31),
    ("month", rf"\d+|{_MONTH}", 1, 12),
    ("day of week", rf"\d+|{_DAY}|\d?L|(?:{_DAY})L|\d#[1-5]|(?:{_DAY})#[1-5]|\?", 1, 7),
    ("year", r"\d+", 1970, 2199),
)
_EXAMPLES = "cron(0 6 * * ? *), rate(12 hours) or at(2030-01-31T06:00:00)"


@dataclass(frozen=True, slots=True)
class OnSchedule(Trigger):
    """One run for each time that an expression names.

    An alarm tells when an expected run did not happen: when no run of the job, whatever launched it, has started for
    the schedule's longest pause, its flexible window and 2 hours. CloudWatch looks back 7 days, so a schedule that runs
    once a week or less often has no such alarm, nor has one that ends.

    Args:
        expression: ``cron(minutes hours day-of-month month day-of-week year)``, ``rate(12 hours)`` or
            ``at(2030-01-31T06:00:00)``.
        timezone: IANA name, such as ``Europe/Berlin``, in which the expression is read; UTC, where left out. A local
            time that is skipped in spring does not launch; one that comes twice in autumn launches once.
        start: Nothing is launched before. A datetime with a timezone.
        end: Nothing is launched after. A datetime with a timezone.
        flexible_window_minutes: 1-1,440: the scheduler may launch up to so many minutes late, to spread load.
        parameters: Values for the job's ``Parameter`` by name.
        overlap: What becomes of a time that comes while the run of an earlier time of this schedule goes on. ``allow``:
            both run. ``skip``: the later one makes no job and ends as ``Skipped``. ``queue``: it waits, in the order of
            the times, as long as it takes. A run that is aborted holds up nobody, though its job may take two minutes
            to stop.

    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """

    expression: str
    timezone: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    flexible_window_minutes: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    overlap: Overlap = "allow"

    @property
    def service(self) -> str:
        """The scheduler starts the state machine."""
        return "scheduler.amazonaws.com"

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters."""
        return self.parameters

    @property
    def takes_turns(self) -> bool:
        """Whether a run asks first whether another goes on."""
        return self.overlap != "allow"

    def supplies(self, value: RunTimeValue) -> bool:
        """No object; parameters that it gives, or that have a default."""
        return supplies(self, value)

    def describe(self) -> str:
        """The trigger in a few words."""
        return f"schedule {self.expression}{f' {self.timezone}' if self.timezone else ''}"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        found = _expression_problems(self.expression)
        if self.timezone is not None and not is_token(self.timezone) and self.timezone not in _timezones():
            allowed = "an IANA timezone such as 'Europe/Berlin'"
            found.append(Problem("timezone", self.timezone, allowed, "correct its name"))
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
                found.append(Problem(name, moment, "a datetime with a timezone", "add tzinfo=timezone.utc"))
        if not found and self.start is not None and self.end is not None and self.start >= self.end:
            found.append(Problem("end", self.end.isoformat(), f"after start ({self.start.isoformat()})", "move it"))
        window = self.flexible_window_minutes
        if window is not None and (not isinstance(window, int) or not 1 <= window <= 1440):
            found.append(Problem("flexible_window_minutes", window, "1-1,440", "leave it out for no window"))
        found += given_problems(self.parameters, brings_values=False)
        if self.overlap not in get_args(Overlap):
            found.append(Problem("overlap", self.overlap, "'allow', 'skip' or 'queue'", "write one of those"))
        return found

    def bind(self, launch: Launch) -> None:
        """Make the schedule."""
        properties: dict[str, Any] = {
            "Description": f"Launches {path_of(launch.scope)}"[:512],
            "ScheduleExpression": self.expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": launch.state_machine_arn,
                "RoleArn": launch.role_arn,
                "Input": self._input(),
                "DeadLetterConfig": {"Arn": launch.queue_arn},
            },
        }
        if self.flexible_window_minutes is not None:
            window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": self.flexible_window_minutes}
            properties["FlexibleTimeWindow"] = window
        if self.timezone is not None:
            properties["ScheduleExpressionTimezone"] = self.timezone
        for name, moment in (("StartDate", self.start), ("EndDate", self.end)):
            if moment is not None:
                properties[name] = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        resource(launch.scope, launch.construct_id, "AWS::Scheduler::Schedule", properties)
        expect_schedule(
            launch,
            expression=self.expression,
            timezone=self.timezone,
            end=self.end,
            window_minutes=self.flexible_window_minutes,
        )

    def _input(self) -> str:
        # The scheduled time is the same for every attempt at one occurrence; the execution id is not.
        event: dict[str, Any] = {
            "source": "aws.scheduler",
            "schedule": "<aws.scheduler.schedule-arn>",
            "time": "<aws.scheduler.scheduled-time>",
        }
        if self.parameters:
            event["parameters"] = dict(self.parameters)
        if self.takes_turns:
            event["overlap"] = self.overlap
        return json.dumps(event)


@cache
def _timezones() -> set[str]:
    """Every IANA timezone; finding them reads a folder of 600 files."""
    return available_timezones()


def _expression_problems(expression: Any) -> list[Problem]:
    if is_token(expression):
        return []
    wrong = [Problem("expression", expression, f"such as {_EXAMPLES}", "see the scheduler's schedule types")]
    if not isinstance(expression, str):
        return wrong
    if rate := _RATE.fullmatch(expression):
        if (rate[1] == "1") == rate[2].endswith("s"):
            unit = rate[2].rstrip("s") + ("" if rate[1] == "1" else "s")
            fix = f"write rate({rate[1]} {unit})"
            return [Problem("expression", expression, "singular for 1 and plural otherwise", fix)]
        return []
    if at := _AT.fullmatch(expression):
        try:
            datetime.fromisoformat(at[1])
        except ValueError:
            return wrong
        return []
    cron = _CRON.fullmatch(expression)
    return wrong if cron is None else _cron_problems(expression, cron[1].split())


def _cron_problems(expression: str, fields: list[str]) -> list[Problem]:
    if len(fields) != len(_CRON_FIELDS):
        names = ", ".join(name for name, *_ in _CRON_FIELDS)
        return [Problem("expression", expression, f"6 fields ({names})", f"it has {len(fields)}; write {_EXAMPLES}")]
    found = []
    for text, (name, atom, low, high) in zip(fields, _CRON_FIELDS, strict=True):
        if not all(_is_cron_item(item, atom, low, high) for item in text.split(",")):
            fix = f"correct {text!r}"
            found.append(
                Problem(f"expression ({name})", expression, f"{low}-{high}, a range, a list, a step or *", fix)
            )
    if not found and (fields[2] == "?") == (fields[4] == "?"):
        allowed = "? in exactly one of day of month and day of week"
        found.append(Problem("expression", expression, allowed, "write ? in the field that does not matter"))
    return found


def _is_cron_item(item: str, atom: str, low: int, high: int) -> bool:
    match = re.fullmatch(rf"(?:\*|({atom})(?:-({atom}))?)(?:/(\d+))?", item)
    if match is None or match[3] == "0":
        return False
    return all(not value.isdigit() or low <= int(value) <= high for value in match.groups()[:2] if value)
