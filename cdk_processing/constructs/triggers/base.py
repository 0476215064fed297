"""What every trigger is: a frozen value that says what it supplies, and binds itself to a job."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from constructs import Construct

from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import RunTimeValue

__all__ = ["Launch", "Trigger"]


class Launch(NamedTuple):
    """What a trigger needs to start a job's state machine.

    Attributes:
        scope: The job.
        construct_id: Id for the trigger's resource.
        state_machine_arn: What to start.
        role_arn: The role to start it with.
        queue_arn: Where an event goes that could not be delivered.
    """

    scope: Construct
    construct_id: str
    state_machine_arn: Any
    role_arn: Any
    queue_arn: Any


class Trigger(Protocol):
    """What launches a job."""

    @property
    def service(self) -> str:
        """The AWS service that starts the state machine."""

    @property
    def watched(self) -> S3Location | None:
        """Where new objects launch the job; None for other triggers."""

    def supplies(self, value: RunTimeValue) -> bool:
        """Whether a run that this trigger launches knows the value."""

    def describe(self) -> str:
        """The trigger in a few words."""

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""

    def bind(self, launch: Launch) -> None:
        """Make the one resource that the trigger is."""


#: What every run knows, whatever launched it.
ALWAYS_KNOWN = frozenset({"RUN_ID", "TRIGGER_TIME", "ATTEMPT"})
OBJECT_VALUES = frozenset({"OBJECT_URI", "OBJECT_KEY", "OBJECT_BUCKET", "OBJECT_SIZE", "OBJECT_VERSION_ID"})
