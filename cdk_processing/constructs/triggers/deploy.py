"""Launch a job after its deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Aws

from cdk_processing.constructs.triggers.base import LaunchTarget, Trigger, given_problems, supplies
from cdk_processing.constructs.triggers.rules import make_rule
from cdk_processing.errors import Problem
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.workflow.event_mappings import DEPLOYMENT_SOURCE, deployments
from cdk_processing.workflow.launches import EventMapping

__all__ = ["OnDeploy"]

_KIND = "CloudFormation Stack Status Change"


@dataclass(frozen=True, slots=True)
class OnDeploy(Trigger):
    """One run after the first deployment of the job's stack, and after each deployment that changes the job.

    CloudFormation's event that the stack is complete launches it. So a deployment that is rolled back launches nothing,
    the run cannot delay a deployment or make it fail, and all resources exist when it starts. The run key is a digest
    of the job's request and the parameters. So a deployment without a change launches no run, nor does one that brings
    back an earlier state of the job.

    A new EventBridge rule takes a moment to work, and AWS does not say how long. If the event of the very first
    deployment comes before that, start the run by hand.

    Args:
        parameters: Values for the job's ``Parameter`` by name.
        every_time: Whether each deployment of the stack launches a run, even without a change of the job.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    every_time: bool = False

    @property
    def matched(self) -> Mapping[str, Any]:
        """The event pattern: the deployments of the job's stack."""
        detail = {"stack-id": [Aws.STACK_ID], "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}}
        return {"source": [DEPLOYMENT_SOURCE], "detail-type": [_KIND], "detail": detail}

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters."""
        return self.parameters

    def supplies(self, value: RunTimeValue) -> bool:
        """Parameters that it gives, or that have a default."""
        return supplies(self, value)

    def describe(self) -> str:
        """The trigger in a few words."""
        return "every deployment" if self.every_time else "deployment of a change"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        found = given_problems(self.parameters, brings_values=False)
        if not isinstance(self.every_time, bool):
            found.append(Problem("every_time", self.every_time, "True or False", "write one of those"))
        return found

    def event_mapping(self, version: Callable[[], str]) -> EventMapping | None:
        """The run key: a digest of the job, or the id of the deployment's event."""
        return deployments(version(), self.parameters, every_time=self.every_time)

    def bind(self, target: LaunchTarget) -> None:
        """Create the rule."""
        make_rule(target, self.matched)
