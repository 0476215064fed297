"""One job's whole process, start to synth: ours, and a bare L1 app of the same resource types.

`programs/level1.py` is written with aws-cdk-lib's typed L1 classes (`aws_iam.CfnRole` ...), so it imports the modules
of every service that it names. Its state machine has one state; everything else it makes is what ours makes.

Both are measured in processor time of Python and Node. The two wait for each other, so on an idle machine the clock
tells about the same; on a busy one it tells of the others.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.measure import Row, at_most, child_environment, fact, in_turn, program

ROUNDS = 9


def run() -> list[Row]:
    """Measure, and compare with the budget."""
    commands = {"ours": program("ours", 1), "L1": program("level1")}
    with tempfile.TemporaryDirectory() as folder:
        made = {name: _resource_types(command, Path(folder, name)) for name, command in commands.items()}
        if made["ours"] != made["L1"]:
            raise AssertionError(f"not the same resources: {made['ours'] - made['L1']} / {made['L1'] - made['ours']}")
        least = in_turn(commands, ROUNDS, child_environment(CDK_OUTDIR=folder))
    return [
        fact("one job's process, ours", least["ours"].processor, "s"),
        fact("one job's process, bare L1", least["L1"].processor, "s"),
        at_most("ours / bare L1", least["ours"].processor / least["L1"].processor, 1.25, "x"),
    ]


def _resource_types(command: list[str], output: Path) -> Counter[str]:
    subprocess.run(command, check=True, env=child_environment(CDK_OUTDIR=str(output)))
    template = json.loads((output / "Jobs.template.json").read_text(encoding="utf-8"))
    return Counter(resource["Type"] for resource in template["Resources"].values())
