"""Draw runs on a terminal, or print plain lines without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cdk_processing.views.colours import COLOURS
from cdk_processing.views.words import in_bytes, in_time

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cdk_processing.local.session.watch import Change
    from cdk_processing.views import Progress, RunView

__all__ = ["LiveScreen", "PlainScreen", "Screen"]

_MOST_ROWS = 12


class Screen(Protocol):
    """Shows runs."""

    def __enter__(self) -> Screen:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the terminal."""

    def show(self, running: Sequence[RunView], changes: Sequence[Change]) -> None:
        """Show the changes, and the runs that have not ended."""


class PlainScreen:
    """One line for each change, for a log file or a pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> PlainScreen:
        """Do nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing."""

    def show(self, running: Sequence[RunView], changes: Sequence[Change]) -> None:
        """Print the changes."""
        for change in changes:
            print_change(self._console, change)


class LiveScreen:
    """Lines about changes, and below them a table of the runs that have not ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._spinners: dict[str, Spinner] = {}

    def __enter__(self) -> LiveScreen:
        """Begin."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the terminal."""
        self._live.stop()

    def show(self, running: Sequence[RunView], changes: Sequence[Change]) -> None:
        """Print the runs that ended or failed, and draw those that have not ended."""
        # Update first, so that an ended run is not drawn again below the line that reports its end.
        self._live.update(self._drawn(running))
        for change in changes:
            if change.tone != "busy" or change.details:
                print_change(self._console, change)

    def _drawn(self, running: Sequence[RunView]) -> RenderableType:
        if not running:
            return Text("waiting for runs; Ctrl-C ends", style="dim")
        # A spinner keeps its own time, so each run needs its own.
        self._spinners = {view.label: self._spinners.get(view.label) or Spinner("dots") for view in running}
        table = Table.grid(padding=(0, 2))
        for view in running[:_MOST_ROWS]:
            table.add_row(self._spinners[view.label], *_row(view))
        if len(running) <= _MOST_ROWS:
            return table
        return Group(table, Text(f"and {len(running) - _MOST_ROWS} more", style="dim"))


def print_change(console: Console, change: Change) -> None:
    """Print a line for a change, and its details below."""
    took = f" [dim]{in_time(change.seconds)}[/dim]" if change.seconds >= 0.05 else ""
    console.print(
        f"[dim]{datetime.now():%H:%M:%S}[/dim] {escape(change.label)} "
        f"[{COLOURS[change.tone]}]{escape(change.what)}[/{COLOURS[change.tone]}]{took}",
        soft_wrap=True,
        highlight=False,
    )
    for line in change.details:
        console.print(Text(f"         {line}"), soft_wrap=True, highlight=False)


def _row(view: RunView) -> tuple[RenderableType, ...]:
    """Return the cells of a run: its name, phase, transfer, time, and current activity."""
    progress = view.progress
    phase = progress.phase if progress is not None else view.state.word
    news = Text("", no_wrap=True, overflow="ellipsis")
    if progress is not None and progress.doing:
        news.append(progress.doing)
    if progress is not None and progress.last_line and not news:
        news.append(progress.last_line, style="dim")
    return (
        Text(view.label, style="bold"),
        Text(phase, style=COLOURS["busy"]),
        _transfer(progress),
        Text(in_time(view.seconds)),
        news,
    )


def _transfer(progress: Progress | None) -> RenderableType:
    if progress is None or not progress.bytes_total:
        return Text("")
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=progress.bytes_total, completed=progress.bytes_done, width=20)
    grid.add_row(bar, Text(f"{in_bytes(progress.bytes_done)}/{in_bytes(progress.bytes_total)}"))
    return grid
