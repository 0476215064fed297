import json

import pytest
from click.testing import CliRunner

from cdk_processing.cli import main
from cdk_processing.local import faults
from tests.patience import PATIENCE, until


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
    shown = output.split(":")[0]
    assert f"{shown}: started Three/Copy\n" in output
    assert f"{shown}: Completed after " in output
    assert output.endswith(f"  output result: s3://{three_jobs.bucket('Results')}/copy/\n")
    assert "nothing was started" in cli("start", "Copy", "suffix=-cli", "--run-key", "cli", "--wait")
    table = [line.split() for line in cli("runs", "Copy", "-n", "1").splitlines()]
    assert [row[:2] for row in table] == [["RUN", "STATE"], [shown, "Completed"]]


def test_a_run_may_be_started_with_a_time_of_its_own(cli, three_jobs):
    cli("start", "Copy", "--at", "2026-03-28T06:00+01:00")
    newest = three_jobs.processing.runs("Copy", limit=1)[0]
    described = three_jobs.client("stepfunctions").describe_execution(executionArn=newest.arn)
    assert json.loads(described["input"])["time"] == "2026-03-28T05:00:00Z"
    assert "does not match the formats" in cli("start", "Copy", "--at", "2026-03-28T06:00", exit_code=2)


def test_a_run_may_be_started_with_folders_of_its_own(cli, three_jobs):
    def runs():
        return {run.arn for run in three_jobs.processing.runs("Copy", limit=None)}

    def folders(*given):
        before = runs()
        cli("start", "Copy", *given)
        [started] = runs() - before
        described = three_jobs.client("stepfunctions").describe_execution(executionArn=started)
        event = json.loads(described["input"])
        return event.get("folder"), event.get("folders")

    assert folders("--folder", "s3://raw/day=1/") == ("s3://raw/day=1/", None)
    several = folders("--folder", "orders=s3://a/day=1/", "--folder", "stock=s3://b/day=1/")
    assert several == (None, {"orders": "s3://a/day=1/", "stock": "s3://b/day=1/"})
    assert "with the slash at its end, got 's3://raw/day=1'" in cli(
        "start", "Copy", "--folder", "s3://raw/day=1", exit_code=1
    )
    for wrong in (["raw/"], ["s3://a/", "s3://b/"], ["a=s3://a/", "a=s3://b/"]):
        cli("start", "Copy", *(part for each in wrong for part in ("--folder", each)), exit_code=2)


def test_the_list_of_runs_names_their_executions_when_asked(cli, three_jobs):
    three_jobs.put("Raw", "in/cli.dat", "x")
    run = three_jobs.processing.wait(three_jobs.processing.start("Copy"), timeout=PATIENCE, poll_seconds=0.05)
    lines = cli("runs", "Copy", "-n", "1", "--executions").splitlines()
    assert (lines[0].split()[-1], lines[1].split()[-1]) == ("EXECUTION", run.name)
    assert run.name not in cli("runs", "Copy", "-n", "1")


def test_one_id_of_a_run_serves_every_command(cli, three_jobs):
    """What `start` shows is the beginning of the RUN_ID, and each command takes it, longer ones and other names too."""
    three_jobs.put("Raw", "in/cli.dat", "x")
    shown = cli("start", "Copy", "--wait").split(":")[0]
    run = three_jobs.processing.runs("Copy", limit=1, outcomes=True)[0]
    assert run.outcome.run_id.startswith(shown)
    for name in (shown, shown[:6], run.outcome.run_id, run.outcome.job_name, run.name):
        assert cli("why", "Copy", name).startswith(f"Three/Copy {shown}: Completed after ")
        assert cli("logs", "Copy", name) == f"{shown} has written nothing.\n"
        assert cli("stop", "Copy", name) == f"{shown} has ended already: Completed\n"
        assert "succeeded" in cli("redrive", "Copy", name, exit_code=1)


