"""What one more job costs, in milliseconds and in CloudFormation resources: ours, hand-written L2, and plain resources.

Each job has an arrival and a schedule. All three declare the same for it:

- an execution role that reads one prefix and the script, writes one prefix, pulls one image and writes its logs;
- a state machine that runs the job once, waits for it, adopts it where the answer was lost, and sends what failed to a
  dead-letter queue; logged in full, with a least-privilege role of its own (L2's has eleven states; ours, which also
  waits out what passes, has fourteen);
- a rule for the objects of the prefix and a schedule in a timezone, both with the dead-letter queue;
- an alarm on failed executions that tells a topic; ours alone has another on a schedule that launches nothing.

`programs/level2.py` writes that with aws-cdk-lib's L2 constructs, with their grants, state classes and targets.
`programs/raw.py` is the floor: it declares our template again, resource by resource, from plain dicts, and publishes
the same files; nothing is measured if it writes another template. Its resources name each other by the CDK's
references, as a program must that lets a resource be renamed, or used from another stack. With the logical ids of one
template in their place it writes the same text for less, and the results say how much less.

The bytes of the template are those that CloudFormation is sent, indented as the CDK writes them.

The cost of one more job is the slope between whole programs (start, build, synth) of 20 and of 100 jobs, in processor
time of Python and Node. The two wait for each other, so on an idle machine the clock tells a little less.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, at_most, child_environment, fact, in_turn, program

FEW, MANY = 20, 100
# Above what a stack's definitions are shared from, so that both templates share.
MORE = 60
ROUNDS = 7


def run() -> list[Row]:
    """Measure, and compare with the budgets."""
    with tempfile.TemporaryDirectory() as folder:
        return _compare(Path(folder))


def _compare(folder: Path) -> list[Row]:
    templates = {count: _synthesize(folder, "ours", count) for count in (FEW, MORE, MANY)}
    level2 = {count: _read(_synthesize(folder, "level2", count)) for count in (FEW, MANY)}
    _compare_with_raw(folder, templates[FEW])
    commands = {}
    for count in (FEW, MANY):
        commands[f"ours {count}"] = program("ours", count)
        commands[f"L2 {count}"] = program("level2", count)
        commands[f"raw {count}"] = program("raw", templates[count])
        commands[f"literal {count}"] = program("raw", templates[count], "literal")
    least = in_turn(commands, ROUNDS, child_environment(CDK_OUTDIR=str(folder / "out")))
    ours, l2, raw, literal = (
        _slope(least[f"{side} {FEW}"].processor, least[f"{side} {MANY}"].processor) * 1000
        for side in ("ours", "L2", "raw", "literal")
    )
    ours_resources = _slope(*(len(_read(templates[count])) for count in (FEW, MANY)))
    l2_resources = _slope(*(len(level2[count]) for count in (FEW, MANY)))
    bytes_of = {count: templates[count].stat().st_size for count in (FEW, MORE, MANY)}
    first = _synthesize(folder, "ours", 1).stat().st_size
    schedule = sum(of_a_schedule(*resource) for resource in _read(templates[MANY]).items()) / MANY
    return [
        fact("one more job, ours", ours, "ms"),
        fact("one more job, hand-written L2", l2, "ms"),
        fact("one more job, raw CfnResource", raw, "ms"),
        fact("one more job, raw CfnResource that names others by literal ids", literal, "ms"),
        at_most("ours / hand-written L2", ours / l2, 0.4, "x"),
        at_most("ours / raw CfnResource", ours / raw, 1.3, "x"),
        fact("ours / raw CfnResource that names others by literal ids", ours / literal, "x"),
        at_most("resources a job, launched by arrivals", ours_resources - schedule, 6, "resources"),
        at_most("resources that a schedule adds, its alarm included", schedule, 2, "resources"),
        fact("resources a job, hand-written L2", l2_resources, "resources"),
        fact("template a job in a stack of few, schedule and its alarm included", _few_bytes(first, bytes_of), "bytes"),
        at_most(
            "template a job in a stack of many", (bytes_of[MANY] - bytes_of[MORE]) / (MANY - MORE), 14_000, "bytes"
        ),
        fact(f"whole program of {MANY} jobs, ours", least[f"ours {MANY}"].elapsed, "s"),
        fact(f"whole program of {MANY} jobs, hand-written L2", least[f"L2 {MANY}"].elapsed, "s"),
        fact(f"whole program of {MANY} jobs, raw CfnResource", least[f"raw {MANY}"].elapsed, "s"),
    ]


def _compare_with_raw(folder: Path, template: Path) -> None:
    """Refuse a floor that declares something else."""
    for arguments in ([], ["literal"]):
        output = folder / "raw"
        subprocess.run(program("raw", template, *arguments), check=True, env=child_environment(CDK_OUTDIR=str(output)))
        again = output / template.name
        if json.loads(again.read_text(encoding="utf-8")) != json.loads(template.read_text(encoding="utf-8")):
            raise AssertionError("the raw program writes another template")
        if _files(output) != _files(template.parent):
            raise AssertionError("the raw program publishes other files")


def _files(assembly: Path) -> set[str]:
    """Where in the bootstrap bucket a stack's files go, beside its template."""
    files = json.loads((assembly / "Jobs.assets.json").read_text(encoding="utf-8"))["files"].values()
    return {
        place["objectKey"]
        for file in files
        for place in file["destinations"].values()
        if file["source"]["path"] != "Jobs.template.json"
    }


def of_a_schedule(logical_id: str, described: dict[str, Any]) -> bool:
    """Whether a resource is what a schedule adds: itself, and the alarm that tells when it launches nothing."""
    return described["Type"] == "AWS::Scheduler::Schedule" or "Missed" in logical_id


def _few_bytes(first: int, bytes_of: dict[int, int]) -> float:
    return (bytes_of[FEW] - first) / (FEW - 1)


def _slope(few: float, many: float) -> float:
    return (many - few) / (MANY - FEW)


def _synthesize(folder: Path, name: str, count: int) -> Path:
    output = folder / f"{name}-{count}"
    subprocess.run(program(name, count), check=True, env=child_environment(CDK_OUTDIR=str(output)))
    return output / "Jobs.template.json"


def _read(template: Path) -> dict[str, Any]:
    resources: dict[str, Any] = json.loads(template.read_text(encoding="utf-8"))["Resources"]
    return resources
