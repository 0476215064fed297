"""Redrive a failed run: continue with its next attempt, with the same run id and output location."""

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
    """Start a failed run again: the same run key, so the same output location, and the next attempt number.

    If the run failed after its last processing job had completed, the redrive reuses that job and continues from there.
    If two people redrive at once, only one execution starts.

    Args:
        account: The account and region of the run.
        run: The run.
        known: The run's identity from its dead letter, used if its history does not contain it.

    Raises:
        NothingToRedriveError: The run is still running, or it or a later attempt succeeded.
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
    """Start a run again from its identity.

    Args:
        account: The account and region of the job.
        job: The job.
        identity: The run's identity.
        origin: The ARN of the execution that failed.

    Raises:
        NothingToRedriveError: Another attempt of the run is running, or has completed.
    """
    first = identity.first
    if first is None:
        # No job was created, and the run id is unknown: the state machine computes it again from the event.
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
            # The run may have ended just after we read the job.
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
            # The job completed, and the run failed afterwards: the redrive reuses that job and creates no other.
            attempt = latest.number
    envelope = RedriveEnvelope(identity.event, identity.run_key, first.run_id, attempt)
    return _start_once(account, job, first.run_id, envelope)


def _maker(account: Account, job: Job, attempt: Attempt) -> Run | None:
    """Return the run that created a job; None if Step Functions has deleted it, which it does after 90 days."""
    try:
        return read_run(account, job, str(attempt.execution_arn))
    except AwsCallError as error:
        if error.code == "ExecutionDoesNotExist":
            return None
        raise


def _start_once(account: Account, job: Job, run_id: str, envelope: RedriveEnvelope) -> Run:
    """Start a redrive under a deterministic name. If two people redrive at once, only one execution starts.

    A redrive that failed, or did nothing, has used its name, so the next one gets a number.
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
        # Somebody else has just started this redrive.
        raise NothingToRedriveError(f"it is being redriven already: {name} of {job.name}", done=False) from None
