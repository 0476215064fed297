"""Find deployed jobs, which are the state machines of `ProcessingJob` constructs, by their tags."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AmbiguousJobError, AwsCallError, UnknownJobError
from cdk_processing.contract.identity import identity_of
from cdk_processing.contract.tags import JOB_TAG, MachineTags
from cdk_processing.contract.version import VERSION, refuse_newer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_processing.client.account import Account

__all__ = ["Job", "find_job", "list_jobs", "machine_of_execution"]

_EXECUTION = re.compile(r"(arn:[^:]+:states:[^:]*:[^:]*:)execution:([^:]+):[^:]+")


@dataclass(frozen=True)
class Job:
    """A deployed job.

    Attributes:
        name: The construct's path, ``Census/Preprocess``.
        base_name: Prefix of the names of its processing jobs: ``<base_name>-<RUN_ID>-<attempt>``.
        state_machine_arn: The state machine whose executions are the job's runs.
        dead_letters: URL of its dead-letter queue; None if unknown.
        job_id: The job's id; None if it has none.
        contract: The contract version that it was deployed with; see :mod:`cdk_processing.contract.version`.
    """

    name: str
    base_name: str
    state_machine_arn: str
    dead_letters: str | None = field(default=None, compare=False)
    job_id: str | None = field(default=None, compare=False)
    contract: int = field(default=VERSION, compare=False)

    @property
    def identity(self) -> str:
        """The text from which the ids of its runs are computed."""
        return identity_of(self.job_id, self.state_machine_arn)

    @property
    def executions(self) -> str:
        """Prefix of the ARNs of its executions."""
        return f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:"


def list_jobs(account: Account) -> list[Job]:
    """List the jobs deployed to the account and region, sorted by name."""
    with aws_errors_as_ours("list the jobs"):
        found = {job.state_machine_arn: job for job in _jobs_from_tag_index(account)}
        if not found:
            found = {job.state_machine_arn: job for job in _jobs_from_state_machines(account)}
    return sorted(found.values(), key=lambda job: (job.name, job.state_machine_arn))


def find_job(account: Account, name: str) -> Job:
    """Find a job by its name.

    Args:
        account: The account and region of the job.
        name: The construct's path, its last part if that is unique, the job's id, the base name, or the state machine's
            ARN.

    Raises:
        UnknownJobError: No job has that name. The error lists similar names.
        AmbiguousJobError: Several jobs match.
        NewerContractError: A newer release of this library deployed it, in a way that this one cannot read.
    """
    jobs = list_jobs(account)
    # The most specific match wins, so that another job's last part never hides a full path.
    readings = (
        [job for job in jobs if job.state_machine_arn == name],
        [job for job in jobs if job.name == name],
        [job for job in jobs if job.job_id == name],
        [job for job in jobs if job.base_name == name],
        [job for job in jobs if job.name.endswith(f"/{name}")],
    )
    for matches in readings:
        if len(matches) > 1:
            raise AmbiguousJobError(name, (f"{job.state_machine_arn}  ({job.name})" for job in matches))
        if matches:
            refuse_newer(matches[0].contract, matches[0].name)
            return matches[0]
    raise UnknownJobError(name, {job.name for job in jobs}, str(account))


def machine_of_execution(text: str) -> str | None:
    """Return the ARN of the state machine of an execution's ARN; None for another text."""
    found = _EXECUTION.fullmatch(text)
    return f"{found[1]}stateMachine:{found[2]}" if found else None


def _job(arn: str, tags: dict[str, str]) -> Job | None:
    found = MachineTags.parse(tags)
    return (
        None if found is None else Job(found.job, found.base_name, arn, found.dead_letters, found.job_id, found.version)
    )


def _jobs_from_tag_index(account: Account) -> Iterator[Job]:
    """Find all jobs with one call. The index may lag some seconds, and the caller may lack the permission."""
    pages = account.client("resourcegroupstaggingapi").get_paginator("get_resources")
    try:
        with aws_errors_as_ours("list the jobs"):
            found = [
                entry
                for page in pages.paginate(TagFilters=[{"Key": JOB_TAG}], ResourceTypeFilters=["states:stateMachine"])
                for entry in page["ResourceTagMappingList"]
            ]
    except AwsCallError as error:
        if error.code is None:  # No answer at all, so another service will not help.
            raise
        return
    for entry in found:
        tags = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
        if (job := _job(entry["ResourceARN"], tags)) is not None:
            yield job


def _jobs_from_state_machines(account: Account) -> Iterator[Job]:
    """Read the tags of every state machine, one call each: used if there is no index, or it is still empty."""

    def tagged(arn: str) -> Job | None:
        tags = account.states.list_tags_for_resource(resourceArn=arn)["tags"]
        return _job(arn, {tag["key"]: tag["value"] for tag in tags})

    pages = account.states.get_paginator("list_state_machines").paginate()
    arns = [machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]]
    if not arns:
        return
    with ThreadPoolExecutor(max_workers=8) as pool:
        yield from (job for job in pool.map(tagged, arns) if job is not None)
