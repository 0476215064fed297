"""The base of all triggers: a frozen value that knows what it supplies and which resources it creates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from constructs import Construct

from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.workflow.admission import Admission
from cdk_processing.workflow.event_fields import EventField
from cdk_processing.workflow.launches import EventMapping

__all__ = ["LaunchTarget", "Trigger", "Upstream"]


class LaunchTarget(NamedTuple):
    """What a trigger launches: a job's state machine, and what an event needs to get there. ARNs may be CDK tokens.

    Attributes:
        job: The job's construct, in which the trigger makes its resources.
        job_path: The path by which people know the job.
        trigger_id: Construct id of the trigger's resource.
        state_machine_arn: The state machine to start.
        start_role_arn: The role by which it is started.
        dead_letter_queue_arn: Where an event goes that cannot be delivered.
        alert_topic_arn: The topic for alarms.
        job_id: The job's id; None if it has none.
    """

    job: Construct
    job_path: str
    trigger_id: str
    state_machine_arn: str
    start_role_arn: str
    dead_letter_queue_arn: str
    alert_topic_arn: str
    job_id: str | None = None


class Upstream(Protocol):
    """A job whose success launches other jobs."""

    @property
    def path(self) -> str:
        """The job's path."""

    @property
    def state_machine_arn(self) -> str:
        """ARN of the job's state machine."""

    @property
    def job_id(self) -> str | None:
        """The job's id; None if it has none."""

    def announce_success(self) -> None:
        """Have each run that succeeds send an event."""


class Trigger(ABC):
    """What launches a job. By default, an EventBridge rule that supplies no values."""

    __slots__ = ()

    @property
    def service(self) -> str:
        """The AWS service that starts the state machine."""
        return "events.amazonaws.com"

    @property
    def watched(self) -> S3Location | None:
        """The location whose new objects launch the job; None for other triggers."""
        return None

    @property
    def locations(self) -> Mapping[str, S3Location]:
        """The locations whose new objects launch the job, alone or together, by the field that names them."""
        return {} if self.watched is None else {"location": self.watched}

    @property
    def matched(self) -> Mapping[str, Any] | None:
        """The pattern of the events that launch the job; None if there is none."""
        return None

    @property
    def brings(self) -> Sequence[S3Location]:
        """Where the objects are that its events name, as far as synth knows."""
        return tuple(self.locations.values())

    @property
    def upstream(self) -> Upstream | None:
        """The job whose success launches the job; None for other triggers."""
        return None

    @property
    def given(self) -> Mapping[str, Any]:
        """Values for the job's parameters, by name: text, or an :class:`EventField`."""
        return {}

    @property
    def admission(self) -> Admission | None:
        """What decides whether one of its runs may have its job; None where each may."""
        return None

    @abstractmethod
    def supplies(self, value: RunTimeValue) -> bool:
        """Whether the trigger supplies a run-time value to its runs."""

    @abstractmethod
    def describe(self) -> str:
        """The trigger in a few words."""

    @abstractmethod
    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""

    def event_mapping(self, version: Callable[[], str]) -> EventMapping | None:
        """How to read the trigger's events, if not in the usual way.

        Args:
            version: Returns a digest of the job's request.
        """
        del version
        return None

    def event_mappings(self, version: Callable[[], str]) -> Sequence[EventMapping]:
        """The same for a trigger with several kinds of events."""
        mapping = self.event_mapping(version)
        return () if mapping is None else (mapping,)

    @abstractmethod
    def bind(self, target: LaunchTarget) -> None:
        """Create the trigger's resource."""


#: The values that every run has, whatever launched it.
ALWAYS_KNOWN = frozenset({"RUN_ID", "TRIGGER_TIME", "ATTEMPT"})
OBJECT_VALUES = frozenset(
    {
        "OBJECT_URI",
        "OBJECT_KEY",
        "OBJECT_BUCKET",
        "OBJECT_SIZE",
        "OBJECT_VERSION_ID",
        "FOLDER_URI",
        "PARTITION",
    }
)


def supplies(trigger: Trigger, value: RunTimeValue, known: frozenset[str] = frozenset()) -> bool:
    """Whether every run has a value, or the trigger supplies it, or it has a default."""
    return value.name in ALWAYS_KNOWN | known or value.default is not None or value.parameter in trigger.given


def given_problems(given: Any, *, brings_values: bool = True) -> list[Problem]:
    """What is wrong with values for parameters.

    Args:
        given: The values by name.
        brings_values: Whether a value may come from the trigger's events.
    """
    if not isinstance(given, Mapping):
        return [Problem("parameters", given, "a dict of name to text", "write {'name': 'value'}")]
    found = []
    for name, value in given.items():
        field = f"parameters[{name!r}]"
        if isinstance(value, EventField) and brings_values:
            found += value.problems(field)
        elif not isinstance(value, str):
            allowed = "a str or an EventField" if brings_values else "a str"
            found.append(Problem(field, value, allowed, f"write {str(value)!r}"))
    return found
