import pytest
from click.testing import CliRunner

from cdk_processing.cli import main


@pytest.fixture
def cli(three_jobs):
    def run(*arguments, exit_code=0):
        result = CliRunner().invoke(main, arguments, env=dict(three_jobs.environment()))
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result.output

    return run


def test_jobs_are_listed_in_a_table(cli):
    lines = cli("jobs").splitlines()
    assert lines[0].split() == ["JOB", "BASE", "NAME", "STATE", "MACHINE"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["Three/Break", "three-break"],
        ["Three/Copy", "three-copy"],
        ["Three/Sleep", "three-sleep"],
    ]


def test_a_job_is_started_followed_and_listed(cli, three_jobs):
    three_jobs.put("Raw", "in/cli.dat", "x")
    output = cli("start", "Copy", "-p", "suffix=-cli", "--run-key", "cli", "--wait")
    name = output.split(":")[0]
    assert f"{name}: started Three/Copy" in output
    assert f"{name}: SUCCEEDED after " in output
    assert "nothing was done" in cli("start", "Copy", "--run-key", "cli", "--wait")
    assert "nothing was done" not in cli("why", "Copy", name)
    assert cli("runs", "Copy", "-n", "2").splitlines()[2].split()[:2] == [name, "SUCCEEDED"]


def test_a_failed_run_is_explained_and_redriven(cli, three_jobs):
    three_jobs.client("s3").delete_object(Bucket=three_jobs.bucket("Raw"), Key="in/good.txt")
    output = cli("start", "Break", "--wait", exit_code=1)
    name = output.split(":")[0]
    assert "found " in output
    assert "exit message: good.txt is missing" in output
    why = cli("why", "Break", name)
    assert f"Three/Break {name}: FAILED after" in why
    assert "  reason: AlgorithmError" in why
    assert f"cdk-processing redrive Three/Break {name}" in why
    assert name in cli("runs", "Break", "--failed")
    assert " found " in cli("logs", "Break", name)
    three_jobs.put("Raw", "in/good.txt", "good")
    assert "SUCCEEDED" in cli("redrive", "Break", name, "--wait")
    assert cli("redrive", "Break", name, exit_code=1).startswith("Error: ")


def test_a_running_run_is_stopped(cli):
    name = cli("start", "Sleep").split(":")[0]
    assert cli("stop", "Sleep") == f"{name}: ABORTED\n"
    assert cli("stop", "Sleep", name) == f"{name} has ended already: ABORTED\n"


def test_a_mistyped_job_is_one_line_with_the_nearest_name(cli):
    output = cli("start", "Three/Cpoy", exit_code=1)
    assert output.startswith("Error: There is no job 'Three/Cpoy' in us-east-1 (http://127.0.0.1:")
    assert output.endswith("did you mean Three/Copy?\n")
    assert output.count("\n") == 1


def test_a_parameter_without_a_value_is_a_mistake_in_usage(cli):
    assert "'suffix' is not NAME=VALUE" in cli("start", "Copy", "-p", "suffix", exit_code=2)