def test_an_id_of_no_run_is_an_error_that_names_the_latest(cli, three_jobs):
    three_jobs.put("Raw", "in/cli.dat", "x")
    shown = cli("start", "Copy", "--wait").split(":")[0]
    output = cli("why", "Copy", "ffffffff", exit_code=1)
    assert output.startswith(f"Error: Three/Copy has no run 'ffffffff'; the latest are\n  {shown}")


def test_a_second_start_with_a_run_key_says_which_run_has_it_and_starts_nothing(cli, three_jobs):
    three_jobs.put("Raw", "in/cli.dat", "x")
    assert "nothing was started" not in cli("start", "Copy", "--run-key", "again", "--wait")
    shown = cli("runs", "Copy", "-n", "1").splitlines()[1].split()[0]
    before = cli("runs", "Copy")
    output = cli("start", "Copy", "--run-key", "again")
    assert output == f"{shown}: this run has the run key, and is Completed; nothing was started\n"
    assert cli("runs", "Copy") == before
    # Whoever starts at the same moment makes a duplicate.
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=three_jobs.processing.job("Copy").state_machine_arn, input='{"run_key": "again"}'
    )
    duplicate = three_jobs.processing.run("Copy", started["executionArn"]).name
    three_jobs.processing.wait(three_jobs.processing.run("Copy", duplicate), timeout=PATIENCE, poll_seconds=0.05)
    why = cli("why", "Copy", duplicate)
    assert "  Duplicate: nothing was done; another run has the same run key\n" in why
    refused = cli("start", "Copy", "suffix=-z", "--run-key", "again", exit_code=1)
    assert refused.startswith("Error: run_key must be a new one for other values, got 'again'")


def test_waiting_for_a_used_run_key_follows_the_run_that_does_the_work(cli, three_jobs):
    three_jobs.client("s3").delete_object(Bucket=three_jobs.bucket("Raw"), Key="in/good.txt")
    cli("start", "Break", "--run-key", "failing", "--wait", exit_code=1)
    output = cli("start", "Break", "--run-key", "failing", "--wait", exit_code=1)
    shown = output.split(":")[0]
    assert output.startswith(
        f"{shown}: this run has the run key, and is Failed; nothing was started\n"
        f"  run it again: cdk-processing redrive Three/Break {shown}\n"
    )
    assert f"{shown}: Failed after " in output
    assert f"run it again: cdk-processing redrive Three/Break {shown}" in output


def test_parameters_that_do_not_fit_are_told_all_at_once(cli):
    output = cli("start", "Copy", "sufix=-x", "nonsense=1", exit_code=1)
    assert output.splitlines()[0] == "Error: Three/Copy was not started: 2 problems"
    assert "sufix must be a parameter of Three/Copy, got '-x'; did you mean suffix?" in output


def test_a_failed_run_is_explained_and_redriven(cli, three_jobs):
    three_jobs.put("Raw", "in/cli.dat", "x")
    three_jobs.client("s3").delete_object(Bucket=three_jobs.bucket("Raw"), Key="in/good.txt")
    output = cli("start", "Break", "--wait", exit_code=1)
    name = output.split(":")[0]
    assert "found " in output
    assert "exit message: good.txt is missing" in output
    why = cli("why", "Break", name)
    assert f"Three/Break {name}: Failed after" in why
    assert "  reason: AlgorithmError" in why
    assert f"cdk-processing redrive Three/Break {name}" in why
    assert name in cli("runs", "Break", "--failed")
    assert " found " in cli("logs", "Break", name)
    three_jobs.put("Raw", "in/good.txt", "good")
    output = cli("redrive", "Break", name, "--wait")
    assert f"{name}: started Three/Break again\n" in output
    assert f"{name}: Completed after " in output
    assert cli("redrive", "Break", name, exit_code=1).startswith("Error: ")


