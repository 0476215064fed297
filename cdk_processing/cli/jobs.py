"""``jobs``: the deployed jobs."""

from __future__ import annotations

import click

from cdk_processing.cli.account import account_options, connect
from cdk_processing.cli.terminal import show_jobs

__all__ = ["jobs"]


@click.command()
@account_options
def jobs() -> None:
    """List the deployed jobs."""
    client = connect()
    found = client.jobs()
    if not found:
        click.echo(f"No jobs are deployed in {client.account}.", err=True)
        return
    show_jobs(found)
