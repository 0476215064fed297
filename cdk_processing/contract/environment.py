"""The environment variables that name the execution which created a processing job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["EXECUTION_VARIABLE", "IDENTITY_VARIABLE", "PARAMETERS_VARIABLE", "JobMarks"]

#: The ARN of the execution that created the job.
EXECUTION_VARIABLE = "CDK_PROCESSING_EXECUTION"
#: The identity of a job that has a ``job_id``; see :mod:`~cdk_processing.contract.identity`.
IDENTITY_VARIABLE = "CDK_PROCESSING_JOB_ID"
#: A digest of the values of the job's parameters; see :func:`~cdk_processing.contract.parameters.parameters_digest`.
PARAMETERS_VARIABLE = "CDK_PROCESSING_PARAMETERS"


@dataclass(frozen=True, slots=True)
class JobMarks:
    """The origin of a processing job, from its environment. In a definition, a text may be JSONata.

    Attributes:
        execution: The ARN of the execution that created it; None for other jobs.
        parameters: The digest of its parameters' values; None if it has none.
        identity: The identity of the ``ProcessingJob``; None if it has no ``job_id``.
    """

    execution: str | None = None
    parameters: str | None = None
    identity: str | None = None

    def render(self) -> dict[str, str]:
        """The variables by name."""
        marks = {
            EXECUTION_VARIABLE: self.execution,
            PARAMETERS_VARIABLE: self.parameters,
            IDENTITY_VARIABLE: self.identity,
        }
        return {name: value for name, value in marks.items() if value is not None}

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> JobMarks:
        """The origin from a job's environment."""
        return cls(
            environment.get(EXECUTION_VARIABLE),
            environment.get(PARAMETERS_VARIABLE),
            environment.get(IDENTITY_VARIABLE),
        )
