"""The event that a run sends when it has succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = ["SUCCEEDED", "SUCCESS_SOURCE", "SuccessEvent"]

#: The event's source.
SUCCESS_SOURCE = "cdk-processing"
#: The event's detail type.
SUCCEEDED = "Processing Job Run Succeeded"


@dataclass(frozen=True, slots=True)
class SuccessEvent:
    """The event's detail. In a definition, each value may be JSONata.

    Attributes:
        job: The construct's path.
        state_machine: ARN of the job's state machine.
        execution: ARN of the run's execution.
        run_id: The run's id.
        run_key: The run's key.
        trigger_time: The run's time, in ISO 8601.
        attempt: The attempt that succeeded.
        job_name: Name of that attempt's processing job.
        outputs: The name and URI of each output.
        parameters: The parameters' values, by name.
        identity: The job's identity; None if it has no ``job_id``.
        version: The contract's version.
    """

    job: str
    state_machine: str
    execution: str
    run_id: str
    run_key: str
    trigger_time: str
    attempt: int | str
    job_name: str
    outputs: Mapping[str, str] | str
    parameters: Mapping[str, str] | str
    identity: str | None = None
    version: int = VERSION

    def render(self) -> dict[str, Any]:
        """The event's detail, as an object."""
        return {
            VERSION_FIELD: self.version,
            "job": self.job,
            "state_machine": self.state_machine,
            "execution": self.execution,
            "run_id": self.run_id,
            "run_key": self.run_key,
            "trigger_time": self.trigger_time,
            "attempt": self.attempt,
            "job_name": self.job_name,
            "outputs": self.outputs,
            "parameters": self.parameters,
            **({} if self.identity is None else {"identity": self.identity}),
        }

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> SuccessEvent | None:
        """The detail of an event; None if it is another event.

        Raises:
            NewerContractError: A newer release deployed the job.
        """
        if event.get("source") != SUCCESS_SOURCE or event.get("detail-type") != SUCCEEDED:
            return None
        detail: Mapping[str, Any] = event["detail"]
        version = read_version(detail, f"the success event of {detail.get('job')}")
        return cls(
            job=str(detail["job"]),
            state_machine=str(detail["state_machine"]),
            execution=str(detail["execution"]),
            run_id=str(detail["run_id"]),
            run_key=str(detail["run_key"]),
            trigger_time=str(detail["trigger_time"]),
            attempt=int(detail["attempt"]),
            job_name=str(detail["job_name"]),
            outputs=dict(detail.get("outputs") or {}),
            parameters=dict(detail.get("parameters") or {}),
            identity=detail.get("identity"),
            version=version,
        )
