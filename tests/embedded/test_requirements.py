"""What a code bundle requires is installed for its own run: the environment behind it stays as it was."""

import importlib.util
import zipfile

import pytest

SCRIPT = """
from pathlib import Path
try:
    import tiny_for_this_run
    said = tiny_for_this_run.VALUE
except ImportError:
    said = "not there"
Path("/opt/ml/processing/output/said.txt").write_text(said)
"""


@pytest.fixture(scope="module")
def stack(deploy, tmp_path_factory):
    def declare(stack):
        from cdk_processing import DataBucket, FrameworkProcessor, ProcessingJob, ProcessingOutput, SKLearn

        results = DataBucket(stack, "Results")
        processor = FrameworkProcessor(SKLearn, "1.4-2", instance_count=1, instance_type="ml.m5.xlarge")
        for name in ("With", "Without"):
            source = tmp_path_factory.mktemp(name)
            (source / "main.py").write_text(SCRIPT, encoding="utf-8")
            if name == "With":
                wheel(source / "tiny_for_this_run-1.0-py3-none-any.whl")
                (source / "requirements.txt").write_text("--no-index\n--find-links .\ntiny_for_this_run\n")
            output = ProcessingOutput("/opt/ml/processing/output", results.at(f"{name}/"), "said")
            ProcessingJob(stack, name, processor.run("main.py", source_dir=source, outputs=[output]))

    return deploy(declare)


def wheel(path):
    info = f"{path.name.split('-py3')[0]}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_for_this_run.py", "VALUE = 'installed for this run'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny_for_this_run\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def said(embedded, stack, job):
    embedded.start(f"{stack}/{job}")
    embedded.wait_for_run(f"{stack}/{job}")
    return embedded.get(f"{stack}/Results", f"{job}/said.txt").decode()


def test_a_requirement_is_installed_for_the_run_that_names_it_and_for_no_other(embedded, stack):
    assert said(embedded, stack, "With") == "installed for this run"
    assert said(embedded, stack, "Without") == "not there"
    assert importlib.util.find_spec("tiny_for_this_run") is None  # nor here, whose interpreter the jobs run with
