"""Find a run by its RUN_ID, its execution, its processing job, or the beginning of one of these."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cdk_processing.client.attempts import Attempt, attempts_from
from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AmbiguousRunError, AwsCallError, UnknownRunError
from cdk_processing.client.history import run_id_of
from cdk_processing.client.runs import list_runs, read_run
from cdk_processing.contract.names import RUN_ID_LENGTH, JobName
from cdk_processing.contract.redrive import redrive_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.client.runs import Run, RunStatus

__all__ = ["find_run"]

# How many of the latest executions to search by the beginning of the name. This takes one call.
_LATEST = 1000
# How many of the latest runs without a processing job to search by RUN_ID. This takes two calls for each.
_LATEST_WITHOUT_JOB = 50
_SHOWN = 5
_RUN_ID = re.compile(rf"([0-9a-f]{{0,{RUN_ID_LENGTH}}})(?:-([0-9]*))?")


def find_run(account: Account, job: Job, text: str | None = None, *, prefer: RunStatus | None = None) -> Run:
    """Find a run of a job.

    Args:
        account: The account and region of the job.
        job: The job.
        text: The RUN_ID, the execution's name or ARN, the processing job's name or ARN, or a unique beginning of one.
            After a redrive, several executions have the same RUN_ID: it finds the latest redrive. Duplicates have the
            RUN_ID of the run that did the work: it finds that run. Left out, the latest run.
        prefer: Without a text, the latest run with this status, if there is one.

    Raises:
        UnknownRunError: There is no such run.
        AmbiguousRunError: Several runs match. The error lists them.
    """
    if text is None:
        latest = (prefer and list_runs(account, job, status=prefer, limit=1)) or list_runs(account, job, limit=1)
        if not latest:
            raise UnknownRunError(f"{job.name} has not run yet; start it with `cdk-processing start {job.name}`")
        return latest[0]
    name = _name_in(job, text)
    if (exact := _execution(account, job, name)) is not None:
        return exact
    recent = list_runs(account, job, limit=_LATEST)
    found = {run.arn: run for run in recent if run.name.startswith(name)}
    found.update({run.arn: run for run in _by_processing_job(account, job, name, recent)})
    if not found:
        found = {run.arn: run for run in _by_run_id(account, recent[:_LATEST_WITHOUT_JOB], name)}
    if len(found) > 1:
        raise AmbiguousRunError(job.name, text, _listed(account, list(found.values())))
    for run in found.values():
        return run
    shown = _listed(account, recent[:_SHOWN])
    hint = "the latest are\n  " + "\n  ".join(shown) if shown else "it has not run yet"
    raise UnknownRunError(f"{job.name} has no run {text!r}; {hint}")


def _name_in(job: Job, text: str) -> str:
    """Return the name in an ARN; any other text unchanged."""
    if not text.startswith("arn:"):
        return text
    if ":execution:" in text and not text.startswith(job.executions):
        raise UnknownRunError(f"{text} is no run of {job.name}; its runs begin with {job.executions}")
    return text.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _execution(account: Account, job: Job, name: str) -> Run | None:
    return _run(account, job, f"{job.executions}{name}")


def _run(account: Account, job: Job, arn: str) -> Run | None:
    try:
        return read_run(account, job, arn)
    except AwsCallError as error:
        # AWS answers an invalid execution name with a ValidationException.
        if error.code in ("ExecutionDoesNotExist", "InvalidArn", "ValidationException"):
            return None
        raise


def _by_processing_job(account: Account, job: Job, text: str, recent: Sequence[Run]) -> list[Run]:
    """Find runs whose RUN_ID or processing job begins with the text; one run for each RUN_ID."""
    parts = _RUN_ID.fullmatch(text.removeprefix(f"{job.base_name}-"))
    if parts is None or not text:
        return []
    latest: dict[str, JobName] = {}
    for name in _processing_jobs(account, job, f"{job.base_name}-{parts[1]}"):
        fits = name.base == job.base_name and name.run_id.startswith(parts[1])
        if fits and (not parts[2] or name.attempt == int(parts[2])):
            known = latest.get(name.run_id)
            latest[name.run_id] = name if known is None or name.attempt > known.attempt else known
    makers = ((name, _maker(account, job, name)) for name in latest.values())
    found = {name.run_id: run for name, run in makers if run is not None}
    # A redrive is the newest run of its RUN_ID even before it has created its processing job.
    return [run if parts[2] else _redrive_of(run_id, recent) or run for run_id, run in found.items()]


def _redrive_of(run_id: str, recent: Sequence[Run]) -> Run | None:
    return next((run for run in recent if run.name.startswith(redrive_prefix(run_id))), None)


def _processing_jobs(account: Account, job: Job, beginning: str) -> list[JobName]:
    try:
        with aws_errors_as_ours(f"list the processing jobs of {job.name}"):
            listed = account.sagemaker.list_processing_jobs(
                NameContains=beginning, SortBy="CreationTime", SortOrder="Descending", MaxResults=100
            )["ProcessingJobSummaries"]
    except AwsCallError as error:
        if error.is_denied:  # Runs can still be found by their executions.
            return []
        raise
    names = [JobName.parse(summary["ProcessingJobName"]) for summary in listed]
    return [name for name in names if name is not None]


def _maker(account: Account, job: Job, name: JobName) -> Run | None:
    """Return the run that created a processing job; None if no run of this job did, or Step Functions deleted it."""
    attempt: Attempt | None = next(attempts_from(account, name, name.attempt), None)
    if attempt is None or not attempt.is_of(job):
        return None
    return _run(account, job, str(attempt.execution_arn))


def _by_run_id(account: Account, runs: Sequence[Run], text: str) -> list[Run]:
    """Find runs whose RUN_ID begins with the text, without their processing jobs; one run for each RUN_ID."""
    if not text or re.fullmatch(rf"[0-9a-f]{{1,{RUN_ID_LENGTH}}}", text) is None:
        return []
    found: dict[str, Run] = {}
    for run, run_id in zip(runs, _run_ids(account, runs), strict=True):
        if run_id is None or not run_id.startswith(text):
            continue
        # Prefer the latest redrive, else the first run: later runs are duplicates. But a run without a processing job
        # that succeeded did nothing; it may have waited for one that failed.
        known = found.get(run_id)
        is_redrive = known is not None and known.name.startswith(redrive_prefix(run_id))
        if not is_redrive and (known is None or known.succeeded or not run.succeeded):
            found[run_id] = run
    return list(found.values())


def _run_ids(account: Account, runs: Sequence[Run]) -> list[str | None]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda run: run_id_of(account, run), runs))


def _listed(account: Account, runs: Sequence[Run]) -> list[str]:
    """Return a line for each run: its RUN_ID, state, start and execution."""
    shown = sorted(runs, key=lambda run: run.started, reverse=True)[:_SHOWN]
    lines = [
        f"{run_id or '-':<{RUN_ID_LENGTH}}  {run.status:<9}  {run.started.astimezone():%Y-%m-%d %H:%M}  {run.name}"
        for run, run_id in zip(shown, _run_ids(account, shown), strict=True)
    ]
    more = len(runs) - len(shown)
    return [*lines, f"and {more:,} more"] if more else lines
