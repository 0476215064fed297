import json

import pytest
from click.testing import CliRunner

from cdk_processing.cli import main


@pytest.fixture
def cli(three_jobs):
    def run(*arguments, exit_code=0, answer=None):
        result = CliRunner().invoke(main, arguments, env=dict(three_jobs.environment()), input=answer)
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
    assert "already ran" in cli("start", "Copy", "suffix=-cli", "--run-key", "cli", "--wait")
    assert "already ran" not in cli("why", "Copy", name)
    assert cli("runs", "Copy", "-n", "2").splitlines()[2].split()[:2] == [name, "SUCCEEDED"]
    table = [line.split() for line in cli("runs", "Copy", "-n", "2", "--outcomes").splitlines()]
    assert [row[-1] for row in table] == ["OUTCOME", "Duplicate", "Completed"]


def test_a_second_start_with_a_run_key_says_that_it_already_ran(cli, three_jobs):
    three_jobs.put("Raw", "in/cli.dat", "x")
    assert "already ran" not in cli("start", "Copy", "--run-key", "again", "--wait")
    output = cli("start", "Copy", "--run-key", "again")
    assert output.startswith("already ran: three-copy-")
    assert "-1 is Completed; " in output
    duplicate = output.splitlines()[1].split(":")[0]
    assert f"{duplicate} will end as its Duplicate" in output
    three_jobs.processing.wait(three_jobs.processing.run("Copy", duplicate), timeout=60, poll_seconds=0.05)
    why = cli("why", "Copy", duplicate)
    assert "  Duplicate: already ran: it was for another run with the same run key to do: " in why
    assert "was Completed" in why
    refused = cli("start", "Copy", "suffix=-z", "--run-key", "again", exit_code=1)
    assert refused.startswith("Error: run_key must be a new one for new parameters, got 'again'")


def test_parameters_that_do_not_fit_are_told_all_at_once(cli):
    output = cli("start", "Copy", "sufix=-x", "nonsense=1", exit_code=1)
    assert output.splitlines()[0] == "Error: Three/Copy was not started: 2 problems"
    assert "sufix must be a parameter of Three/Copy, got '-x'; did you mean suffix?" in output


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


@pytest.mark.parametrize("arguments", [("suffix",), ("=x",), ("suffix=1", "suffix=2"), ("suffix=1", "-p", "suffix=2")])
def test_a_parameter_without_name_or_value_or_given_twice_is_a_mistake_in_usage(cli, arguments):
    assert "NAME=VALUE" in cli("start", "Copy", *arguments, exit_code=2)


def test_a_parameter_without_a_value_is_a_mistake_in_usage(cli):
    assert "'suffix' is not NAME=VALUE" in cli("start", "Copy", "-p", "suffix", exit_code=2)


@pytest.fixture
def given_up(cli, three_jobs):
    """The name of a run of Break that was given up, whose letter is the only one."""
    cli("dead-letters", "--delete", "--yes")
    three_jobs.put("Raw", "in/cli.dat", "x")
    three_jobs.client("s3").delete_object(Bucket=three_jobs.bucket("Raw"), Key="in/good.txt")
    return cli("start", "Break", "--wait", exit_code=1).split(":")[0]


def send(three_jobs, body, **attributes):
    three_jobs.client("sqs").send_message(
        QueueUrl=three_jobs.processing.job("Break").dead_letters,
        MessageBody=body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )


def test_dead_letters_are_shown_and_stay(cli, three_jobs, given_up):
    machine = three_jobs.processing.job("Copy").state_machine_arn
    send(three_jobs, json.dumps({"number": 1}), RULE_ARN="the-rule", TARGET_ARN=machine, ERROR_CODE="NO_PERMISSIONS")
    for _ in range(2):
        output = cli("dead-letters")
        assert f"Three/Break  run {given_up} given up after attempt 1\n" in output
        assert "AlgorithmError" in output
        assert 'Three/Copy  event not delivered by the-rule\n  NO_PERMISSIONS\n  event: {"number": 1}\n' in output
    assert given_up not in cli("dead-letters", "Copy")


def test_a_dead_letter_is_run_again_and_gone(cli, three_jobs, given_up):
    three_jobs.put("Raw", "in/good.txt", "good")
    output = cli("dead-letters", "--redrive")
    assert output.startswith(f"{given_up}: started redrive-")
    assert " of Three/Break\n" in output
    assert cli("dead-letters") == cli("dead-letters", "--redrive") == "No dead letters.\n"


def test_what_stays_in_the_queue_is_told_and_is_a_failure(cli, three_jobs, given_up):
    three_jobs.put("Raw", "in/good.txt", "good")
    send(three_jobs, "not JSON")
    output = cli("dead-letters", "--redrive", exit_code=1)
    assert f"{given_up}: started redrive-" in output
    assert "not started: nobody can read it; it stays in the queue\n" in output
    shown = cli("dead-letters")
    assert "that nobody can read; it is left where it is\n  text: not JSON\n" in shown
    assert "1 that nobody can read left in the queue" in cli("dead-letters", "--delete", "--yes", exit_code=1)
    three_jobs.client("sqs").purge_queue(QueueUrl=three_jobs.processing.job("Break").dead_letters)


def test_jobs_whose_dead_letters_are_not_known_are_named(cli, three_jobs):
    states = three_jobs.client("stepfunctions")
    job = three_jobs.processing.job("Sleep")
    states.untag_resource(resourceArn=job.state_machine_arn, tagKeys=["cdk-processing:dead-letters"])
    try:
        assert "deployed with an older version: the dead letters of Three/Sleep.\n" in cli("dead-letters")
        assert "lack the tag cdk-processing:dead-letters; deploy" in cli("dead-letters", "Sleep", exit_code=1)
    finally:
        tag = {"key": "cdk-processing:dead-letters", "value": job.dead_letters}
        states.tag_resource(resourceArn=job.state_machine_arn, tags=[tag])


def test_nothing_is_deleted_without_a_yes(cli, given_up):
    output = cli("dead-letters", "--delete", answer="n\n", exit_code=1)
    assert "Delete 1 dead letter? What they stand for will never be processed." in output
    assert given_up in cli("dead-letters")
    assert cli("dead-letters", "Break", "--delete", answer="y\n").endswith("1 of 1 dead letter deleted\n")
    assert cli("dead-letters") == "No dead letters.\n"
    assert cli("dead-letters", "--delete", "--redrive", exit_code=2)


def test_a_run_that_is_redriven_takes_its_dead_letter_along(cli, three_jobs, given_up):
    three_jobs.put("Raw", "in/good.txt", "good")
    output = cli("redrive", "Break", given_up, "--wait")
    assert output.startswith(f"{given_up}: its dead letter is deleted\n")
    assert "SUCCEEDED" in output
    assert cli("dead-letters") == "No dead letters.\n"
