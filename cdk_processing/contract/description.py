"""The description of a job in a template: the metadata of its state machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = ["METADATA", "JobDescription"]

#: The key of the metadata.
METADATA = "cdk-processing"

#: Text, or the CloudFormation expression that becomes it: ``{"Fn::Join": [...]}``.
Text = Any


@dataclass(frozen=True, slots=True)
class JobDescription:
    """The description of a job, for people and tools that read templates.

    Attributes:
        job: The construct's path.
        base_name: The beginning of the names of its processing jobs.
        triggers: What launches it, each in a few words.
        outputs: The location of each output, by name.
        job_id: The job's id; None if it has none.
        version: The contract's version.
    """

    job: Text
    base_name: Text
    triggers: tuple[Text, ...] = ()
    outputs: Mapping[str, Text] | None = None
    job_id: str | None = None
    version: int = VERSION

    def render(self) -> dict[str, Any]:
        """The metadata's value."""
        return {
            VERSION_FIELD: self.version,
            "job": self.job,
            "base_name": self.base_name,
            "triggers": list(self.triggers),
            "outputs": dict(self.outputs or {}),
            **({} if self.job_id is None else {"job_id": self.job_id}),
        }

    @classmethod
    def parse(cls, resource: Mapping[str, Any]) -> JobDescription | None:
        """The description in a resource of a template; None if the resource is not the state machine of a job.

        Raises:
            NewerContractError: A newer release made the template.
        """
        metadata = resource.get("Metadata")
        found = metadata.get(METADATA) if isinstance(metadata, Mapping) else None
        if resource.get("Type") != "AWS::StepFunctions::StateMachine" or not isinstance(found, Mapping):
            return None
        version = read_version(found, f"the metadata of {found.get('job')}")
        return cls(
            job=found.get("job", ""),
            base_name=found.get("base_name", ""),
            triggers=tuple(found.get("triggers", ())),
            outputs=dict(found.get("outputs", {})),
            job_id=found.get("job_id"),
            version=version,
        )
