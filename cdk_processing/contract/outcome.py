"""The outcome of a run that succeeded: what it did, if anything. It is the output of the run's execution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = ["COMPLETED", "DUPLICATE", "MISSING_FIELD", "SKIPPED", "SUPERSEDED", "WAITING", "Outcome"]

#: The run made its outputs.
COMPLETED = "Completed"
#: Another run with the same run key has made, or makes, the job.
DUPLICATE = "Duplicate"
#: A newer arrival of the same object came first.
SUPERSEDED = "Superseded"
#: An earlier run was still running, and the job does not let runs overlap.
SKIPPED = "Skipped"
#: Other markers of the run had not come. The last one launches it.
WAITING = "Waiting"
#: The field of what had not come.
MISSING_FIELD = "missing"

_NOTHING_DONE = {
    DUPLICATE: "nothing was done: another run has the same run key",
    SUPERSEDED: "nothing was done: a newer version of the object arrived first",
    SKIPPED: "nothing was done: an earlier run was still running, and runs of this schedule do not overlap",
    WAITING: "nothing was done: the last marker launches the run",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run that succeeded. In a definition, each value may be JSONata.

    Attributes:
        status: ``Completed``, or why nothing was done: ``Duplicate``, ``Superseded``, ``Skipped``, ``Waiting``.
        run_id: The run's id, which every execution with this run key shares; None if the output lacks it.
        job_name: The processing job that it created. Of a duplicate, the job of the other run; otherwise the job that
            it would have created.
        job_status: Of a duplicate, the status of that job when the run looked at it.
        made_by: Of a duplicate, the ARN of the execution that created that job.
        outputs: The name and URI of each output. Only of a run that completed, and of a duplicate.
        missing: Of a run that waited, the sources whose markers had not come.
        version: The contract's version.
    """

    status: str
    run_id: str | None = None
    job_name: str | None = None
    job_status: str | None = None
    made_by: str | None = None
    outputs: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    version: int = VERSION

    def render(self) -> dict[str, Any]:
        """The execution's output as an object, without values that are None."""
        outputs = dict(self.outputs) if self.status in (COMPLETED, DUPLICATE) else None
        fields = {
            VERSION_FIELD: self.version,
            "status": self.status,
            "run_id": self.run_id,
            "job_name": self.job_name,
            "outputs": outputs,
            "job_status": self.job_status,
            "made_by": self.made_by,
            MISSING_FIELD: list(self.missing) or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def parse(cls, text: str | None) -> Outcome | None:
        """The outcome in an execution's output; None if the output is not from a job's run.

        Raises:
            NewerContractError: A newer release deployed the job.
        """
        try:
            found: Any = json.loads(text or "null")
        except ValueError:
            return None
        if not isinstance(found, dict) or not isinstance(found.get("status"), str):
            return None
        version = read_version(found, f"the output of run {found.get('run_id')}")
        outputs, missing = found.get("outputs"), found.get(MISSING_FIELD)
        return cls(
            status=found["status"],
            run_id=found.get("run_id"),
            job_name=found.get("job_name"),
            job_status=found.get("job_status"),
            made_by=found.get("made_by"),
            outputs=tuple(outputs.items()) if isinstance(outputs, Mapping) else (),
            missing=tuple(map(str, missing)) if isinstance(missing, list) else (),
            version=version,
        )

    @property
    def did_something(self) -> bool:
        """Whether the run itself wrote the outputs."""
        return self.status == COMPLETED

    def __str__(self) -> str:
        if self.status not in _NOTHING_DONE:
            return self.status
        other = f"; still missing: {', '.join(self.missing)}" if self.missing else ""
        if self.status == DUPLICATE and self.made_by:
            other = f" ({self.made_by.rsplit(':', 1)[-1]}; its job {self.job_name} was {self.job_status})"
        return f"{self.status}: {_NOTHING_DONE[self.status]}{other}"
