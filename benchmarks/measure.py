"""How the benchmarks measure: whole processes, all sides in turn, and the least of several rounds.

What a busy machine adds to a measurement is never negative, so that the least is nearest to what the program itself
takes; and because the sides take turns, what one round suffers is suffered by all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cdk_processing.local.deployment.node import path_with_node

__all__ = ["Cost", "Row", "at_least", "at_most", "child_environment", "fact", "in_turn", "program", "server_memory"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the result.

    Attributes:
        what: What was measured.
        measured: The value, with its unit.
        budget: What it may be; empty where nothing was promised.
        verdict: ``ok``, ``MISSED``, or empty where there is no budget.
    """

    what: str
    measured: str
    budget: str = ""
    verdict: str = ""


class Cost(NamedTuple):
    """What a program took.

    Attributes:
        elapsed: Seconds on the clock.
        processor: Seconds of processor time, its child processes' too; steadier, where the machine has other work.
    """

    elapsed: float
    processor: float


def at_most(what: str, value: float, limit: float, unit: str) -> Row:
    """A value that must not exceed a limit."""
    return Row(what, f"{value:.3g} {unit}", f"at most {limit:g} {unit}", "ok" if value <= limit else "MISSED")


def at_least(what: str, value: float, limit: float, unit: str) -> Row:
    """A value that must not fall below a limit."""
    return Row(what, f"{value:.3g} {unit}", f"at least {limit:g} {unit}", "ok" if value >= limit else "MISSED")


def fact(what: str, value: float, unit: str) -> Row:
    """A value for which nothing was promised."""
    return Row(what, f"{value:.3g} {unit}")


def program(name: str, *arguments: object) -> list[str]:
    """The command that runs one of `benchmarks.programs`."""
    return [sys.executable, "-m", f"benchmarks.programs.{name}", *map(str, arguments)]


def child_environment(**more: str) -> dict[str, str]:
    """The environment of measured programs: compiled bytecode, a recent Node, no validation of templates, no AWS."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PATH": path_with_node(), "CDK_VALIDATION": "false", **more}


def in_turn(commands: Mapping[str, Sequence[str]], rounds: int, environment: Mapping[str, str]) -> dict[str, Cost]:
    """The least that each command took, all of them run in turn, after a first round that compiles bytecode."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            cost = _cost(command, environment)
            if number:
                costs[name].append(cost)
    return {
        name: Cost(min(cost.elapsed for cost in found), min(cost.processor for cost in found))
        for name, found in costs.items()
    }


def _cost(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, env=dict(environment), stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - began, os.times()
    user = after.children_user - before.children_user
    return Cost(elapsed, user + after.children_system - before.children_system)


def server_memory(pid: int) -> float:
    """Megabytes that a server holds."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))) / 1000
