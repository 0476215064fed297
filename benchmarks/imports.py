"""What a program waits for before anything happens: the import of the library, and the command line's first line.

Neither may start Node; the child says whether jsii, which starts it, was imported. The commands talk to an AWS that
answers at once with nothing, so that what is left is the program's own time. The floor is a program that imports boto3
and makes one such call; it takes turns with the commands.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.measure import Row, at_most, child_environment, fact, in_turn

ROUNDS = 9
BUDGET = 1.3
NODE = "import cdk_processing, sys; sys.exit(any(name.split('.')[0] == 'jsii' for name in sys.modules))"
FLOOR_NAME = "import boto3 and one call"
FLOOR = """
import sys, boto3
boto3.client("stepfunctions", region_name="eu-central-1", endpoint_url=sys.argv[1]).list_state_machines()
print("nothing is deployed")
"""
NOTHING = json.dumps({"ResourceTagMappingList": [], "stateMachines": []}).encode()


def run() -> list[Row]:
    """Measure, and compare with the budgets."""
    environment = child_environment(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_REGION="eu-central-1")
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import cdk_processing"],
    }
    least = in_turn(commands, ROUNDS, environment)
    node = subprocess.run([sys.executable, "-c", NODE], env=environment, check=False).returncode
    cli = str(Path(sys.executable).with_name("cdk-processing"))
    with _aws_with_nothing() as endpoint:
        lines = {
            FLOOR_NAME: [sys.executable, "-c", FLOOR, endpoint],
            "cdk-processing --help": [cli, "--help"],
            "cdk-processing jobs": [cli, "jobs", "--endpoint-url", endpoint],
            "cdk-processing why": [cli, "why", "Census", "--endpoint-url", endpoint],
        }
        rounds = [[_first_line(line, environment) for line in lines.values()] for _ in range(ROUNDS)]
    waits = dict(zip(lines, map(min, zip(*rounds, strict=True)), strict=True))
    floor = waits.pop(FLOOR_NAME)
    return [
        at_most("import cdk_processing starts", node, 0, "Node processes"),
        fact("import cdk_processing takes", (least["import"].elapsed - least["bare"].elapsed) * 1000, "ms"),
        fact(f"{FLOOR_NAME}, first line", floor, "s"),
        *(fact(f"{name}, first line", seconds, "s") for name, seconds in waits.items()),
        *(at_most(f"{name} / {FLOOR_NAME}", seconds / floor, BUDGET, "x") for name, seconds in waits.items()),
    ]


def _first_line(command: Sequence[str], environment: dict[str, str]) -> float:
    """Seconds until a command has said something, on either stream."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    with process, process.stdout as output:
        if not output.readline():
            raise AssertionError(f"{command} said nothing")
        seconds = time.perf_counter() - began
        output.read()
    return seconds


class _Nothing(BaseHTTPRequestHandler):
    """An AWS in which nothing is deployed."""

    def do_POST(self) -> None:
        """Answer any call with an empty list."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(NOTHING)))
        self.end_headers()
        self.wfile.write(NOTHING)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def _aws_with_nothing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Nothing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