def test_a_running_run_is_stopped(cli, three_jobs):
    name = cli("start", "Sleep").split(":")[0]
    run = three_jobs.processing.runs("Sleep", limit=1)[0]
    until(lambda: three_jobs.processing.attempts(run))
    assert cli("stop", "Sleep") == f"{name}: stopped\n"
    assert cli("stop", "Sleep", name) == f"{name} has ended already: Aborted\n"


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
        assert f"Three/Break  run {given_up} failed at attempt 1\n" in output
        assert "AlgorithmError" in output
        assert 'Three/Copy  event that the-rule could not deliver\n  NO_PERMISSIONS\n  event: {"number": 1}\n' in output
    assert given_up not in cli("dead-letters", "Copy")


def test_a_dead_letter_is_run_again_and_gone(cli, three_jobs, given_up):
    three_jobs.put("Raw", "in/good.txt", "good")
    output = cli("dead-letters", "--redrive")
    assert output == f"run {given_up}: started Three/Break as run {given_up}\n"
    assert cli("dead-letters") == cli("dead-letters", "--redrive") == "No dead letters.\n"


def test_what_stays_in_the_queue_is_told_and_is_a_failure(cli, three_jobs, given_up):
    three_jobs.put("Raw", "in/good.txt", "good")
    send(three_jobs, "not JSON")
    output = cli("dead-letters", "--redrive", exit_code=1)
    assert f"run {given_up}: started Three/Break as run {given_up}\n" in output
    assert "not started: its text is no JSON; the letter stays in the queue\n" in output
    shown = cli("dead-letters")
    assert "that this version cannot read; redrive and delete leave it alone\n  text: not JSON\n" in shown
    assert "1 left in the queue, because this version cannot read them" in cli(
        "dead-letters", "--delete", "--yes", exit_code=1
    )
    three_jobs.client("sqs").purge_queue(QueueUrl=three_jobs.processing.job("Break").dead_letters)


def test_jobs_whose_dead_letters_are_not_known_are_named(cli, three_jobs):
    states = three_jobs.client("stepfunctions")
    job = three_jobs.processing.job("Sleep")
    states.untag_resource(resourceArn=job.state_machine_arn, tagKeys=["cdk-processing:dead-letters"])
    try:
        assert cli("dead-letters").startswith("Not shown: the dead letters of Three/Sleep; an older version of")
        assert "lack the tag cdk-processing:dead-letters; deploy" in cli("dead-letters", "Sleep", exit_code=1)
    finally:
        tag = {"key": "cdk-processing:dead-letters", "value": job.dead_letters}
        states.tag_resource(resourceArn=job.state_machine_arn, tags=[tag])


def test_nothing_is_deleted_without_a_yes(cli, given_up):
    output = cli("dead-letters", "--delete", answer="n\n", exit_code=1)
    assert "Delete 1 dead letter? Their runs and events will never be processed." in output
    assert given_up in cli("dead-letters")
    assert cli("dead-letters", "Break", "--delete", answer="y\n").endswith("1 of 1 dead letter deleted\n")
    assert cli("dead-letters") == "No dead letters.\n"
    assert cli("dead-letters", "--delete", "--redrive", exit_code=2)


def test_a_run_that_is_redriven_takes_its_dead_letter_along(cli, three_jobs, given_up):
    three_jobs.put("Raw", "in/good.txt", "good")
    output = cli("redrive", "Break", given_up, "--wait")
    assert output.startswith(f"{given_up}: its dead letter is deleted\n")
    assert f"{given_up}: Completed after " in output
    assert cli("dead-letters") == "No dead letters.\n"


@pytest.fixture
def role_of_nobody(three_jobs):
    """Break's execution role, which SageMaker may not assume for a while."""
    iam = three_jobs.client("iam")
    name = next(each["RoleName"] for each in iam.list_roles()["Roles"] if "BreakExecution" in each["RoleName"])
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    nobody = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [nobody]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))
    yield name
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))


