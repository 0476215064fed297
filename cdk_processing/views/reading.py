"""Reads runs from AWS to show to people. Adds the RUN_ID and the outcome, which ListExecutions does not return."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from cdk_processing.client.waiting import read_waiting
from cdk_processing.contract.run_keys import run_id, run_key_of
from cdk_processing.contract.start import StartInput
from cdk_processing.views.runs import Progress, RunView, explained_view, run_view
from cdk_processing.views.words import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_processing.client import Attempt, ProcessingClient, Run, RunStatus

__all__ = ["read_explained", "read_runs", "read_waiting_text", "shown_id", "started_run_id"]


def read_runs(client: ProcessingClient, job: str, *, status: RunStatus | None, limit: int) -> list[RunView]:
    """The latest runs of a job, newest first.

    Args:
        client: The client to read with.
        job: The job's name.
        status: Only runs whose execution has this status.
        limit: The maximum number of runs.
    """
    runs = client.runs(job, status=status, limit=limit, outcomes=True)
    views = [run_view(run, run_id) for run, run_id in zip(runs, _run_ids(client, runs), strict=True)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        waiting = pool.map(lambda run: None if run.ended else _waiting(client, run), runs)
        return [replace(view, progress=progress) for view, progress in zip(views, waiting, strict=True)]


def read_explained(client: ProcessingClient, run: Run, *, lines: int) -> tuple[RunView, tuple[Attempt, ...]]:
    """A run with all available details, and its processing jobs.

    Args:
        client: The client to read with.
        run: The run.
        lines: How many lines to read from the end of the log, at least one.
    """
    diagnosis = client.explain(run, log_lines=lines)
    view = explained_view(diagnosis, client.run_id(diagnosis.run))
    if diagnosis.run.ended:
        return view, diagnosis.attempts
    waiting = read_waiting(client.account, diagnosis.run)
    progress = Progress("Waiting", waiting.what) if waiting.what else None
    return replace(view, reason=waiting.failure or view.reason, progress=progress), diagnosis.attempts


def read_waiting_text(client: ProcessingClient, run: Run) -> str:
    """What a run waits for and its last failure, in one line; empty while its processing job runs."""
    waiting = read_waiting(client.account, run)
    if not waiting.what:
        return ""
    return f"waiting {waiting.what}" + (f"; last failure: {waiting.failure}" if waiting.failure else "")


def _waiting(client: ProcessingClient, run: Run) -> Progress | None:
    """What a run waits for; None while its processing job runs."""
    what = read_waiting(client.account, run).what
    return Progress("Waiting", what) if what else None


def _run_ids(client: ProcessingClient, runs: Sequence[Run]) -> list[str | None]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(client.run_id, runs))


def shown_id(client: ProcessingClient, run: Run) -> str:
    """The id to show for a run: the beginning of its RUN_ID, or the execution's name if that is not known."""
    run_id = client.run_id(run)
    return short_id(run_id) if run_id is not None else run.name


def started_run_id(run: Run, run_key: str | None) -> str:
    """The RUN_ID of a run that was just started manually, before its execution reports it.

    Args:
        run: The run.
        run_key: The run key passed at the start.
    """
    key = run_key_of(StartInput(run_key=run_key).fields(), execution=run.arn)
    return run_id(run.job.identity, key)
