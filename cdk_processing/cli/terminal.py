"""Print tables, runs and dead letters on the terminal. Commands and AWS calls are in other modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cdk_processing.views.colours import COLOURS
from cdk_processing.views.words import in_time, local_time, short_id

if TYPE_CHECKING:
    from cdk_processing.client import Attempt, Job, LogLine, MissingRuns
    from cdk_processing.views import LetterView, RunView

__all__ = [
    "LogPrinter",
    "show_ended",
    "show_explained",
    "show_jobs",
    "show_left",
    "show_letter",
    "show_missing",
    "show_runs",
    "show_waiting",
]


def show_jobs(jobs: Iterable[Job]) -> None:
    """Print jobs in a table."""
    rows = [(job.name, job.base_name, job.state_machine_arn) for job in jobs]
    _table(("JOB", "BASE NAME", "STATE MACHINE"), rows)


def show_runs(views: Sequence[RunView], *, executions: bool = False) -> None:
    """Print runs in a table; if any of them waits, with what for.

    Args:
        views: The runs.
        executions: Whether to add the names of their executions.
    """
    waits = any(view.progress is not None for view in views)
    titles = ["RUN", "STATE", "STARTED", "DURATION"]
    titles += [*(["EXECUTION"] if executions else []), *(["WAITS"] if waits else [])]
    rows = [
        [
            view.id,
            view.state.word,
            local_time(view.started) if view.started is not None else "-",
            in_time(view.seconds),
            *([view.execution] if executions else []),
            *([view.progress.doing if view.progress is not None else ""] if waits else []),
        ]
        for view in views
    ]
    colours = [COLOURS[view.state.tone] for view in views]
    _table(titles, rows, coloured_column=1, colours=colours)


def show_ended(view: RunView) -> None:
    """Print how a run has ended, and what it wrote."""
    click.echo(f"{view.id}: {_state(view)} after {in_time(view.seconds)}")
    for output in view.outputs:
        click.echo(f"  output {output.name}: {output.uri}")


def show_explained(view: RunView, attempts: Sequence[Attempt], *, lines: int) -> None:
    """Print a run, its attempts, the end of its log, why it ended as it did, and what to do.

    Args:
        view: The run.
        attempts: Its processing jobs.
        lines: How many of the last log lines to show.
    """
    click.echo(f"{view.job} {view.id}: {_state(view)} after {in_time(view.seconds)}")
    for attempt in attempts:
        click.echo(f"  attempt {attempt.number}: {attempt.name} {attempt.status}")
    if view.state.meaning:
        click.echo(f"  {view.state.word}: {view.state.meaning}")
    if lines and view.log_tail:
        click.echo("  last lines of the log:")
        for line in view.log_tail[-lines:]:
            click.echo(f"    {line}")
    for detail in view.details():
        click.echo(f"  {detail}")
    if view.can_be_redriven:
        click.echo(f"  run it again: cdk-processing redrive {view.job} {view.id}")


def show_letter(view: LetterView) -> None:
    """Print a dead letter."""
    click.echo("  ".join((click.style(local_time(view.when), dim=True), view.job, view.what)))
    if view.reason:
        click.secho(f"  {view.reason}", fg=COLOURS["bad"])
    for detail in view.details():
        click.echo(f"  {detail}")


def show_missing(found: MissingRuns, *, limit: int | None = None) -> None:
    """Print runs that are missing or have failed in a table; at most so many, if there is a limit."""
    rows = [
        *((short_id(due.run_id), "missing", local_time(due.due), due.what) for due in found.missing[:limit]),
        *((short_id(run.run_id), "failed", local_time(run.due), run.what) for run in found.failed[:limit]),
    ]
    if rows:
        colours = [COLOURS["busy" if row[1] == "missing" else "bad"] for row in rows]
        _table(("RUN", "STATE", "SINCE", "WHAT"), rows, coloured_column=1, colours=colours)


def show_left(job: str, run: str) -> None:
    """Print on stderr that the run continues, and how to follow or stop it."""
    click.echo(err=True)
    click.echo(f"{run} goes on: cdk-processing logs {job} {run} -f, or cdk-processing stop {job} {run}", err=True)


def show_waiting(text: str) -> None:
    """Print what a run waits for, on stderr because it is not a log line."""
    click.echo(
        f"{click.style(f'{datetime.now():%H:%M:%S}', dim=True)} {click.style(text, fg=COLOURS['busy'])}", err=True
    )


class LogPrinter:
    """Prints log lines; names the host once there are several.

    Attributes:
        count: How many lines it has printed.
    """

    def __init__(self) -> None:
        self.count = 0
        self._hosts: set[str] = set()

    def show(self, line: LogLine) -> None:
        """Print a line."""
        self.count += 1
        self._hosts.add(line.host)
        host = f"{line.host} " if len(self._hosts) > 1 else ""
        click.echo(f"{click.style(f'{line.time.astimezone():%H:%M:%S}', dim=True)} {host}{line.message}")


def _state(view: RunView) -> str:
    return click.style(view.state.word, fg=COLOURS[view.state.tone])


def _table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    coloured_column: int | None = None,
    colours: Sequence[str | None] = (),
) -> None:
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    click.echo("  ".join(title.ljust(width) for title, width in zip(titles, widths, strict=True)).rstrip())
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if coloured_column is not None:
            cells[coloured_column] = click.style(cells[coloured_column], fg=colours[number])
        click.echo("  ".join(cells).rstrip())
