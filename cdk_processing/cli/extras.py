"""What a command says where an extra of the library is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

__all__ = ["with_yaml"]


@contextmanager
def with_yaml() -> Iterator[None]:
    """Import what reads YAML, or end the command with what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(str(error)) from None
