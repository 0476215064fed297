"""The Wait states of a job's state machine, by which one can say what a run waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping

__all__ = ["BACKOFF", "WAITED_FOR", "WAIT_FOR_JOB", "WAIT_FOR_PLACE", "WAIT_FOR_TURN", "waited_for"]

#: The run waits before it creates its processing job again.
BACKOFF = "Backoff"
#: The run waits for a processing job that it has adopted.
WAIT_FOR_JOB = "WaitForJob"
#: The run waits for an earlier run of its schedule.
WAIT_FOR_TURN = "WaitForTurn"
#: The run waits because so many runs or instances work as the job or its platform allows.
WAIT_FOR_PLACE = "WaitForPlace"

#: What a run waits for in each, to complete "waiting ...".
WAITED_FOR: Mapping[str, str] = {
    BACKOFF: "to create the processing job again",
    WAIT_FOR_JOB: "for its processing job to end",
    WAIT_FOR_TURN: "for an earlier run of the job to end",
    WAIT_FOR_PLACE: "for its turn",
}


def waited_for(state: str, data: str | None = None) -> str:
    """What a run waits for in a Wait state, to complete "waiting ...".

    Args:
        state: The state's name.
        data: The state's input, as JSON.

    Example:
        >>> waited_for("WaitForPlace", '{"before": 3, "running": 2, "more": false}')
        'for its turn: 3 before it, 2 of them running'
    """
    what = WAITED_FOR.get(state, f"in the state {state}")
    return what + _queue(data) if state == WAIT_FOR_PLACE else what


def _queue(data: str | None) -> str:
    try:
        answer = json.loads(data or "{}")
        before, running = int(answer["before"]), int(answer["running"])
    except (KeyError, TypeError, ValueError):
        return ""  # no answer: the call failed
    return f": {'at least ' if answer.get('more') else ''}{before} before it, {running} of them running"
