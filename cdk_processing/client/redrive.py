"""Redriving: a failed run goes on with its next attempt, under the same run id and output location."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING

from cdk_processing.client.attempts import attempts_from
from cdk_processing.client.errors import AwsCallError, NothingToRedriveError
from cdk_processing.client.history import RunIdentity, identify
from cdk_processing.client.runs import Run, read_run, start_with_input
from cdk_processing.contract.redrive import RedriveEnvelope, redrive_name

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.attempts import Attempt
    from cdk_processing.client.jobs import Job

__all__ = ["redrive_identity", "redrive_run"]


def redrive_run(account: Account, run: Run, known: RunIdentity | None = None) -> Run:
    """Start a run that failed once more: the same run key, so the same output location, and the next attempt number.

    If the run failed after its last processing job had completed, the redrive adopts that job and goes on from there.
    Two people who redrive at once start one execution.

    Args:
        account: Where the run is.
        run: The run.
        known: Who the run is, from its dead letter; used where its history does not say.

    Raises:
        NothingToRedriveError: It is still running, or it ended well, if only in a later attempt.
    """
    run = read_run(account, run.job, run.arn)
    name = f"{run.name} of {run.job.name}"
    if not run.ended:
        raise NothingToRedriveError(f"{name} is still running; stop it first, or wait for it", done=False)
    if run.succeeded:
        if run.outcome is not None and not run.outcome.did_something:
            raise NothingToRedriveError(f"{name} succeeded as {run.outcome}; there is nothing to redrive", done=True)
        raise NothingToRedriveError(
            f"{name} succeeded; `cdk-processing start {run.job.name}` runs the job anew", done=True
        )
    identity = identify(account, run)
    if identity.first is None and known is not None and known.first is not None:
        identity = RunIdentity(identity.event, known.first, known.run_key)
    return redrive_identity(account, run.job, identity, run.arn)


def redrive_identity(account: Account, job: Job, identity: RunIdentity, origin: str) -> Run:
    """Start a run once more, knowing who it is.

    Args:
        account: Where the job is.
        job: The job.
        identity: Who the run is.
        origin: The ARN of the execution that failed.

    Raises:
        NothingToRedriveError: Another attempt of it runs, or has completed.
    """
    first = identity.first
    if first is None:
        # No job was made, and no run id is known: the state machine works it out from the event anew.
        digest = hashlib.md5(origin.encode(), usedforsecurity=False).hexdigest()
        return _start_once(account, job, digest, RedriveEnvelope(identity.event, identity.run_key))
    name = f"{origin.rsplit(':', 1)[-1]} of {job.name}"
    attempts = list(attempts_from(account, first, 1))
    latest = attempts[-1] if attempts else None
    attempt = 1 if latest is None else latest.number + 1
    if latest is not None and latest.is_of(job):
        maker = _maker(account, job, latest)
        if maker is not None and not maker.ended:
            raise NothingToRedriveError(
                f"{name} is being run already, by {maker.name}: {latest.name} is {latest.status}", done=False
            )
        if not latest.has_ended:
            # Its run may have ended just after the job was looked at.
            latest = next(attempts_from(account, first, latest.number), latest)
        if not latest.has_ended:
            raise NothingToRedriveError(
                f"{name} has a job that has not ended: {latest.name} is {latest.status}; try again when it has, or "
                f"stop it with `aws sagemaker stop-processing-job --processing-job-name {latest.name}`",
                done=False,
            )
        if latest.status == "Completed":
            if maker is None or maker.succeeded:
                raise NothingToRedriveError(f"{name} has been redriven already: {latest.name} completed", done=True)
            # The job did its work, and the run failed after it: the redrive adopts that job and makes no other.
            attempt = latest.number
    envelope = RedriveEnvelope(identity.event, identity.run_key, first.run_id, attempt)
    return _start_once(account, job, first.run_id, envelope)


def _maker(account: Account, job: Job, attempt: Attempt) -> Run | None:
    """The run that made a job; None where Step Functions has forgotten it, which it does after 90 days."""
    try:
        return read_run(account, job, str(attempt.execution_arn))
    except AwsCallError as error:
        if error.code == "ExecutionDoesNotExist":
            return None
        raise


def _start_once(account: Account, job: Job, run_id: str, envelope: RedriveEnvelope) -> Run:
    """Start a redrive under a name that says which it is, so that two people who redrive at once start one.

    A redrive that failed, or did nothing, has used up its name; the next one is numbered.
    """
    for number in count(1):
        numbered = redrive_name(run_id, envelope.attempt, number)
        try:
            before = read_run(account, job, f"{job.executions}{numbered}")
        except AwsCallError as error:
            if error.code != "ExecutionDoesNotExist":
                raise
            return _start(account, job, numbered, envelope.render())
        if not before.ended:
            raise NothingToRedriveError(f"it is being redriven already: {before.name} of {job.name}", done=False)
        if before.succeeded and (before.outcome is None or before.outcome.did_something):
            raise NothingToRedriveError(f"it has been redriven already: {before.name} of {job.name}", done=True)
    raise AssertionError("count() does not end")


def _start(account: Account, job: Job, name: str, text: str) -> Run:
    try:
        return start_with_input(account, job, text, name=name)
    except AwsCallError as error:
        if error.code != "ExecutionAlreadyExists":
            raise
        # Somebody was quicker by a moment.
        raise NothingToRedriveError(f"it is being redriven already: {name} of {job.name}", done=False) from None
