"""Runs of a job: the executions of its state machine; listing, starting, waiting, stopping."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import WaitTimeoutError
from cdk_processing.contract.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef, ExecutionListItemTypeDef

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job

__all__ = [
    "Run",
    "RunStatus",
    "list_runs",
    "read_input",
    "read_run",
    "run_of",
    "start_with_input",
    "stop_run",
    "wait_for_run",
]

RunStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]


@dataclass(frozen=True)
class Run:
    """One run of a job, as it was when it was read.

    Attributes:
        job: The job it is a run of.
        name: The execution's name.
        arn: The execution's ARN.
        status: Step Functions' own word.
        started: When it was started, with a timezone.
        stopped: When it ended, or None while it runs.
        outcome: What it has done, of a run that succeeded; None of a run that was only listed.
    """

    job: Job
    name: str
    arn: str
    status: RunStatus
    started: datetime
    stopped: datetime | None = None
    outcome: Outcome | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen in it."""
        return self.status not in ("RUNNING", "PENDING_REDRIVE")

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.status == "SUCCEEDED"

    @property
    def duration(self) -> timedelta:
        """From start to end, or until now while it runs."""
        return max((self.stopped or datetime.now(timezone.utc)) - self.started, timedelta())


def list_runs(
    account: Account, job: Job, *, status: RunStatus | None = None, limit: int | None = 20, outcomes: bool = False
) -> list[Run]:
    """Runs of a job, the latest first.

    Args:
        account: Where to look.
        job: The job.
        status: Only runs in that state; left out, all.
        limit: At most so many; None for all that AWS still knows (90 days).
        outcomes: Bring the outcome of each run that succeeded, with one more call for each.
    """
    with aws_errors_as_ours(f"list the runs of {job.name}"):
        found = list(islice(_executions(account, job, status, limit), limit))
    if not outcomes or not found:
        return found
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda run: read_run(account, job, run.arn) if run.succeeded else run, found))


def _executions(account: Account, job: Job, status: RunStatus | None, limit: int | None) -> Iterator[Run]:
    filters: dict[str, Any] = {} if status is None else {"statusFilter": status}
    paginator = account.states.get_paginator("list_executions")
    filters["PaginationConfig"] = {"PageSize": min(limit or 1000, 1000)}
    for page in paginator.paginate(stateMachineArn=job.state_machine_arn, **filters):
        for execution in page["executions"]:
            yield run_of(job, execution)


def run_of(job: Job, execution: ExecutionListItemTypeDef | DescribeExecutionOutputTypeDef) -> Run:
    """A run from an execution, as Step Functions lists or describes it."""
    return Run(
        job=job,
        name=execution["name"],
        arn=execution["executionArn"],
        status=execution["status"],
        started=execution["startDate"],
        stopped=execution.get("stopDate"),
        outcome=Outcome.parse(execution.get("output")) if execution["status"] == "SUCCEEDED" else None,  # type: ignore[arg-type]
    )


def read_run(account: Account, job: Job, arn: str) -> Run:
    """A run as it is now."""
    with aws_errors_as_ours(f"describe the run {arn.rsplit(':', 1)[-1]}"):
        execution = account.states.describe_execution(executionArn=arn)
    return run_of(job, execution)


def start_with_input(account: Account, job: Job, text: str, *, name: str | None = None) -> Run:
    """Start an execution of a job's state machine with an input as it is.

    Args:
        account: Where the job is.
        job: The job.
        text: The input, JSON.
        name: The execution's name, which can be given once; left out, a fresh one.
    """
    named = {} if name is None else {"name": name}
    with aws_errors_as_ours(f"start {job.name}"):
        started = account.states.start_execution(stateMachineArn=job.state_machine_arn, input=text, **named)
    return read_run(account, job, started["executionArn"])


def read_input(account: Account, run: Run) -> str:
    """What a run was started with, as JSON."""
    with aws_errors_as_ours(f"read the input of {run.name}"):
        return account.states.describe_execution(executionArn=run.arn).get("input", "{}")


def stop_run(account: Account, run: Run, *, cause: str = "Stopped with cdk-processing stop") -> Run:
    """Stop a run; Step Functions stops the processing job it waits for. One that has ended is returned as it is."""
    run = read_run(account, run.job, run.arn)
    if run.ended:
        return run
    with aws_errors_as_ours(f"stop {run.name}"):
        account.states.stop_execution(executionArn=run.arn, error="StoppedByUser", cause=cause)
    return read_run(account, run.job, run.arn)


def wait_for_run(
    account: Account,
    run: Run,
    *,
    timeout: float | None = None,
    poll_seconds: float = 2.0,
    on_change: Callable[[Run], None] | None = None,
) -> Run:
    """Wait until a run has ended, well or not; look at the status of what is returned.

    Args:
        account: Where the run is.
        run: The run.
        timeout: Give up after so many seconds; None waits for ever.
        poll_seconds: How long to wait between two looks.
        on_change: Called with the run each time its status has changed.

    Raises:
        WaitTimeoutError: It has not ended in that time. It goes on.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while not run.ended:
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeoutError(f"{run.name} of {run.job.name} is still {run.status} after {timeout:g} s")
        time.sleep(poll_seconds if deadline is None else max(0.0, min(poll_seconds, deadline - time.monotonic())))
        latest = read_run(account, run.job, run.arn)
        if latest.status != run.status and on_change is not None:
            on_change(latest)
        run = latest
    # A list does not say the outcome.
    return read_run(account, run.job, run.arn) if run.succeeded and run.outcome is None else run
