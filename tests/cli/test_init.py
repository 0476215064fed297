"""``cdk-processing init``: a project to begin with."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import aws_cdk
import pytest
from click.testing import CliRunner

from cdk_processing.cli import main

KINDS = ["python", "yaml"]


@pytest.fixture
def init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(main, ["init", *arguments])
        return result.exit_code, result.output

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_an_app_with_a_job_its_script_and_its_test(init, tmp_path, kind):
    code, told = init("my-census", "--jobs", kind)

    written = {str(file.relative_to(tmp_path / "my-census")) for file in (tmp_path / "my-census").rglob("*.*")}
    more = {"jobs.yaml", "jobs.schema.json"} if kind == "yaml" else set()
    assert code == 0
    assert written == {"app.py", "cdk.json", "jobs/count_rows.py", "tests/test_jobs.py"} | more
    assert "  cd my-census\n  cdk-processing local " in told


@pytest.mark.parametrize("kind", KINDS)
def test_the_app_synthesizes(init, tmp_path, monkeypatch, kind):
    init("my-census", "--jobs", kind)
    monkeypatch.chdir(tmp_path / "my-census")
    app = aws_cdk.App
    monkeypatch.setattr(aws_cdk, "App", lambda: app(outdir=str(tmp_path / "out")))

    runpy.run_path("app.py", run_name="__main__")

    code = CliRunner().invoke(main, ["check", "--app", str(tmp_path / "out"), "--json"])
    [stack] = json.loads(code.output)["stacks"]
    assert stack["stack"] == "MyCensus"
    assert [job["job"].rpartition("/")[2] for job in stack["jobs"]] == ["Count"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_test_of_the_project_passes(init, tmp_path, kind):
    init("my-census", "--jobs", kind)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / "my-census",
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_no_file_is_overwritten(init, tmp_path):
    (tmp_path / "app.py").write_text("mine", encoding="utf-8")

    code, told = init()

    assert (code, ". has app.py already; name an empty folder, or a new one" in told) == (1, True)
    assert [file.name for file in tmp_path.iterdir()] == ["app.py"]


def test_a_folder_that_cannot_be_made_is_told(init, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    code, told = init("file")

    assert (code, "cannot be written" in told) == (1, True)


def test_the_stack_is_named_as_cloudformation_takes_it(init, tmp_path):
    init("2026_census data")

    assert 'Stack(app, "Project2026CensusData")' in (tmp_path / "2026_census data" / "app.py").read_text(
        encoding="utf-8"
    )


def test_what_reads_yaml_is_asked_for_where_it_is_missing(init, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith("cdk_processing.declarations")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic", None)

    code, told = init("census", "--jobs", "yaml")

    assert (code, "pip install 'cdk-processing[yaml]'" in told) == (1, True)
    assert not (tmp_path / "census").exists()
