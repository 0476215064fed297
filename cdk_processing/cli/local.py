"""``local``: the embedded AWS with the app's stacks, until Ctrl-C."""

from __future__ import annotations

import re

import click

__all__ = ["local"]


def _checked_account(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (len(value) == 12 and value.isdigit()):
        raise click.BadParameter(f"an account is 12 digits, got {value!r}", ctx, option)
    return value


def _checked_region(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+", value):
        raise click.BadParameter(f"a region is written as us-east-1, got {value!r}", ctx, option)
    return value


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. [a free one]")
@click.option("--app", metavar="COMMAND", help="The CDK app, or the folder of its cloud assembly. [cdk.json's]")
@click.option("--no-deploy", is_flag=True, help="Start the embedded AWS with nothing deployed.")
@click.option("--python", metavar="FILE", help="Python to run every job with. [one like the job's image has]")
@click.option(
    "--region",
    metavar="NAME",
    callback=_checked_region,
    help="Region of stacks that name none. [AWS_REGION, else us-east-1]",
)
@click.option(
    "--account",
    metavar="ID",
    callback=_checked_account,
    help="Account of the embedded AWS. [the stacks', else 000000000000]",
)
@click.option(
    "--stand-in-roles",
    is_flag=True,
    help="Make execution roles that the app names by ARN and that do not exist here. They may do everything.",
)
@click.option("--no-watch", is_flag=True, help="Do not deploy again when a file of the app changes.")
@click.option("--plain", is_flag=True, help="Print a line for each change, as when the output is not a terminal.")
def local(
    port: int | None,
    app: str | None,
    no_deploy: bool,
    python: str | None,
    region: str | None,
    account: str | None,
    stand_in_roles: bool,
    no_watch: bool,
    plain: bool,
) -> None:
    """Run the app's stacks and jobs on this machine, until Ctrl-C.

    A change of the app or of a script is deployed while the session runs; jobs that run are not disturbed.
    """
    try:
        from cdk_processing.local.session.session import Options, run_session
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is missing; install the embedded AWS: pip install 'cdk-processing[local]'"
        ) from None
    run_session(Options(port, app, not no_deploy, python, region, account, plain, not no_watch, stand_in_roles))
