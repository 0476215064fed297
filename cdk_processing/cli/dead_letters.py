"""``dead-letters``: runs that failed for good, and undelivered events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cdk_processing.cli.account import account_options, connect
from cdk_processing.cli.terminal import show_letter

if TYPE_CHECKING:
    from cdk_processing.client import DeadLetter, ProcessingClient, RedrivenLetter

__all__ = ["dead_letters"]


@click.command("dead-letters")
@click.argument("job", required=False)
@click.option(
    "--redrive", "again", is_flag=True, help="Run each again, and delete its letter once the run has started."
)
@click.option("--delete", "drop", is_flag=True, help="Delete them. Asks first.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@account_options
def dead_letters(job: str | None, again: bool, drop: bool, yes: bool) -> None:
    """Show the dead letters of JOB: runs that failed for good, and events that could not be delivered.

    Without JOB: of all jobs. Showing them changes nothing. The exit code is 1 if one could not be redriven or deleted.
    """
    if again and drop:
        raise click.UsageError("--redrive and --delete exclude each other")
    client = connect()
    if again:
        _redrive(client, job)
        return
    letters = client.dead_letters(job)
    unknown = [each.name for each in client.jobs() if each.dead_letters is None] if job is None else []
    if unknown:
        click.echo(
            f"Not shown: the dead letters of {', '.join(unknown)}; an older version of cdk_processing deployed them, "
            "so their queue is not known. Deploy them again to see theirs too.",
            err=True,
        )
    if not letters:
        click.echo("No dead letters.", err=True)
        return
    _show(letters)
    if drop:
        _delete(client, letters, yes)


def _show(letters: Sequence[DeadLetter]) -> None:
    from cdk_processing.views import letter_view

    for letter in letters:
        show_letter(letter_view(letter))


def _redrive(client: ProcessingClient, job: str | None) -> None:
    results = client.redrive_dead_letters(job, on_result=lambda result: _show_redriven(client, result))
    if not results:
        click.echo("No dead letters.", err=True)
    if not all(result.deleted for result in results):
        raise click.exceptions.Exit(1)


def _show_redriven(client: ProcessingClient, result: RedrivenLetter) -> None:
    from cdk_processing.views.letters import redriven_text
    from cdk_processing.views.reading import shown_id
    from cdk_processing.views.words import short_id

    run_id = result.letter.run_id
    started = None
    if result.run is not None:
        started = short_id(run_id) if run_id else shown_id(client, result.run)
    click.echo(redriven_text(result, started))
    if result.run is not None and result.why:
        click.echo(f"  {result.why}")


def _delete(client: ProcessingClient, letters: Sequence[DeadLetter], yes: bool) -> None:
    from cdk_processing.views.words import counted

    readable = [letter for letter in letters if letter.kind != "unreadable"]
    count = counted(len(readable), "dead letter")
    if readable and not yes:
        click.confirm(f"Delete {count}? Their runs and events will never be processed.", abort=True)
    deleted = client.delete_dead_letters(readable)
    click.echo(f"{len(deleted)} of {count} deleted")
    if len(letters) > len(readable):
        click.echo(f"{len(letters) - len(readable)} left in the queue, because this version cannot read them")
    if len(deleted) < len(letters):
        raise click.exceptions.Exit(1)
