"""The environment variables that say which execution made a processing job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["EXECUTION_VARIABLE", "PARAMETERS_VARIABLE", "JobMarks"]

#: The ARN of the execution that made the job.
EXECUTION_VARIABLE = "CDK_PROCESSING_EXECUTION"
#: A digest of the values of the job's parameters; see :func:`~cdk_processing.contract.parameters.parameters_digest`.
PARAMETERS_VARIABLE = "CDK_PROCESSING_PARAMETERS"


@dataclass(frozen=True, slots=True)
class JobMarks:
    """What a processing job's environment says of its origin; a text may be JSONata.

    Attributes:
        execution: The ARN of the execution that made it; None for a job that is not ours.
        parameters: The digest of its parameters' values; None where it has none.
    """

    execution: str | None = None
    parameters: str | None = None

    def render(self) -> dict[str, str]:
        """The variables by name."""
        marks = {EXECUTION_VARIABLE: self.execution, PARAMETERS_VARIABLE: self.parameters}
        return {name: value for name, value in marks.items() if value is not None}

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> JobMarks:
        """What a job's environment says."""
        return cls(environment.get(EXECUTION_VARIABLE), environment.get(PARAMETERS_VARIABLE))
