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
YAML_NAMES = ["Jobs/raw", "Jobs/Count", "Jobs/counts"]


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
    assert written == {"README.md", "app.py", "cdk.json", "jobs/count_rows.py", "tests/test_jobs.py"} | more
    assert "  cd my-census\n  cdk-processing local " in told


@pytest.mark.parametrize(("kind", "names"), [("python", ["Raw", "Count", "Counts"]), ("yaml", YAML_NAMES)])
def test_a_picture_shows_what_the_project_makes(init, tmp_path, kind, names):
    init("my-census", "--jobs", kind)

    page = (tmp_path / "my-census" / "README.md").read_text(encoding="utf-8")
    drawn = page.partition("```mermaid\n")[2].partition("```")[0]
    assert [name for name in names if f'"MyCensus/{name}<br/>' not in drawn] == []
    assert "@" not in page


def test_a_picture_shows_the_jobs_of_a_snippet(init, snippet, tmp_path):
    init("census", "--from", "snippet.py")

    page = (tmp_path / "census" / "README.md").read_text(encoding="utf-8")
    assert '  hand --> Job["Census/Job"]\n  hand --> Job2["Census/Job2"]\n```' in page


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
@pytest.mark.parametrize("kind", [*KINDS, "snippet"])
def test_the_test_of_the_project_passes(init, snippet, tmp_path, kind):
    init("my-census", *(["--from", str(snippet)] if kind == "snippet" else ["--jobs", kind]))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / "my-census",
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


SNIPPET = """
import sagemaker
from sagemaker.processing import ProcessingInput
from sagemaker.sklearn.processing import SKLearnProcessor

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = "my-census"
processor = SKLearnProcessor(
    framework_version="1.2-1", role=role, instance_type="ml.m5.xlarge", instance_count=1, sagemaker_session=session
)
processor.run(
    code="s3://my-code/prepare.py",
    inputs=[ProcessingInput(source=f"s3://{bucket}/raw/", destination="/opt/ml/processing/input")],
    wait=False,
)
processor.run(code="s3://my-code/report.py", job_name="report")
"""


@pytest.fixture
def snippet(tmp_path):
    (tmp_path / "snippet.py").write_text(SNIPPET, encoding="utf-8")
    return tmp_path / "snippet.py"


def test_a_snippet_of_the_sdk_becomes_an_app_with_its_jobs(init, snippet, tmp_path):
    code, told = init("census", "--from", "snippet.py")

    assert (code, "wrote census/app.py" in told) == (0, True)
    app = (tmp_path / "census" / "app.py").read_text(encoding="utf-8")
    assert "from cdk_processing import ProcessingInput, ProcessingJob, SKLearnProcessor\n" in app
    assert "ProcessingJob(stack, 'Job', processor.run(code='s3://my-code/prepare.py', inputs=" in app
    assert "ProcessingJob(stack, 'Job2', processor.run(code='s3://my-code/report.py'))" in app
    assert not [word for word in ("sagemaker", "role", "wait", "job_name") if word in app.replace("SageMaker", "")]


def test_the_app_of_a_snippet_synthesizes(init, snippet, tmp_path, monkeypatch):
    init("census", "--from", "snippet.py")
    monkeypatch.chdir(tmp_path / "census")
    app = aws_cdk.App
    monkeypatch.setattr(aws_cdk, "App", lambda: app(outdir=str(tmp_path / "out")))

    runpy.run_path("app.py", run_name="__main__")

    told = CliRunner().invoke(main, ["check", "--app", str(tmp_path / "out"), "--json"]).output
    assert [job["job"] for job in json.loads(told)["stacks"][0]["jobs"]] == ["Census/Job", "Census/Job2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def", "snippet.py:1 is not Python"),
        ("x = 1\n", "snippet.py calls no run() of a processor as a statement"),
        ("from sagemaker.estimator import Estimator\n", "snippet.py imports Estimator of the SDK"),
    ],
)
def test_a_snippet_that_has_no_job_is_told(init, snippet, text, expected):
    snippet.write_text(text, encoding="utf-8")

    code, told = init("census", "--from", "snippet.py")

    assert (code, expected in told) == (1, True), told


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
