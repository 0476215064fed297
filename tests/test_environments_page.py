"""The files that docs/environments.md and the README show, as somebody would copy them."""

import re
import runpy
from pathlib import Path

import aws_cdk
import pytest
from aws_cdk import App, Stack
from click.testing import CliRunner

from cdk_processing import ProcessingJobs
from cdk_processing.cli import main
from cdk_processing.constructs.checks import TELLS_IN_ASSEMBLY
from cdk_processing.errors import DeclarationError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Accounts and jobs in files")[2]
VARIABLES = {"stage": "test"}


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def block(beginning, text=PAGE, language="yaml"):
    [found] = [each for each in blocks(text, language) if each.startswith(beginning)]
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files of the page."""
    monkeypatch.chdir(tmp_path)
    for name, beginning in (("environments", "defaults:"), ("jobs", "buckets:"), ("prices", "region:")):
        (tmp_path / f"{name}.yaml").write_text(block(beginning), encoding="utf-8")
    (tmp_path / "app.py").write_text(block("from aws_cdk", language="python"), encoding="utf-8")
    for script in ("clean.py", "report.py", "preprocessing.py"):
        (tmp_path / script).write_text("print('done')\n", encoding="utf-8")
    return tmp_path


def test_the_page_has_no_block_that_is_not_tried():
    assert [len(blocks(PAGE, language)) for language in ("yaml", "python", "text", "console")] == [4, 1, 2, 3]


def test_the_files_of_the_page_work_together(folder, monkeypatch):
    # As `check` runs the app, but in this process: another one takes seconds to load the CDK.
    monkeypatch.setattr(aws_cdk, "App", lambda: App(outdir=str(folder / "out"), context={TELLS_IN_ASSEMBLY: True}))
    runpy.run_path("app.py", run_name="__main__")

    done = CliRunner().invoke(main, ["check", "--app", "out"])

    assert done.exit_code == 0, done.output
    assert "prod: 444455556666 eu-central-1" in done.output
    assert "at most 19.87 USD a run (1 x ml.m5.xlarge at 0.276 x 24 h x 3 attempts)" in done.output
    assert "at most 1.10 USD a run (1 x ml.m5.2xlarge at 0.552 x 1 h x 2 attempts)" in done.output
    # The job of the exemption is not on the page.
    assert "1 warning\n  - prod/Census/Platform: exemption of prod/Census/Jobs/Geocode" in done.output


@pytest.mark.parametrize("text", [PAGE, README], ids=["the page", "the README"])
def test_mistakes_are_told_as_it_is_written(folder, text):
    written = block("error:", text, "text")
    jobs = block("buckets:", PAGE) if text is PAGE else block("# yaml-language-server", README)
    for old, new, shown in (
        ("destination: /opt/ml/processing/input", "destination: /data", "'/data'"),
        ("instance_count: 1", "instance_count: 0", "got 0"),
        ("framework_version: 1.4-2", "framework_version: 1.4", "got 1.4"),
        ("suffix", "sufix", "sufix"),
    ):
        if shown in written:
            jobs = jobs.replace(old, new, 1)
    (folder / "jobs.yaml").write_text(jobs, encoding="utf-8")

    told = problems_of_jobs()

    expected = [
        line.removeprefix("  - ").partition(", ...")[0].partition("; ...")[0] for line in written.splitlines()[1:]
    ]
    assert [each[: len(line)] for each, line in zip(told, expected, strict=True)] == expected


def problems_of_jobs():
    """What is wrong with the jobs.yaml of a folder."""
    with pytest.raises(DeclarationError) as told:
        ProcessingJobs.from_file(Stack(App(), "Census"), "Jobs", "jobs.yaml", variables=VARIABLES)
    return [str(each) for each in told.value.problems]
