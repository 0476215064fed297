"""Launch a job when a run of another job has succeeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.constructs.triggers.base import (
    LaunchTarget,
    Trigger,
    Upstream,
    given_problems,
    supplies,
)
from cdk_processing.constructs.triggers.rules import make_rule
from cdk_processing.contract.success_event import SUCCEEDED, SUCCESS_SOURCE
from cdk_processing.errors import Problem
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.workflow.event_fields import EventField
from cdk_processing.workflow.event_mappings import successes
from cdk_processing.workflow.launches import EventMapping

__all__ = ["OnSuccessOf"]


@dataclass(frozen=True, slots=True)
class OnSuccessOf(Trigger):
    """One run for each run of another job that succeeds.

    The other job's state machine sends the event itself, with retries and a dead letter, because the status events of
    SageMaker and Step Functions are best effort. However often it is delivered or redriven, one upstream run makes one
    job. ``TRIGGER_TIME`` is the upstream run's, so that both write to the same day's folder;
    ``ExecutionVariables.UPSTREAM_RUN_ID`` is its ``RUN_ID``.

    Args:
        job: The upstream job, in the same account and region.
        parameters: Values for the job's ``Parameter`` by name: text, or a value that the event brings:
            ``EventField("$.detail.outputs.train_data")`` is where the upstream run wrote its output ``train_data``,
            ``EventField("$.detail.parameters.day")`` the value of its parameter ``day``.
    """

    job: Upstream
    parameters: Mapping[str, str | EventField] = field(default_factory=dict)

    @property
    def upstream(self) -> Upstream | None:
        """The upstream job."""
        return self.job

    @property
    def matched(self) -> Mapping[str, Any]:
        """The event pattern: the upstream job's events of success."""
        return {
            "source": [SUCCESS_SOURCE],
            "detail-type": [SUCCEEDED],
            "detail": {"state_machine": [self.job.state_machine_arn]},
        }

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters."""
        return self.parameters

    def supplies(self, value: RunTimeValue) -> bool:
        """The upstream run's id and outputs; parameters that it gives, or that have a default."""
        if value.name == "UPSTREAM_OUTPUT":
            return value.job == self.job.path
        return supplies(self, value, frozenset({"UPSTREAM_RUN_ID"}))

    def describe(self) -> str:
        """The trigger in a few words."""
        return f"success of {self.job.path}"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        if not hasattr(self.job, "announce_success"):
            return [Problem("job", self.job, "a ProcessingJob", "pass the upstream job itself")]
        return given_problems(self.parameters)

    def event_mapping(self, version: Callable[[], str]) -> EventMapping | None:
        """A run is known by the upstream run, and has its time."""
        return successes(self.job.state_machine_arn, self.parameters, has_id=self.job.job_id is not None)

    def bind(self, target: LaunchTarget) -> None:
        """Make the rule, and have the upstream job send its events."""
        self.job.announce_success()
        make_rule(target, self.matched)
