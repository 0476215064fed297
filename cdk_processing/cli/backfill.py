"""``missing`` and ``backfill``: the runs that a job should have had and has not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click

from cdk_processing.cli.account import account_options, connect
from cdk_processing.cli.terminal import show_missing

if TYPE_CHECKING:
    from typing import Any

    from cdk_processing.client import Backfill, BackfillProgress, MissingRuns

__all__ = ["backfill", "missing"]

Command = TypeVar("Command", bound="Callable[..., Any]")

_SHOWN = 20
_TIME = click.DateTime(["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"])
_WITHIN = (
    click.option(
        "--prefix", metavar="KEY", help="Only objects whose keys begin with it: a key or an s3:// URI. No schedules."
    ),
    click.option(
        "--since",
        type=_TIME,
        metavar="TIME",
        help="Only objects written since, and scheduled times from: 2026-03-01T00:00+01:00. Schedules need it.",
    ),
    click.option("--until", type=_TIME, metavar="TIME", help="Only what is before. Default: now."),
)


def _within_options(command: Command) -> Command:
    """Add ``--prefix``, ``--since`` and ``--until``."""
    for option in reversed(_WITHIN):
        command = option(command)
    return command


@click.command()
@click.argument("job")
@_within_options
@account_options
def missing(job: str, prefix: str | None, since: datetime | None, until: datetime | None) -> None:
    """List the runs that JOB should have had and has not, and those that failed.

    An object that JOB watches is missing a run if it was there before JOB, or if its event was lost. A scheduled time
    is, if the schedule did not exist or did not launch. Nothing is started.

    \b
    Examples:
      cdk-processing missing Census/Preprocess
      cdk-processing missing Census/Preprocess --prefix census/2026/
      cdk-processing missing Nightly/Report --since 2026-03-01T00:00+01:00
    """  # noqa: D301 - click keeps the lines after \b
    found = connect().missing(job, prefix=prefix, since=since, until=until)
    _show_notes(found)
    show_missing(found)
    click.echo(_summary(found), err=True)


@click.command()
@click.argument("job")
@_within_options
@click.option(
    "--max-running", type=click.IntRange(1), default=10, show_default=True, help="At most so many runs at once."
)
@click.option("--dry-run", is_flag=True, help="Show what would be started, and start nothing.")
@click.option(
    "--ignore-earlier-runs",
    is_flag=True,
    help="Start runs though another job has had runs with the base name of JOB: before it was renamed, for example.",
)
@account_options
def backfill(
    job: str,
    prefix: str | None,
    since: datetime | None,
    until: datetime | None,
    max_running: int,
    dry_run: bool,
    ignore_earlier_runs: bool,
) -> None:
    """Start the runs that JOB should have had and has not. `missing` lists them.

    A run that has a processing job is not started again, and an event that arrives meanwhile makes no second one. So
    you may stop a backfill with Ctrl-C and call it again: it goes on. Exit code 1 if a run could not be started.

    \b
    Examples:
      cdk-processing backfill Census/Preprocess --dry-run
      cdk-processing backfill Census/Preprocess --prefix census/2026/ --max-running 4
      cdk-processing backfill Nightly/Report --since 2026-03-01T00:00+01:00 --until 2026-04-01T00:00+02:00
    """  # noqa: D301 - as above
    client = connect()
    found = client.job(job)
    if dry_run:
        would = client.missing(found, prefix=prefix, since=since, until=until)
        _show_notes(would)
        show_missing(would, limit=_SHOWN)
        if (more := max(len(would.missing), len(would.failed)) - _SHOWN) > 0:
            click.echo(f"... and more; `cdk-processing missing {found.name}` lists all ({more:,} of a state)")
        click.echo(_summary(would))
        return
    with _progress(found.name) as show:
        done = client.backfill(
            found,
            prefix=prefix,
            since=since,
            until=until,
            max_running=max_running,
            ignore_earlier_runs=ignore_earlier_runs,
            on_progress=show,
        )
    _show_done(done)
    if done.not_started:
        raise click.exceptions.Exit(1)


@contextmanager
def _progress(job: str) -> Iterator[Callable[[BackfillProgress], None]]:
    """Show how far a backfill is: a bar in a terminal, otherwise a line for each tenth. On Ctrl-C, how to go on."""
    try:
        with _bar(job) if sys.stderr.isatty() else _lines() as show:
            yield show
    except KeyboardInterrupt:
        click.echo("\nThe runs that were started go on. Call the same backfill again to start the others.", err=True)
        raise


@contextmanager
def _lines() -> Iterator[Callable[[BackfillProgress], None]]:
    shown = -1

    def show(progress: BackfillProgress) -> None:
        nonlocal shown
        tenth = 10 * progress.done // progress.total
        if tenth != shown:
            shown = tenth
            click.echo(f"{progress.done:,} of {progress.total:,} missing runs, {progress.running} running", err=True)

    yield show


@contextmanager
def _bar(job: str) -> Iterator[Callable[[BackfillProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn(job),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[running]} running"),
        console=Console(stderr=True),
        transient=True,
    )

    def show(progress: BackfillProgress) -> None:
        bar.update(task, completed=progress.done, total=progress.total, running=progress.running)

    with bar:
        task = bar.add_task(job, total=None, running=0)
        yield show


def _show_notes(found: MissingRuns) -> None:
    """Print first what makes a backfill run everything again, then what could not be looked at."""
    if found.earlier is not None:
        click.secho(f"Careful: {found.earlier}", fg="red", err=True)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)


def _summary(found: MissingRuns) -> str:
    return f"{len(found.missing):,} missing, {len(found.failed):,} failed, {found.ran:,} have a run"


def _show_done(done: Backfill) -> None:
    for note in done.notes:
        click.echo(f"Note: {note}", err=True)
    for left in done.not_started[:_SHOWN]:
        click.echo(f"not started: {left.run.what} ({left.run.due.isoformat()}): {left.reason}", err=True)
    for run in done.failed[:_SHOWN]:
        click.echo(f"failed: {run.what}; run it again: {run.redrive}", err=True)
    if len(done.failed) > _SHOWN:
        click.echo(f"... `cdk-processing missing {done.job.name}` lists all that failed", err=True)
    counts = [f"{done.started:,} started", f"{done.ran:,} had a run already", f"{len(done.failed):,} failed"]
    if done.duplicates:
        counts.append(f"{done.duplicates:,} of those started were duplicates")
    if done.not_started:
        counts.append(f"{len(done.not_started):,} could not be started")
    click.echo(", ".join(counts))
