"""The options that say which account and region a command works with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from typing import Any

    from cdk_processing.client import ProcessingClient

__all__ = ["account_options", "connect"]

Command = TypeVar("Command", bound="Callable[..., Any]")


def _keep(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    """Store an option for :func:`connect`, so that commands need not pass on the three options."""
    ctx.meta[f"{__name__}.{option.name}"] = value


def _keep_endpoint(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None and (problem := _endpoint_problem(value)):
        raise click.BadParameter(problem, ctx, option)
    _keep(ctx, option, value)


_OPTIONS = (
    click.option("--profile", metavar="NAME", expose_value=False, callback=_keep, help="Profile of the AWS config."),
    click.option("--region", metavar="NAME", expose_value=False, callback=_keep, help="AWS region."),
    click.option(
        "--endpoint-url",
        metavar="URL",
        expose_value=False,
        callback=_keep_endpoint,
        help="URL of an embedded AWS, as `cdk-processing local` prints it.",
    ),
)


def account_options(command: Command) -> Command:
    """Add ``--profile``, ``--region`` and ``--endpoint-url`` to a command. :func:`connect` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def connect() -> ProcessingClient:
    """Create the client for the account and region of the running command."""
    from cdk_processing.client import ProcessingClient

    ctx = click.get_current_context()
    profile, region, endpoint_url = (ctx.meta[f"{__name__}.{name}"] for name in ("profile", "region", "endpoint_url"))
    from_environment = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint_url is None and from_environment and (problem := _endpoint_problem(from_environment)):
        raise click.UsageError(f"AWS_ENDPOINT_URL {problem}", ctx)
    return ctx.with_resource(ProcessingClient(profile=profile, region=region, endpoint_url=endpoint_url))


def _endpoint_problem(url: str) -> str | None:
    """Return what is wrong with an endpoint URL; None if nothing."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        right = False
    if right:
        return None
    fix = "" if "://" in url else f"; did you mean http://{url}?"
    return f"must be a URL such as http://127.0.0.1:4566, got {url!r}{fix}"
