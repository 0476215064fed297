import time

import click
from click.testing import CliRunner

from cdk_processing.cli.commands import _Commands
from tests.patience import PATIENCE


class Dropped:
    """Something whose end is interrupted: Python has nobody to raise it to."""

    def __del__(self):
        raise KeyboardInterrupt


@click.group(cls=_Commands)
def main():
    """Commands, as those of the command line."""


@main.command()
def wait():
    """Wait for long, and do not notice what comes in a callback."""
    Dropped()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_ctrl_c_that_python_drops_in_a_callback_ends_the_command_all_the_same():
    ended = CliRunner().invoke(main, ["wait"])
    assert (ended.exit_code, ended.output.strip()) == (130, "")
