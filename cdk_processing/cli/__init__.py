"""The command line: ``cdk-processing``. One file for each group of commands; `terminal` does the layout.

The commands are thin: `cdk_processing.client` and `cdk_processing.local` do the work, and `cdk_processing.views`
decides what users see. A command imports slow modules only when it runs, so that its first line appears soon.
"""

import sys

try:
    import click as _click
except ModuleNotFoundError:  # The library installs this script, but only its extras install click.
    sys.exit("cdk-processing needs its extras: pip install 'cdk-processing[local]' (or [client])")

from cdk_processing.cli.commands import main

__all__ = ["main"]

del _click
