"""The identity of a job: the text from which the ids of its runs are computed, and which outlives its name.

A job without ``job_id`` is its state machine. So its runs are unknown to the state machine that takes its place when
the job is renamed, moved to another stack, or replaced.

| ``job_id`` | identity |
|---|---|
| none | the ARN of the job's state machine |
| ``census-clean`` | ``job:census-clean:`` |
| the ARN of a state machine | that ARN: the job continues the runs of that state machine |
"""

from __future__ import annotations

import re

__all__ = ["JOB_ID", "continued_executions", "identity_of", "job_id_of"]

#: What a ``job_id`` that is no ARN consists of.
JOB_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

_MACHINE = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[^:/]{1,80}")


def identity_of(job_id: str | None, state_machine: str) -> str:
    """The identity of a job.

    Args:
        job_id: The job's id, or the ARN of the state machine whose runs it continues; None if it has none.
        state_machine: The ARN of the job's state machine.

    Example:
        >>> identity_of("census-clean", "arn:aws:states:eu-west-1:111122223333:stateMachine:Clean")
        'job:census-clean:'
    """
    if job_id is None:
        return state_machine
    # No run key begins with a job's id, so the colon at the end keeps two ids apart of which one begins the other.
    return job_id if _MACHINE.fullmatch(job_id) else f"job:{job_id}:"


def job_id_of(identity: str) -> str:
    """The ``job_id`` that gives a job this identity. The inverse of :func:`identity_of`.

    Example:
        >>> job_id_of("job:census-clean:")
        'census-clean'
    """
    return identity.removeprefix("job:").removesuffix(":") if identity.startswith("job:") else identity


def continued_executions(job_id: str | None) -> str | None:
    """The prefix of the ARNs of the executions that a job continues; None if ``job_id`` is not an ARN.

    Example:
        >>> continued_executions("arn:aws:states:eu-west-1:111122223333:stateMachine:Clean")
        'arn:aws:states:eu-west-1:111122223333:execution:Clean:'
    """
    if job_id is None or not _MACHINE.fullmatch(job_id):
        return None
    return f"{job_id.replace(':stateMachine:', ':execution:')}:"
