"""``runs``, ``logs`` and ``why``: look at the runs of a job."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cdk_processing.cli.account import account_options, connect
from cdk_processing.cli.terminal import LogPrinter, show_explained, show_left, show_runs, show_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_processing.client import ProcessingClient, Run

__all__ = ["explain", "follow", "logs", "runs", "watching", "why"]


@click.command()
@click.argument("job")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="Show at most so many.")
@click.option("--failed", is_flag=True, help="Show only runs that failed.")
@click.option("--executions", is_flag=True, help="Show the name of each run's Step Functions execution too.")
@account_options
def runs(job: str, limit: int, failed: bool, executions: bool) -> None:
    """List the runs of JOB, the latest first.

    RUN is the beginning of the RUN_ID. The other commands accept it, the whole RUN_ID, the name of the execution or of
    the SageMaker processing job, and any unique beginning of these.
    """
    from cdk_processing.views.reading import read_runs

    found = read_runs(connect(), job, status="FAILED" if failed else None, limit=limit)
    if not found:
        click.echo("No failed runs." if failed else "No runs yet.", err=True)
        return
    show_runs(found, executions=executions)


@click.command()
@click.argument("job")
@click.argument("run", required=False)
@click.option("-f", "--follow", "on", is_flag=True, help="Show new lines until the run has ended.")
@account_options
def logs(job: str, run: str | None, on: bool) -> None:
    """Show the log of RUN of JOB. Without RUN: of the latest run."""
    from cdk_processing.views.reading import shown_id

    client = connect()
    found = client.run(job, run)
    shown = shown_id(client, found)
    if on and not found.ended:
        with watching(found.job.name, shown):
            written = follow(client, found, until_end=True)
    else:
        written = follow(client, found, until_end=on)
    if not written:
        click.echo(f"{shown} has written nothing{'' if found.ended else ' yet'}.", err=True)


@click.command()
@click.argument("job")
@click.argument("run", required=False)
@click.option("-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="Lines of the log to show.")
@account_options
def why(job: str, run: str | None, lines: int) -> None:
    """Say why RUN of JOB ended as it did, and what it wrote. Without RUN: the latest run that failed."""
    client = connect()
    explain(client, client.run(job, run, prefer="FAILED"), lines)


def follow(client: ProcessingClient, run: Run, *, until_end: bool) -> int:
    """Print the log of a run, and what the run waits for while there are no lines; return the number of lines."""
    from cdk_processing.views.reading import read_waiting_text

    printer = LogPrinter()
    said = ""

    def say_what_is_waited_for(run: Run) -> None:
        nonlocal said
        text = read_waiting_text(client, run)
        if text not in ("", said):
            said = text
            show_waiting(text)

    for line in client.logs(run, follow=until_end, on_silence=say_what_is_waited_for):
        printer.show(line)
    return printer.count


@contextmanager
def watching(job: str, run: str) -> Iterator[None]:
    """On Ctrl-C, print that the run continues, and how to follow or stop it."""
    try:
        yield
    except KeyboardInterrupt:
        show_left(job, run)
        raise


def explain(client: ProcessingClient, run: Run, lines: int) -> None:
    """Print why a run ended as it did, with the last lines of its log."""
    from cdk_processing.views.reading import read_explained

    view, attempts = read_explained(client, run, lines=max(lines, 1))
    show_explained(view, attempts, lines=lines)
