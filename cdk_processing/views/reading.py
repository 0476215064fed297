"""Reading runs from AWS as people see them: the RUN_ID and the outcome are not in Step Functions' list."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from cdk_processing.contract.run_keys import run_id, run_key_of
from cdk_processing.contract.start import StartInput
from cdk_processing.views.runs import Progress, RunView, explained_view, run_view
from cdk_processing.views.words import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_processing.client import Attempt, Job, ProcessingClient, Run, RunStatus

__all__ = ["find_run", "read_explained", "read_runs", "read_waiting_text", "run_id_of", "shown_id", "started_run_id"]

# A run without a processing job is looked for among so many of the latest.
_LATEST = 50


def read_runs(client: ProcessingClient, job: str, *, status: RunStatus | None, limit: int) -> list[RunView]:
    """The latest runs of a job, the latest first.

    Args:
        client: Reads them.
        job: The job's name.
        status: Only runs whose execution has this status.
        limit: At most so many.
    """
    runs = client.runs(job, status=status, limit=limit, outcomes=True)
    return [run_view(run, run_id) for run, run_id in zip(runs, _run_ids(client, runs), strict=True)]


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
    from cdk_processing.client import UnknownRunError

    known = client.job(job)
    if text is not None and (found := _by_processing_job(client, known, text.removeprefix(f"{known.base_name}-"))):
        return found
    try:
        return client.run(known, text, prefer=prefer)
    except UnknownRunError:
        if text is None:
            raise
    latest = client.runs(known, limit=_LATEST)
    ids = _run_ids(client, latest)
    matching = {run_id: run for run, run_id in zip(latest, ids, strict=True) if run_id and run_id.startswith(text)}
    if len(matching) == 1:
        return next(run for run, run_id in zip(latest, ids, strict=True) if run_id in matching)
    listed = [*matching] or [run_id or run.name for run, run_id in zip(latest, ids, strict=True)]
    shown = ", ".join(dict.fromkeys(map(short_id, listed[:5]))) or "none yet"
    if matching:
        raise UnknownRunError(f"several runs of {known.name} begin with {text!r}: {shown}; give more of the id")
    raise UnknownRunError(f"{known.name} has no run {text!r}; the latest are: {shown}")


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


def read_explained(client: ProcessingClient, run: Run, *, lines: int) -> tuple[RunView, tuple[Attempt, ...]]:
    """A run with all that is known of it, and its processing jobs.

    Args:
        client: Reads it.
        run: The run.
        lines: How many of the last lines of the log to read, at least one.
    """
    diagnosis = client.explain(run, log_lines=lines)
    view = explained_view(diagnosis, run_id_of(client, diagnosis.run))
    if diagnosis.run.ended:
        return view, diagnosis.attempts
    from cdk_processing.client.waiting import read_waiting

    waiting = read_waiting(client.account, diagnosis.run)
    progress = Progress("Waiting", waiting.what) if waiting.what else None
    return replace(view, reason=waiting.failure or view.reason, progress=progress), diagnosis.attempts


def read_waiting_text(client: ProcessingClient, run: Run) -> str:
    """What a run waits for and what went wrong last, in a line; empty while its processing job runs."""
    from cdk_processing.client.waiting import read_waiting

    waiting = read_waiting(client.account, run)
    if not waiting.what:
        return ""
    return f"waiting {waiting.what}" + (f"; last failure: {waiting.failure}" if waiting.failure else "")


def _run_ids(client: ProcessingClient, runs: Sequence[Run]) -> list[str | None]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda run: run_id_of(client, run), runs))


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
