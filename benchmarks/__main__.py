"""Run the benchmarks: ``python -m benchmarks [name ...]``, all of them where none is named.

Prints a table and writes `RESULTS.md`, where what was not run this time is kept. Always ends well: a timing is told,
it never fails anything.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path

from benchmarks.measure import Row

NAMES = ("declare", "process", "imports", "embedded", "transfers")
RESULTS = Path(__file__).with_name("RESULTS.md")
HEADINGS = ("what", "measured", "budget", "")
_TITLE = "# Measured against the budgets\n\nMade by `make bench`; the least of several rounds, all sides in turn.\n"
_TITLE += "A load above the number of cores means that other work took its share: then only ratios tell something.\n"


def main(names: Sequence[str]) -> int:
    """Run the benchmarks named, print and write what they measured."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
    sections = _sections(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in [name for name in NAMES if name in names] if names else NAMES:
        rows = measure(name)
        print(f"\n{name}\n{table(rows)}", flush=True)
        sections[name] = section(name, rows)
    RESULTS.write_text("\n".join([_TITLE, *(sections[name] for name in NAMES if name in sections)]), encoding="utf-8")
    return 0


def measure(name: str) -> list[Row]:
    """What a benchmark measures; one that fails says so in its table."""
    try:
        rows: list[Row] = import_module(f"benchmarks.{name}").run()
    except Exception as error:
        traceback.print_exc()
        return [Row(name, f"did not run: {type(error).__name__}", verdict="MISSED")]
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    lines = [HEADINGS, *((row.what, row.measured, row.budget, row.verdict) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def section(name: str, rows: Sequence[Row]) -> str:
    """The rows as a section of the results, with how they came about."""
    cells = [(row.what, row.measured, row.budget, row.verdict) for row in rows]
    lines = [HEADINGS, ("---",) * len(HEADINGS), *cells]
    made = f"`python -m benchmarks {name}`, {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, "
    made += f"{platform.system()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.0f} at its end"
    return f"## {name}\n\n{made}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _sections(text: str) -> dict[str, str]:
    """The sections of earlier results by their names."""
    parts = text.split("\n## ")[1:]
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in parts}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
