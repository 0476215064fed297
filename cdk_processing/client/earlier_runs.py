"""Which runs a job has had, by the names of its processing jobs, and whether another job has had runs by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdk_processing.client.attempts import Attempt, attempts_from
from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.jobs import machine_of_execution
from cdk_processing.contract.identity import job_id_of
from cdk_processing.contract.names import JobName

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job

__all__ = ["EarlierRuns", "MadeRun", "find_earlier_runs", "list_made_runs"]

# A processing job is created after what launched it, up to the difference of the clocks.
_SLACK = timedelta(hours=1)
# How many names to look at, of the oldest and of the newest that are not explained.
_LOOKED_AT = 5


@dataclass(frozen=True, slots=True)
class MadeRun:
    """The latest processing job of a run.

    Attributes:
        attempt: Its attempt number.
        status: Its status.
    """

    attempt: int
    status: str

    @property
    def failed(self) -> bool:
        """Whether it failed or was stopped."""
        return self.status in ("Failed", "Stopped")


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """Runs that another job has had with a job's base name, for example the same job before it was renamed.

    Attributes:
        job_name: One of their processing jobs.
        job_id: What to give the job as ``job_id``, so that it continues these runs.
        base_name: What to give it as ``base_job_name``.
    """

    job_name: str
    job_id: str
    base_name: str

    def __str__(self) -> str:
        """What it means, and the fix."""
        return (
            f"the processing job {self.job_name} was made by a run of another job or state machine, so the runs of "
            f'this job are not known by what ran before; give it job_id="{self.job_id}" and '
            f'base_job_name="{self.base_name}", and deploy it'
        )


def list_made_runs(account: Account, job: Job, since: datetime | None = None) -> dict[str, MadeRun]:
    """List the runs with a job's base name that have created a processing job, by RUN_ID, oldest first.

    Args:
        account: The account and region of the job.
        job: The job.
        since: Only runs that were launched since then.
    """
    pages = account.sagemaker.get_paginator("list_processing_jobs")
    limits: dict[str, Any] = {} if since is None else {"CreationTimeAfter": since - _SLACK}
    made: dict[str, MadeRun] = {}
    with aws_errors_as_ours(f"list the processing jobs of {job.name}"):
        for page in pages.paginate(
            NameContains=f"{job.base_name}-", SortBy="CreationTime", SortOrder="Ascending", **limits
        ):
            for summary in page["ProcessingJobSummaries"]:
                name = JobName.parse(summary["ProcessingJobName"])
                if name is None or name.base != job.base_name:
                    continue
                before = made.get(name.run_id)
                if before is None or before.attempt < name.attempt:
                    made[name.run_id] = MadeRun(name.attempt, summary["ProcessingJobStatus"])
    return made


def find_earlier_runs(
    account: Account, job: Job, made: Mapping[str, MadeRun], explained: Collection[str]
) -> EarlierRuns | None:
    """Find out whether another job has had runs with a job's base name. Looks at a few of the oldest and the newest.

    Args:
        account: The account and region of the job.
        job: The job.
        made: The runs with its base name.
        explained: The RUN_IDs of runs that are its own.
    """
    unexplained = [run_id for run_id in made if run_id not in explained]
    for run_id in dict.fromkeys([*unexplained[:_LOOKED_AT], *unexplained[-_LOOKED_AT:]]):
        number = made[run_id].attempt
        attempt = next(attempts_from(account, JobName(job.base_name, run_id, number), number), None)
        if attempt is not None and attempt.execution_arn is not None and not attempt.is_of(job):
            return EarlierRuns(attempt.name, _job_id(attempt), job.base_name)
    return None


def _job_id(attempt: Attempt) -> str:
    """The id that continues the runs of the job that created a processing job."""
    if attempt.identity is not None:
        return job_id_of(attempt.identity)
    return machine_of_execution(str(attempt.execution_arn)) or str(attempt.execution_arn)
