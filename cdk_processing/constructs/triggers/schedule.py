"""Launch a job at set times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal, get_args

from cdk_processing.constructs.resources import resource
from cdk_processing.constructs.triggers.base import LaunchTarget, Trigger, given_problems, supplies
from cdk_processing.constructs.triggers.missed import expect_schedule
from cdk_processing.contract.run_keys import SERIES_FIELD
from cdk_processing.errors import Problem
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.tokens import is_number_token, is_token
from cdk_processing.schedules import expression_problems, timezone_problems
from cdk_processing.schedules.constructs import (
    Duration,
    Schedule,
    TimeZone,
    expression_text,
    minutes_of,
    other_timezone,
    timezone_name,
)
from cdk_processing.workflow.admission import Admission
from cdk_processing.workflow.turns import TURNS

__all__ = ["OnSchedule", "Overlap"]

#: What happens to a scheduled time while the run of an earlier one goes on.
Overlap = Literal["allow", "skip", "queue"]


@dataclass(frozen=True, slots=True, init=False)
class OnSchedule(Trigger):
    """One run for each time of a schedule.

    An alarm reports that an expected run did not happen: no run of the job, whatever launched it, has started for the
    schedule's longest pause, its flexible window and 2 hours. CloudWatch looks back 7 days, so a schedule that runs
    once a week or less often has no such alarm, nor has one that ends.

    Args:
        expression: ``cron(minutes hours day-of-month month day-of-week year)``, ``rate(12 hours)`` or
            ``at(2030-01-31T06:00:00)``. Also an ``events.Schedule``, a ``scheduler.ScheduleExpression`` or, for a rate,
            a ``Duration``.
        timezone: IANA name of the expression's timezone, such as ``Europe/Berlin``, or a ``TimeZone``. Left out, that
            of the ``ScheduleExpression``, else UTC. If both name one, they must be the same. A local time that is
            skipped in spring launches nothing; one that comes twice in autumn launches once.
        start: Launch nothing before. A datetime with a timezone.
        end: Launch nothing after. A datetime with a timezone.
        flexible_window_minutes: How many minutes late the scheduler may launch, to spread load: 1-1,440, or a
            ``Duration``.
        parameters: Values for the job's ``Parameter`` by name.
        overlap: What happens to a scheduled time while the run of an earlier time of this schedule goes on. ``allow``:
            both run. ``skip``: the later one makes no job and ends as ``Skipped``. ``queue``: it waits for its turn,
            for two weeks at most. An aborted run ends its turn at once, although its job may take two minutes to
            stop.

    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """

    expression: str
    timezone: str | None
    start: datetime | None
    end: datetime | None
    flexible_window_minutes: int | None
    parameters: Mapping[str, str]
    overlap: Overlap
    _other_timezone: str | None = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        expression: str | Schedule | Duration,
        timezone: str | TimeZone | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        flexible_window_minutes: int | Duration | None = None,
        parameters: Mapping[str, str] | None = None,
        overlap: Overlap = "allow",
    ) -> None:
        given = {
            "expression": expression_text(expression),
            "timezone": timezone_name(timezone, expression),
            "start": start,
            "end": end,
            "flexible_window_minutes": minutes_of(flexible_window_minutes),
            "parameters": {} if parameters is None else parameters,
            "overlap": overlap,
            "_other_timezone": other_timezone(timezone, expression),
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def service(self) -> str:
        """The scheduler starts the state machine."""
        return "scheduler.amazonaws.com"

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters."""
        return self.parameters

    @property
    def admission(self) -> Admission | None:
        """Turns, where runs must not overlap."""
        return None if self.overlap == "allow" else TURNS

    def supplies(self, value: RunTimeValue) -> bool:
        """No object; parameters that it gives, or that have a default."""
        return supplies(self, value)

    def describe(self) -> str:
        """The trigger in a few words."""
        return f"schedule {self.expression}{f' {self.timezone}' if self.timezone else ''}"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        found = [] if is_token(self.expression) else expression_problems(self.expression)
        if self.timezone is not None and not is_token(self.timezone):
            found += timezone_problems(self.timezone)
        if self._other_timezone is not None:
            allowed = f"left out, or {self._other_timezone!r}, which the ScheduleExpression names"
            found.append(Problem("timezone", self.timezone, allowed, "name it once: drop timezone=, or correct it"))
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
                found.append(Problem(name, moment, "a datetime with a timezone", "add tzinfo=timezone.utc"))
        if not found and self.start is not None and self.end is not None and self.start >= self.end:
            found.append(Problem("end", self.end.isoformat(), f"after start ({self.start.isoformat()})", "move it"))
        window = self.flexible_window_minutes
        if window is not None and (not isinstance(window, int) or not 1 <= window <= 1440):
            fix = "leave it out for no window"
            if is_number_token(window):
                fix = "write the number: the alarm on a missed run is computed from it at synth"
            found.append(Problem("flexible_window_minutes", window, "1-1,440", fix))
        found += given_problems(self.parameters, brings_values=False)
        if self.overlap not in get_args(Overlap):
            found.append(Problem("overlap", self.overlap, "'allow', 'skip' or 'queue'", "write one of those"))
        return found

    def bind(self, target: LaunchTarget) -> None:
        """Create the schedule."""
        properties: dict[str, Any] = {
            "Description": f"Launches {target.job_path}",
            "ScheduleExpression": self.expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": target.state_machine_arn,
                "RoleArn": target.start_role_arn,
                "Input": self._input(target.job_id),
                "DeadLetterConfig": {"Arn": target.dead_letter_queue_arn},
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
        resource(target.job, target.trigger_id, "AWS::Scheduler::Schedule", properties)
        expect_schedule(
            target,
            expression=self.expression,
            timezone=self.timezone,
            end=self.end,
            window_minutes=self.flexible_window_minutes,
        )

    def _input(self, job_id: str | None) -> str:
        # The scheduled time is the same for every attempt at one occurrence; the execution id is not.
        event: dict[str, Any] = {
            "source": "aws.scheduler",
            "schedule": "<aws.scheduler.schedule-arn>",
            "time": "<aws.scheduler.scheduled-time>",
        }
        if self.parameters:
            event["parameters"] = dict(self.parameters)
        if self.admission is not None:
            event["overlap"] = self.overlap
        if job_id is not None:  # The schedule's ARN names the job. So the run key has its parameters instead.
            event[SERIES_FIELD] = json.dumps(dict(sorted(self.parameters.items()))) if self.parameters else ""
        return json.dumps(event)
