"""The scenarios agree on the embedded AWS, and nothing that they make stays."""

import pytest
from botocore.exceptions import ClientError

from cdk_processing.local.engine import LocalAws
from conformance.__main__ import main, report, try_all
from conformance.scenarios import SCENARIOS, Answer, Scenario
from conformance.target import Target, taken_down


@pytest.fixture(scope="module")
def aws():
    with LocalAws() as running:
        yield running


@pytest.fixture
def target(aws):
    return Target(aws.client, aws.account_id, aws.region, fire_schedule=aws.fire_schedule)


def left(aws, prefix):
    """What of a target is still there."""
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    return [
        *(role["RoleName"] for role in aws.client("iam").list_roles()["Roles"] if prefix in role["RoleName"]),
        *(machine["name"] for machine in machines if prefix in machine["name"]),
        *(url for url in aws.client("sqs").list_queues().get("QueueUrls", ()) if prefix in url),
        *(bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"] if prefix in bucket["Name"]),
        *(name for name in aws.client("dynamodb").list_tables()["TableNames"] if prefix in name),
        *(rule["Name"] for rule in aws.client("events").list_rules()["Rules"] if prefix in rule["Name"]),
        *(each["Name"] for each in aws.client("scheduler").list_schedules()["Schedules"] if prefix in each["Name"]),
    ]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_embedded_aws_agrees(scenario, aws, target):
    with taken_down(target) as failed:
        answer = scenario.try_it(target)

    assert answer.agrees, answer.seen
    assert failed == []
    assert left(aws, target.prefix) == []


def test_what_a_scenario_made_is_taken_down_after_ctrl_c_and_nothing_more_is_tried(aws, target, capsys):
    def interrupted(where):
        where.queue(sender="events.amazonaws.com")
        where.bucket()
        raise KeyboardInterrupt

    scenarios = [Scenario(name, "a fact", 0, interrupted) for name in ("first", "second")]

    seen, not_taken_down = try_all(scenarios, target)

    assert (seen, not_taken_down) == ([], [])
    assert left(aws, target.prefix) == []
    assert "stopped" in capsys.readouterr().err


def test_what_cannot_be_taken_down_is_named_and_the_rest_goes(aws, target):
    def made(where):
        bucket = where.bucket()
        where.later("a thing that is not there", lambda: aws.client("sqs").delete_queue(QueueUrl="http://none"))
        return Answer(bucket, True)

    (_, answer), *_ = [(s, a) for s, a in try_all([Scenario("made", "a fact", 0, made)], target)[0]]
    _, not_taken_down = try_all([Scenario("made", "a fact", 0, made)], target)

    assert answer.agrees
    assert [each.partition(":")[0] for each in not_taken_down] == ["a thing that is not there"]
    assert left(aws, target.prefix) == []


def test_a_scenario_that_breaks_differs_and_the_next_one_is_tried(target):
    def broken(where):
        raise ClientError({"Error": {"Code": "Odd", "Message": "odd"}}, "Call")

    fine = Scenario("fine", "a fact", 0, lambda where: Answer("seen", True))

    seen, _ = try_all([Scenario("broken", "a fact", 0, broken), fine], target)

    assert [answer.agrees for _, answer in seen] == [False, True]
    assert "did not run: ClientError" in seen[0][1].seen
    assert "1 of 2 scenarios agree" in report("here", seen)


def test_nothing_runs_in_an_account_before_somebody_says_yes(monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    monkeypatch.setattr("boto3.Session", lambda **_options: pytest.fail("an account was reached"))

    assert main(["--profile", "mine"]) == 1

    said = capsys.readouterr().out
    assert f"{len(SCENARIOS)} scenarios in the account of the profile 'mine' cost at most" in said
    assert "US dollars" in said


def test_scenarios_are_listed_and_a_wrong_name_is_refused(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(scenario.name in listed for scenario in SCENARIOS)
    with pytest.raises(SystemExit):
        main(["none_of_that_name"])
    assert "no such scenario: none_of_that_name" in capsys.readouterr().err
