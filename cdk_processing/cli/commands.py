"""The group of all commands. Errors end a command with a message, never with a traceback."""

from __future__ import annotations

from typing import Any

import click

from cdk_processing.cli.backfill import backfill, missing
from cdk_processing.cli.check import check
from cdk_processing.cli.dead_letters import dead_letters
from cdk_processing.cli.init import init
from cdk_processing.cli.interrupts import repeated_interrupts
from cdk_processing.cli.jobs import jobs
from cdk_processing.cli.launching import redrive, start, stop
from cdk_processing.cli.local import local
from cdk_processing.cli.policies import policies
from cdk_processing.cli.runs import logs, runs, why
from cdk_processing.cli.schema import prices, schema

__all__ = ["main"]


class _Commands(click.Group):
    """A group whose commands show the errors of this library and of botocore as messages."""

    def invoke(self, ctx: click.Context) -> Any:
        from cdk_processing.errors import CdkProcessingError

        try:
            with repeated_interrupts():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            # Ctrl-C gives the same exit code as for any program in a shell: https://tldp.org/LDP/abs/html/exitcodes.html
            raise click.exceptions.Exit(130) from None
        except CdkProcessingError as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            # Compare the module's name, because botocore is slow to import.
            if type(error).__module__.startswith("botocore."):
                raise click.ClickException(f"AWS could not be called: {error}") from error
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cdk-processing")
def main() -> None:
    """Run SageMaker Processing jobs on this machine, and work with deployed ones."""


for _command in (
    local,
    jobs,
    runs,
    start,
    logs,
    why,
    stop,
    redrive,
    missing,
    backfill,
    dead_letters,
    policies,
    init,
    check,
    schema,
    prices,
):
    main.add_command(_command)
