"""List, start, wait for and stop the runs of a job. A run is an execution of its state machine."""

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
    """One run of a job, as it was when the client read it.

    Attributes:
        job: The job.
        name: The execution's name.
        arn: The execution's ARN.
        status: The status in Step Functions.
        started: When it started, with a timezone.
        stopped: When it ended, or None while it runs.
        outcome: What a run that succeeded did; None for others, and for a run that was only listed.
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
        """Whether it has ended."""
        return self.status not in ("RUNNING", "PENDING_REDRIVE")

    @property
    def succeeded(self) -> bool:
        """Whether it succeeded."""
        return self.status == "SUCCEEDED"

    @property
    def duration(self) -> timedelta:
        """The time from its start to its end, or to now while it runs."""
        return max((self.stopped or datetime.now(timezone.utc)) - self.started, timedelta())


def list_runs(
    account: Account, job: Job, *, status: RunStatus | None = None, limit: int | None = 20, outcomes: bool = False
) -> list[Run]:
    """List the runs of a job, latest first.

    Args:
        account: The account and region of the job.
        job: The job.
        status: Only runs with this status; left out, all.
        limit: The most runs to return; None for all of the last 90 days, which is what AWS keeps.
        outcomes: Whether to read the outcome of each run that succeeded, which takes one more call each.
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
    """Create a run from an execution that Step Functions lists or describes."""
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
    """Read the current state of a run."""
    with aws_errors_as_ours(f"describe the run {arn.rsplit(':', 1)[-1]}"):
        execution = account.states.describe_execution(executionArn=arn)
    return run_of(job, execution)


def start_with_input(account: Account, job: Job, text: str, *, name: str | None = None) -> Run:
    """Start an execution of a job's state machine.

    Args:
        account: The account and region of the job.
        job: The job.
        text: The input, as JSON.
        name: The execution's name, which can be used once; left out, a new one.
    """
    named = {} if name is None else {"name": name}
    with aws_errors_as_ours(f"start {job.name}"):
        started = account.states.start_execution(stateMachineArn=job.state_machine_arn, input=text, **named)
    return read_run(account, job, started["executionArn"])


def read_input(account: Account, run: Run) -> str:
    """Read the input of a run, as JSON."""
    with aws_errors_as_ours(f"read the input of {run.name}"):
        return account.states.describe_execution(executionArn=run.arn).get("input", "{}")


def stop_run(account: Account, run: Run, *, cause: str = "Stopped with cdk-processing stop") -> Run:
    """Stop a run. Step Functions stops its processing job. A run that has ended stays as it is."""
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
    """Wait until a run has ended. Returns the run with its final status.

    Args:
        account: The account and region of the run.
        run: The run.
        timeout: The most seconds to wait; None for no limit.
        poll_seconds: Seconds between two polls.
        on_change: Called with the run each time its status changes.

    Raises:
        WaitTimeoutError: The run has not ended in that time. It continues to run.
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
    # A list of executions does not contain the outcome.
    return read_run(account, run.job, run.arn) if run.succeeded and run.outcome is None else run
