"""Type checkers accept right declarations and refuse each of the wrong ones: mypy and pyright, as users run them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cdk_processing.local.deployment.node import path_with_node

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACCEPTED, REFUSED = HERE / "accepted.py", HERE / "refused.py"
PYRIGHT = Path(sys.prefix) / "cdk-cli" / "node_modules" / "pyright" / "index.js"


def mypy():
    """The lines that mypy refuses, by file."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--output", "json", ACCEPTED, REFUSED]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return [(Path(each["file"]).name, each["line"]) for each in found if each["severity"] == "error"]


def pyright(home):
    """The lines that pyright refuses, by file."""
    command = ["node", PYRIGHT, "--outputjson", "--pythonpath", sys.executable, ACCEPTED, REFUSED]
    environment = {"PATH": path_with_node(), "HOME": str(home)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)["generalDiagnostics"]
    return [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found if each["severity"] == "error"
    ]


def wrong_lines():
    """The numbers of the lines in the body of `wrong`, and what stands in them."""
    lines = REFUSED.read_text(encoding="utf-8").splitlines()
    first = lines.index(") -> None:") + 1
    return {number: line.strip() for number, line in enumerate(lines[first:], first + 1)}


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def refused(request, tmp_path_factory):
    """The lines that one of the type checkers refuses."""
    return mypy() if request.param == "mypy" else pyright(tmp_path_factory.mktemp("pyright"))


def test_right_declarations_are_accepted(refused):
    lines = ACCEPTED.read_text(encoding="utf-8").splitlines()

    assert [f"{number}: {lines[number - 1]}" for name, number in refused if name == ACCEPTED.name] == []


def test_each_wrong_declaration_is_refused(refused):
    numbers = {number for name, number in refused if name == REFUSED.name}

    assert [line for number, line in wrong_lines().items() if number not in numbers] == []
    assert numbers <= wrong_lines().keys(), "a line is refused that is no declaration"
    assert len(numbers) >= 30
