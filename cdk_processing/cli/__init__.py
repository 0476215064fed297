"""The command line: ``cdk-processing``. One file for each group of commands; `terminal` does the layout.

The commands are thin: `cdk_processing.client` and `cdk_processing.local` do the work, and `cdk_processing.views` says
what people see of it. A command imports what is slow to import when it runs, so that its first line comes soon.
"""

import sys

try:
    import click as _click
except ModuleNotFoundError:  # The script is installed with the library, click only with its extras.
    sys.exit("cdk-processing needs its extras: pip install 'cdk-processing[local]' (or [client])")

from cdk_processing.cli.commands import main

__all__ = ["main"]

del _click
