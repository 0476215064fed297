"""The description of a rule that launches a job. It names the run key of its events, if that is not the usual one."""

from __future__ import annotations

import re

__all__ = ["ITS_OWN", "USUAL", "rule_description", "run_key_of_rule"]

#: The run key that an event has without a trigger's help: of a new object, its version.
USUAL = "version"
#: A run key that the trigger computes from the event; only the state machine can compute it.
ITS_OWN = "own"

_RUN_KEY = re.compile(r"; run key: ([a-z]+)$")


def rule_description(job: str, run_key: str = USUAL) -> str:
    """The description of a rule.

    Args:
        job: The job's construct path.
        run_key: By what the runs of its events are known: ``version``, ``content``, ``event``, ``folder`` or ``own``.

    Example:
        >>> rule_description("Census/Clean", "content")
        'Launches Census/Clean; run key: content'
    """
    return f"Launches {job}" if run_key == USUAL else f"Launches {job}; run key: {run_key}"


def run_key_of_rule(description: str) -> str:
    """By what the runs of a rule's events are known."""
    found = _RUN_KEY.search(description)
    return USUAL if found is None else found[1]
