"""The README's own apps and the README's own test, as a newcomer would type them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def blocks():
    """The README's Python, block by block; the first is an app, and the last its test."""
    return re.findall(
        r"```python\n((?:from|import) .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )


def run(folder, *command):
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_job_and_the_test_of_the_readme_work_as_they_stand(blocks, tmp_path):
    app, *_, test = blocks
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    (tmp_path / "cdk.json").write_text(f'{{"app": "{sys.executable} app.py"}}', encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_census.py").write_text(test, encoding="utf-8")
    rows = "".join(f"{20 + number},{1000 * number},{number % 2}\n" for number in range(40))
    (tmp_path / "tests" / "census.csv").write_text(f"age,income,target\n{rows}", encoding="utf-8")
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")

    status, told = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")

    assert (status, "1 passed" in told) == (0, True), told


@pytest.mark.parametrize(
    "number",
    [1, 2, 3, 4, 5, 6, 7],
    ids=[
        "jobs that launch each other",
        "folders of three sources",
        "yesterday's partition",
        "events of another account",
        "one platform for each account",
        "settings of all stages",
        "standards",
    ],
)
def test_the_other_apps_of_the_readme_synthesize(blocks, tmp_path, number):
    assert len(blocks) == 9
    (tmp_path / "app.py").write_text(blocks[number], encoding="utf-8")

    status, told = run(tmp_path, "app.py")

    assert status == 0, told
