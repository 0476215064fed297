"""The Wait states of a job's state machine, by which one can say what a run waits for."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BACKOFF", "WAITED_FOR", "WAIT_FOR_JOB", "WAIT_FOR_TURN"]

#: The run waits before it creates its processing job again.
BACKOFF = "Backoff"
#: The run waits for a processing job that it has adopted.
WAIT_FOR_JOB = "WaitForJob"
#: The run waits for an earlier run of its schedule.
WAIT_FOR_TURN = "WaitForTurn"

#: What a run waits for in each, to complete "waiting ...".
WAITED_FOR: Mapping[str, str] = {
    BACKOFF: "to create the processing job again",
    WAIT_FOR_JOB: "for its processing job to end",
    WAIT_FOR_TURN: "for an earlier run of the job to end",
}