def test_a_run_that_cannot_make_its_job_says_what_it_waits_for_and_why(cli, three_jobs, role_of_nobody):
    shown = cli("start", "Break").split(":")[0]
    run = three_jobs.processing.runs("Break", limit=1)[0]
    waiting = until(lambda: cli("why", "Break", shown), lambda text: "Waiting" in text)
    assert waiting.startswith(f"Three/Break {shown}: Running after ")
    assert (
        "  Waiting to create the processing job again\n  last failure: SageMaker.AmazonSageMakerException: " in waiting
    )
    assert f"role/{role_of_nobody}" in waiting
    followed = []

    def stop(run):
        followed.append(run.arn)
        three_jobs.processing.stop(run)

    assert list(three_jobs.processing.logs(run, follow=True, poll_seconds=0.05, on_silence=stop)) == []
    assert followed == [run.arn]


@pytest.mark.parametrize("url", ["127.0.0.1:9", "localhost:4566", "ftp://127.0.0.1:9", "http://", "http://[::1", "9"])
def test_an_endpoint_that_is_no_url_is_a_mistake_in_usage(cli, url):
    output = cli("jobs", "--endpoint-url", url, exit_code=2)
    assert f"'--endpoint-url': must be a URL such as http://127.0.0.1:4566, got {url!r}" in output


def test_an_endpoint_without_its_scheme_is_offered_with_one(cli):
    assert "did you mean http://127.0.0.1:9?" in cli("jobs", "--endpoint-url", "127.0.0.1:9", exit_code=2)


def test_an_endpoint_of_the_environment_that_is_no_url_is_a_mistake_in_usage():
    result = CliRunner().invoke(main, ["jobs"], env={"AWS_ENDPOINT_URL": "127.0.0.1:9", "AWS_REGION": "us-east-1"})
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert "Error: AWS_ENDPOINT_URL must be a URL such as http://127.0.0.1:4566, got '127.0.0.1:9'" in result.output


@pytest.mark.parametrize("command", [("jobs",), ("runs", "Copy"), ("why", "Copy"), ("dead-letters",)])
def test_an_endpoint_where_nothing_listens_is_one_message(cli, command):
    output = cli(*command, "--endpoint-url", "http://127.0.0.1:9", exit_code=1)
    assert output.startswith("Error: Could not ")
    assert "is `cdk-processing local` running?" in output
    assert output.count("\n") == 1


def test_runs_that_are_missing_are_listed_and_started(cli, three_jobs):
    with three_jobs.inject(faults.events_lost(source="aws.s3")) as lost:
        three_jobs.put("Raw", "in/cli-lost/1.txt", "x")
        until(lambda: lost.hits)
    within = ("Copy", "--prefix", "in/cli-lost/")

    uri = f"s3://{three_jobs.bucket('Raw')}/in/cli-lost/1.txt"
    [row] = [line.split() for line in cli("missing", *within).splitlines() if uri in line]
    assert (row[1], row[-1]) == ("missing", uri)
    assert "1 missing, 0 failed, 0 have a run" in cli("backfill", *within, "--dry-run")
    told = cli("backfill", *within)
    assert "1 of 1 missing runs, 1 running\n" in told
    assert told.endswith("1 started, 0 had a run already, 0 failed\n")
    assert "0 started, 1 had a run already" in cli("backfill", *within)


def test_a_backfill_that_cannot_start_a_run_ends_with_exit_code_1(cli, three_jobs):
    with three_jobs.inject(faults.events_lost(source="aws.s3")) as lost:
        three_jobs.put("Raw", "in/cli-refused.txt", "x")
        until(lambda: lost.hits)

    with three_jobs.inject(faults.call_fails("states:StartExecution", "ExecutionLimitExceeded")):
        told = cli("backfill", "Copy", "--prefix", "in/cli-refused", exit_code=1)

    assert "1 could not be started" in told
    assert "does not match the formats" in cli("missing", "Copy", "--since", "2026-03-01", exit_code=2)


@pytest.mark.parametrize("command", ["missing", "backfill"])
def test_the_help_shows_each_example_on_a_line(command):
    lines = CliRunner().invoke(main, [command, "--help"]).output.splitlines()
    at = lines.index("  Examples:")
    assert lines[at + 1].startswith(f"    cdk-processing {command} Census/Preprocess")
