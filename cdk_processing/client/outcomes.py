"""Outcomes: what a run that succeeded has done, which may well be nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Outcome"]

_NOTHING_DONE = {
    "Duplicate": "already ran: it was for another run with the same run key to do",
    "Superseded": "nothing was done: a newer event of the same key had come before",
    "Skipped": "nothing was done: another run was still going, and the job does not let them overlap",
}


@dataclass(frozen=True)
class Outcome:
    """What a run that succeeded has done.

    Attributes:
        status: ``Completed``, or why nothing was done: ``Duplicate``, ``Superseded``, ``Skipped``.
        run_id: The run id, the same for each run of one run key; None where it is not told.
        job_name: The processing job that it made; of a duplicate, the one that another run made; otherwise the one that
            it would have made.
        job_status: Of a duplicate, how that job did when it was looked at.
        made_by: Of a duplicate, the ARN of the run that made that job.
        outputs: Where each output is: its name and its URI.
    """

    status: str
    run_id: str | None = None
    job_name: str | None = None
    job_status: str | None = None
    made_by: str | None = None
    outputs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> Outcome | None:
        """The outcome in an execution's output; None where the output is not of a job of ours."""
        try:
            told: Any = json.loads(text or "null")
        except ValueError:
            return None
        if not isinstance(told, dict) or not isinstance(told.get("status"), str):
            return None
        outputs = told.get("outputs")
        return cls(
            status=told["status"],
            run_id=told.get("run_id"),
            job_name=told.get("job_name"),
            job_status=told.get("job_status"),
            made_by=told.get("made_by"),
            outputs=tuple(outputs.items()) if isinstance(outputs, dict) else (),
        )

    @property
    def did_something(self) -> bool:
        """Whether the run made its outputs itself."""
        return self.status == "Completed"

    def __str__(self) -> str:
        if self.status not in _NOTHING_DONE:
            return self.status
        whose = ""
        if self.status == "Duplicate" and self.made_by:
            whose = f": {self.made_by.rsplit(':', 1)[-1]}, whose job {self.job_name} was {self.job_status}"
        return f"{self.status}: {_NOTHING_DONE[self.status]}{whose}"
