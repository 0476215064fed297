"""`cdk-processing local`: synthesize, start, deploy, show runs, redeploy on changes, and clean up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cdk_processing.local.deployment.deploy import Deployment, DeploymentError, client_of
from cdk_processing.local.folders import owned_folder
from cdk_processing.local.session.deploying import AppOfSession
from cdk_processing.local.session.preflight import check_port, check_python, network_warning
from cdk_processing.local.session.report import Report
from cdk_processing.local.session.screen import LiveScreen, PlainScreen, Screen
from cdk_processing.local.session.sources import Sources
from cdk_processing.local.session.watch import Watch

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
    watch: bool = True
    stand_in_roles: bool = False


class _EndedError(BaseException):
    """A signal has asked the session to end."""


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
    report = Report(console)
    with ExitStack() as session:
        work = session.enter_context(owned_folder("out-"))
        app = AppOfSession(
            Path.cwd(),
            work,
            options.app,
            options.account or _DEFAULT_ACCOUNT,
            region,
            report,
            # If the user chose an interpreter, it replaces every image.
            build_images=options.python is None,
        )
        sources = session.enter_context(_sources(options, app))
        # Synthesize first: errors in the app are the most common failure, and the app sets the account.
        assembly = app.synthesize() if options.deploy else None
        account = options.account or _account_of(assembly)
        with report.step("starting the embedded AWS") as done:
            aws = session.enter_context(
                LocalAws(
                    port=options.port,
                    python=options.python,
                    region=region,
                    account_id=account,
                    stand_in_roles=options.stand_in_roles,
                )
            )
            done.append(f"embedded AWS on {aws.endpoint_url}")
        if assembly is not None:
            app.deploy(assembly, aws)
        _introduce(report, app.deployment, aws, sources)
        _watch(console, plain, app, aws, sources)


@contextmanager
def _sources(options: Options, app: AppOfSession) -> Iterator[Sources | None]:
    """Watch the app's files. Starts before they are read, so that no change is missed."""
    if not options.deploy or not options.watch or app.is_finished:
        yield None
    else:
        with Sources(app.folder) as sources:
            yield sources


def _introduce(report: Report, deployment: Deployment, aws: LocalAws, sources: Sources | None) -> None:
    """Show the buckets, the jobs, and the variables to export."""
    for warning in deployment.warnings:
        report.warning(warning)
    restricted = network_warning()
    if restricted is not None:
        report.warning(restricted)
    report.blank()
    report.deployed(deployment)
    report.exports(aws.environment())
    if sources is not None:
        report.line("watching for changes of the app and its scripts")


def _watch(console: Console, plain: bool, app: AppOfSession, aws: LocalAws, sources: Sources | None) -> None:
    """Show the runs, and redeploy on changes, until the session ends."""
    watch = Watch(aws, app.deployment.jobs, client_of(aws))
    screen: Screen = PlainScreen(console) if plain else LiveScreen(console)
    with screen:
        while True:
            screen.show(*watch.look())
            changed = sources.changed() if sources is not None else ()
            if changed:
                app.deploy_again(aws, changed)
                watch.add(app.deployment.jobs)
            time.sleep(_LOOK_EVERY)


def _account_of(assembly: Assembly | None) -> str:
    """Return the account of the stacks; 000000000000 if they set none."""
    accounts = {stack.account_id for stack in assembly.stacks if stack.account_id} if assembly is not None else set()
    if len(accounts) > 1:
        raise DeploymentError(
            f"The stacks belong to several accounts ({', '.join(sorted(accounts))}), but the embedded AWS has one; "
            "give --app a command that synthesizes the stacks of one account"
        )
    return accounts.pop() if accounts else _DEFAULT_ACCOUNT


@contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Turn the first termination signal into an exception, so that every ``with`` block cleans up."""

    def end(number: int, frame: FrameType | None) -> None:
        # A second Ctrl-C must not interrupt the clean-up.
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
