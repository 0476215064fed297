"""Redriving: a failed run goes on with its next attempt, under the same run id and output location."""

from __future__ import annotations

from cdk_processing.client.account import Account
from cdk_processing.client.attempts import attempts_from, identity_of
from cdk_processing.client.errors import NothingToRedriveError
from cdk_processing.client.runs import Run, read_run, start_with_input

__all__ = ["redrive_run"]


def redrive_run(account: Account, run: Run) -> Run:
    """Start a run that failed once more: the same run key, so the same output location, and the next attempt number.

    Two people who redrive at once start two executions with the same attempt number, hence one processing job.

    Raises:
        NothingToRedriveError: It is still running, or it ended well, if only in a later attempt.
    """
    run = read_run(account, run.job, run.arn)
    name = f"{run.name} of {run.job.name}"
    if not run.ended:
        raise NothingToRedriveError(f"{name} is still running; stop it first, or wait for it")
    if run.succeeded:
        raise NothingToRedriveError(f"{name} succeeded; `cdk-processing start {run.job.name}` runs the job anew")
    identity = identity_of(account, run)
    attempts = list(attempts_from(account, run.job, identity, 1))
    latest = attempts[-1] if attempts else None
    if latest is not None and latest.status == "Completed":
        raise NothingToRedriveError(f"{name} has been redriven already: {latest.name} completed")
    if latest is not None and not latest.has_ended:
        raise NothingToRedriveError(f"{name} is being run already: {latest.name} is {latest.status}")
    return start_with_input(account, run.job, identity.redrive_input(1 if latest is None else latest.number + 1))
