import subprocess
import sys
from pathlib import Path

THREE_JOBS = Path(__file__).parent.parent / "apps" / "three_jobs"


def pytest_in(folder, test, settings=""):
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\n{settings}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_test_gets_an_aws_with_the_app_of_cdk_json_deployed(tmp_path):
    for file in THREE_JOBS.rglob("*"):
        if file.is_file() and "cdk.out" not in file.parts:
            copy = tmp_path / file.relative_to(THREE_JOBS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    test = """
import pytest
from cdk_processing.local.testing import RunFailedError

def test_an_arrival(local_aws):
    local_aws.put("Three/Raw", "in/a.txt", "hello")
    run = local_aws.wait_for_run("Three/Copy")
    assert run.succeeded
    assert local_aws.objects("Results") == {"copy/a-copied.txt": 5}
    assert local_aws.get("Results", "copy/a-copied.txt") == b"hello"

def test_a_schedule(local_aws):
    local_aws.fire_schedule("Copy")
    assert local_aws.wait_for_run("Copy").succeeded

def test_a_failure(local_aws):
    local_aws.start("Break")
    with pytest.raises(RunFailedError, match="Three/Break ended as FAILED: AlgorithmError") as failed:
        local_aws.wait_for_run("Break")
    assert "exit message: good.txt is missing" in str(failed.value)
    assert "\\n  | found " in str(failed.value)

def test_nothing(local_aws):
    with pytest.raises(RunFailedError, match="no run of Three/Sleep began in 0.2 s"):
        local_aws.wait_for_run("Sleep", timeout=0.2)
"""
    done = pytest_in(tmp_path, test, f"cdk_processing_python = {sys.executable}\n")
    assert "4 passed" in done.stdout, done.stdout


def test_a_test_can_deploy_an_app_of_its_own(tmp_path):
    test = """
from aws_cdk import App, Stack
from cdk_processing import DataBucket

def test_own(local_aws):
    app = App()
    DataBucket(Stack(app, "Own"), "Data")
    deployed = local_aws.deploy(app)
    assert [stack.action for stack in deployed.stacks] == ["created"]
    assert local_aws.objects("Own/Data") == {}
    assert local_aws.deploy(app).stacks[0].action == "unchanged"
    assert len(local_aws.deployment.stacks) == 1
"""
    done = pytest_in(tmp_path, test, "cdk_processing_app = none\n")
    assert "1 passed" in done.stdout, done.stdout


def test_an_app_that_fails_is_an_error_of_the_fixture_in_its_own_words(tmp_path):
    settings = f"cdk_processing_app = {sys.executable} -c \"raise SystemExit('no such luck')\"\n"
    done = pytest_in(tmp_path, "def test_own(local_aws): pass", settings)
    assert "SynthesisError: The app failed" in done.stdout
    assert "no such luck" in done.stdout


def test_the_plugin_costs_a_test_run_nothing(tmp_path):
    test = """
import sys
def test_light():
    heavy = {"boto3", "botocore", "aws_cdk", "rich", "cdk_processing.local.engine", "cdk_processing.client"}
    assert heavy.isdisjoint(sys.modules)
"""
    assert "1 passed" in pytest_in(tmp_path, test).stdout
