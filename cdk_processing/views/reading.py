"""Reading runs from AWS as people see them: the RUN_ID and the outcome are not in Step Functions' list."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cdk_processing.contract.run_keys import run_id, run_key_of
from cdk_processing.contract.start import StartInput
from cdk_processing.views.runs import RunView, run_view
from cdk_processing.views.words import short_id

if TYPE_CHECKING:
    from cdk_processing.client import Job, ProcessingClient, Run, RunStatus

__all__ = ["find_run", "read_runs", "run_id_of", "shown_id", "started_run_id"]


def read_runs(client: ProcessingClient, job: str, *, status: RunStatus | None, limit: int) -> list[RunView]:
    """The latest runs of a job, the latest first.

    Args:
        client: Reads them.
        job: The job's name.
        status: Only runs whose execution has this status.
        limit: At most so many.
    """
    runs = client.runs(job, status=status, limit=limit, outcomes=True)
    if not runs:
        return []
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda run: run_view(run, run_id_of(client, run)), runs))


def find_run(client: ProcessingClient, job: str, text: str | None, *, prefer: RunStatus | None = None) -> Run:
    """The run that people mean by a text.

    Args:
        client: Reads it.
        job: The job's name.
        text: The RUN_ID, the name of the execution or of the processing job, or a unique beginning of one; left out,
            the latest run.
        prefer: Without a text, the latest run with that status, if there is one.

    Raises:
        UnknownRunError: There is no such run, or there are several.
    """
    known = client.job(job)
    if text is not None and (found := _by_processing_job(client, known, text.removeprefix(f"{known.base_name}-"))):
        return found
    return client.run(known, text, prefer=prefer)


def _by_processing_job(client: ProcessingClient, job: Job, text: str) -> Run | None:
    """The run whose latest processing job is named so, from the RUN_ID on."""
    from cdk_processing.client import UnknownRunError
    from cdk_processing.client.attempts import attempts_from
    from cdk_processing.client.errors import aws_errors_as_ours
    from cdk_processing.contract.names import JobName

    if re.fullmatch(r"[0-9a-f]{4,32}(-[0-9]+)?", text) is None:
        return None
    with aws_errors_as_ours(f"find the run {text} of {job.name}"):
        listed = client.account.sagemaker.list_processing_jobs(
            NameContains=f"{job.base_name}-{text}", SortBy="CreationTime", SortOrder="Descending", MaxResults=100
        )["ProcessingJobSummaries"]
    names = [JobName.parse(each["ProcessingJobName"]) for each in listed]
    ours = [
        name for name in names if name is not None and name.base == job.base_name and name.run_id.startswith(text[:32])
    ]
    run_ids = {name.run_id for name in ours}
    if len(run_ids) > 1:
        shown = ", ".join(sorted(run_ids)[:5])
        raise UnknownRunError(f"several runs of {job.name} begin with {text!r}: {shown}; give more of the id")
    for name in ours:
        attempts = attempts_from(client.account, name, name.attempt)
        for attempt in attempts:
            if attempt.is_of(job):
                return client.run(job, attempt.execution_arn)
    return None


def run_id_of(client: ProcessingClient, run: Run) -> str | None:
    """The RUN_ID of a run, or None where it never came to a processing job."""
    from cdk_processing.client.history import identify

    if run.outcome is not None and run.outcome.run_id is not None:
        return run.outcome.run_id
    first = identify(client.account, run).first
    return first.run_id if first is not None else None


def shown_id(client: ProcessingClient, run: Run) -> str:
    """The id of a run for people: the beginning of its RUN_ID, else the execution's name."""
    run_id = run_id_of(client, run)
    return short_id(run_id) if run_id is not None else run.name


def started_run_id(run: Run, run_key: str | None) -> str:
    """The RUN_ID of a run that was started by hand a moment ago, before its execution says so.

    Args:
        run: The run.
        run_key: The run key that it was started with.
    """
    key = run_key_of(StartInput(run_key=run_key).fields(), execution=run.arn)
    return run_id(run.job.state_machine_arn, key)
