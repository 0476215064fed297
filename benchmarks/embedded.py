"""The embedded AWS: how soon it is up, how soon a job starts after its object arrived, how many jobs it does a second.

The jobs run a script of a few lines, with this interpreter, in the real sandbox, under the stack's own IAM. What the
sandbox and the interpreter take to start is measured by themselves and taken off. So many arrivals are held against
as many such starts in the same run, one on each core at a time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, at_most, fact, program, server_memory
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.sandbox import start_sandbox
from cdk_processing.local.deployment.deploy import deploy
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.engine import LocalAws

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).parent / "programs" / "note.py"
STARTS, SINGLES = 3, 7
BURSTS = (50, 200, 1000)
#: The burst that is held against as many starts of bare sandboxes.
JUDGED = 200
PATIENCE = 400.0


def run() -> list[Row]:
    """Measure, and compare with the budgets."""
    with tempfile.TemporaryDirectory(prefix="cdk-processing-bench-") as folder:
        started = min(_start() for _ in range(STARTS))
        own = min(_sandbox(Path(folder, f"sandbox-{number}")) for number in range(SINGLES))
        with LocalAws(python=sys.executable) as aws:
            arriving, noted, deployed = _deploy(aws, Path(folder))
            s3 = aws.client("s3")
            singles = [_one_arrival(s3, arriving, noted, number) for number in range(SINGLES)]
            before = server_memory(aws.pid)
            bursts = [row for size in BURSTS for row in _burst(aws, arriving, noted, size, Path(folder))]
            after, runs = server_memory(aws.pid), _jobs(aws)
    return [
        at_most("embedded AWS up, first call answered", started, 2, "s"),
        fact("stack of two jobs deployed", deployed, "s"),
        fact("object put to the script's first line", min(singles), "s"),
        fact("of that, sandbox and interpreter by themselves", own, "s"),
        at_most("object put to container started, beyond that", min(singles) - own, 0.5, "s"),
        *bursts,
        at_most(f"memory of the server, after {runs:,} runs more", after, 300, "MB"),
        fact("of that, for each run", 1000 * (after - before) / runs, "kB"),
    ]


def _start() -> float:
    """Seconds until an embedded AWS has answered a first call."""
    began = time.perf_counter()
    with LocalAws() as aws:
        aws.client("s3").list_buckets()
        return time.perf_counter() - began


def _sandbox(instance: Path) -> float:
    """Seconds from the call that starts a sandbox to the first line of a script in it."""
    code = instance / "ml" / "processing" / "input" / "code"
    code.mkdir(parents=True)
    (code / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    environment = environment_for("", sys.executable)
    command = ["python3", f"/opt/ml/processing/input/code/{SCRIPT.name}"]
    began = time.time()
    variables = {"PATH": ":".join(environment.path)}
    sandbox = start_sandbox("algo-1", command, variables, environment, instance, ["algo-1"], isolated=True)
    if sandbox.close() != 0:
        raise AssertionError("the script failed in the sandbox")
    noted = (instance / "ml" / "processing" / "noted" / "began.txt").read_text(encoding="utf-8")
    return float(noted.split()[0]) - began


def _deploy(aws: LocalAws, folder: Path) -> tuple[str, str, float]:
    """The names of the two buckets, and how long the deployment took."""
    app = " ".join(program("arrivals"))
    assembly = synthesize(ROOT, folder / "cdk.out", app=app, account_id=aws.account_id, region=aws.region)
    began = time.perf_counter()
    deployment = deploy(assembly, aws)
    return deployment.bucket("Arriving"), deployment.bucket("Noted"), time.perf_counter() - began


def _one_arrival(s3: Any, arriving: str, noted: str, number: int) -> float:
    """Seconds from the call that puts an object to the first line of the script that it launches."""
    name = f"{number}.txt"
    began = time.time()
    s3.put_object(Bucket=arriving, Key=f"one/{name}", Body=b"x")
    _wait_for(lambda: len(_keys(s3, noted, "one/")) > number)
    notes = [_note(s3, noted, key) for key in _keys(s3, noted, "one/")]
    return next(first for first, found in notes if found == name) - began


def _burst(aws: LocalAws, arriving: str, noted: str, size: int, folder: Path) -> list[Row]:
    """Many objects at once: from the first put to the last output, and what became of each."""
    s3 = aws.client("s3")
    names = [f"{size}-{number}.txt" for number in range(size)]
    earlier, jobs = len(_keys(s3, noted, "many/")), _jobs(aws)
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        # A put that fails ends the benchmark: its object would count as a lost arrival.
        list(pool.map(lambda name: s3.put_object(Bucket=arriving, Key=f"many/{name}", Body=b"x"), names))
    _wait_for(lambda: len(_keys(s3, noted, "many/")) >= earlier + size)
    seconds = time.perf_counter() - began
    _wait_for(lambda: not _running(aws))  # a second job of the same object, were there one, would still be made
    seen = set(_notes(s3, noted, "many/")) & set(names)
    return [
        fact(f"{size} arrivals of a trivial job, first put to last output", seconds, "s"),
        fact("the same", size / seconds, "jobs/s"),
        *([_against_sandboxes(size, seconds, folder)] if size == JUDGED else []),
        at_most("of those, lost", size - len(seen), 0, "arrivals"),
        at_most("of those, run twice", _jobs(aws) - jobs - len(seen), 0, "arrivals"),
    ]


def _against_sandboxes(size: int, seconds: float, folder: Path) -> Row:
    """What arrivals took, against as many bare sandboxes that run the same script."""
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda number: _sandbox(folder / f"bare-{number}"), range(size)))
    bare = time.perf_counter() - began
    return at_most(f"the same / {size} starts of a bare sandbox", seconds / bare, 2.5, "x")


def _jobs(aws: LocalAws) -> int:
    """How many processing jobs were made for bursts so far."""
    return sum(str(found["name"]).startswith("arrivals-many-") for found in aws.runs())


def _running(aws: LocalAws) -> int:
    states = aws.client("stepfunctions")
    machines = states.list_state_machines()["stateMachines"]
    found = [
        states.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING", maxResults=1)
        for machine in machines
    ]
    return sum(len(page["executions"]) for page in found)


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def _notes(s3: Any, bucket: str, prefix: str) -> list[str]:
    """The object of each run that has written its output."""
    return [_note(s3, bucket, key)[1] for key in _keys(s3, bucket, prefix)]


def _note(s3: Any, bucket: str, key: str) -> tuple[float, str]:
    """When a script began, and the object that it began for."""
    began, name = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().split()
    return float(began), name


def _wait_for(done: Callable[[], bool]) -> None:
    """Wait until something is so, or until patience ends: what is lost then is counted."""
    deadline = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
