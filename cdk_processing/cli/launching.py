"""``start``, ``stop`` and ``redrive``: begin and end runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cdk_processing.cli.account import account_options, connect
from cdk_processing.cli.runs import explain, follow, watching
from cdk_processing.cli.terminal import show_ended

if TYPE_CHECKING:
    from cdk_processing.client import ProcessingClient, Run

__all__ = ["redrive", "start", "stop"]

_WAIT_HELP = "Follow the log and wait for the end; exit code 1 if the run fails."


@click.command()
@click.argument("job")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="The same as NAME=VALUE.")
@click.option(
    "--run-key",
    metavar="TEXT",
    help="Names the work of this run. A second start with the same key and the same values starts nothing.",
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="The run's TRIGGER_TIME, to make up for a missed day: 2026-03-28T06:00+01:00. Default: now.",
)
@click.option(
    "--folder",
    "folders",
    multiple=True,
    metavar="[NAME=]s3://BUCKET/.../",
    help="The folder to read, in place of a marker's. For a job with several sources, NAME= and once for each.",
)
@click.option("--wait", is_flag=True, help=_WAIT_HELP)
@account_options
def start(
    job: str,
    values: Sequence[str],
    parameters: Sequence[str],
    run_key: str | None,
    at: datetime | None,
    folders: Sequence[str],
    wait: bool,
) -> None:
    """Start JOB by hand, with values for its parameters.

    The values are checked against the job's parameters first. If one is wrong, nothing starts.
    """
    from cdk_processing.views.reading import started_run_id
    from cdk_processing.views.words import short_id

    given, folder = _given([*values, *parameters]), _folder(folders)
    client = connect()
    found = client.job(job)
    run, is_new = client.start_or_find(found, given, run_key=run_key, at=at, folder=folder)
    shown = short_id(started_run_id(run, run_key))
    with watching(found.name, shown) if wait else nullcontext():
        if is_new:
            click.echo(f"{shown}: started {found.name}")
        else:
            _show_used_run_key(client, run, shown)
        if wait:
            _wait(client, run, shown)


@click.command()
@click.argument("job")
@click.argument("run", required=False)
@account_options
def stop(job: str, run: str | None) -> None:
    """Stop RUN of JOB and its processing job. Without RUN: the latest run that is running."""
    from cdk_processing.views.reading import shown_id
    from cdk_processing.views.states import state_of

    client = connect()
    found = client.run(job, run, prefer="RUNNING")
    shown = shown_id(client, found)
    if found.ended:
        click.echo(f"{shown} has ended already: {state_of(found.status, found.outcome).word}")
        return
    client.stop(found)
    click.echo(f"{shown}: stopped")


@click.command()
@click.argument("job")
@click.argument("run", required=False)
@click.option("--wait", is_flag=True, help=_WAIT_HELP)
@account_options
def redrive(job: str, run: str | None, wait: bool) -> None:
    """Run RUN of JOB again. Without RUN: the latest run that failed.

    The run keeps its RUN_ID, so it writes to the same output location. Runs that were aborted can be redriven too. The
    run's dead letter is deleted.
    """
    from cdk_processing.client import ProcessingClientError
    from cdk_processing.views.reading import shown_id

    client = connect()
    failed = client.run(job, run, prefer="FAILED")
    redriven = client.redrive(failed)
    shown = shown_id(client, failed)
    try:
        if client.delete_dead_letters_of(failed):
            click.echo(f"{shown}: its dead letter is deleted")
    except ProcessingClientError as error:
        click.echo(f"{shown}: its dead letter was not deleted: {error}", err=True)
    with watching(redriven.job.name, shown) if wait else nullcontext():
        click.echo(f"{shown}: started {redriven.job.name} again")
        if wait:
            _wait(client, redriven, shown)


def _given(texts: Sequence[str], hint: str = "NAME=VALUE") -> dict[str, str]:
    """Parse the parameters; returns values by name."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name):
            raise click.BadParameter(f"{text!r} is not {hint}", param_hint=hint)
        if name in given:
            raise click.BadParameter(f"{name} is given twice", param_hint=hint)
        given[name] = value
    return given


def _folder(texts: Sequence[str]) -> str | dict[str, str] | None:
    """Parse the folders: one, or that of each source by its name."""
    whole = [text for text in texts if text.startswith("s3://")]
    if not whole:
        return _given(texts, "NAME=s3://BUCKET/.../") or None
    if len(texts) > 1:
        raise click.BadParameter("each of several folders needs the NAME= of its source", param_hint="--folder")
    return whole[0]


def _show_used_run_key(client: ProcessingClient, run: Run, shown: str) -> None:
    """Print which run has this run key, how it ended, and how to run it again."""
    from cdk_processing.views.states import state_of

    word = state_of(run.status, run.outcome).word
    click.echo(f"{shown}: this run has the run key, and is {word}; nothing was started")
    if run.ended and not run.succeeded and client.explain(run, log_lines=1).redrive_helps:
        click.echo(f"  run it again: cdk-processing redrive {run.job.name} {shown}")


def _wait(client: ProcessingClient, run: Run, shown: str) -> None:
    """Follow a run to its end, and show how it ended."""
    from dataclasses import replace

    from cdk_processing.views import run_view

    follow(client, run, until_end=True)
    ended = client.wait(run, poll_seconds=0.5)
    if ended.outcome is not None and ended.outcome.did_something:
        show_ended(replace(run_view(ended), id=shown))
    else:
        explain(client, ended, 0)
    if not ended.succeeded:
        raise click.exceptions.Exit(1)
