import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from aws_cdk import Duration, Stack, Stage, Token
from aws_cdk.assertions import Template
from cfnlint.api import lint

from cdk_processing import ProcessingJob, ProcessingPlatform
from cdk_processing.constructs.triggers.base import LaunchTarget
from cdk_processing.constructs.triggers.missed import expect_arrivals, expect_schedule, within_problems

HOUR = timedelta(hours=1)
DAILY = "cron(0 6 * * ? *)"


def named(rest):
    """An alarm's name in a template: the stack's name and the rest."""
    return {"Fn::Join": ["", [{"Ref": "AWS::StackName"}, rest]]}


def name_of(alarm):
    """The same, with the stack's name written as CloudFormation's own text."""
    [stack_name, rest] = alarm["Properties"]["AlarmName"]["Fn::Join"][1]
    assert stack_name == {"Ref": "AWS::StackName"}
    return f"${{AWS::StackName}}{rest}"


def alarms(stack):
    """The stack's alarms by the end of their name: what happened."""
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    return {name_of(alarm).rpartition(": ")[2]: alarm["Properties"] for alarm in found}


def names(stack):
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    return [name_of(alarm) for alarm in found]


def target(job, construct_id="OnSchedule"):
    return LaunchTarget(
        job=job,
        job_path=job.node.path,
        trigger_id=construct_id,
        state_machine_arn=job.state_machine_arn,
        start_role_arn="arn:aws:iam::111122223333:role/Start",
        dead_letter_queue_arn=job.platform.dead_letter_queue_arn,
        alert_topic_arn=job.platform.alert_topic_arn,
    )


def only(stack, kind):
    """Logical id of the stack's one resource of a type."""
    [found] = Template.from_stack(stack).find_resources(kind)
    return found


def topic(stack):
    """The platform's alert topic, as an alarm names it."""
    return [{"Ref": only(stack, "AWS::SNS::Topic")}]


def test_a_failed_run_is_told(stack, job):

    assert alarms(stack)["a run failed or timed out"] == {
        "AlarmName": named(" Preprocess: a run failed or timed out"),
        "AlarmDescription": (
            "A run of Census/Preprocess failed for good, or timed out. Why: cdk-processing why Census/Preprocess. "
            "Its event and the reason lie in the dead-letter queue: cdk-processing dead-letters. When the cause is "
            "mended, run it again: cdk-processing redrive Census/Preprocess."
        ),
        "Namespace": "AWS/States",
        "MetricName": "ExecutionsFailed",
        "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": only(stack, "AWS::StepFunctions::StateMachine")}}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": topic(stack),
    }


def test_what_lies_in_the_dead_letter_queue_is_told(stack, job):
    found = alarms(stack)["something lies in the dead-letter queue"]

    assert found.pop("AlarmDescription").startswith("Something lies in the dead-letter queue of Census/Processing")
    assert found == {
        "AlarmName": named(" ProcessingPlatform: something lies in the dead-letter queue"),
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [only(stack, "AWS::SQS::Queue"), "QueueName"]}}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": topic(stack),
    }


def test_a_run_that_did_not_happen_is_told_when_the_metric_falls_silent(stack, job):
    expect_schedule(target(job), expression=DAILY)
    found = alarms(stack)["an expected run did not happen"]

    assert found.pop("AlarmDescription").startswith("No run of Census/Preprocess has started for 26 hours, and its")
    assert found == {
        "AlarmName": named(" Preprocess/OnSchedule: an expected run did not happen"),
        "Namespace": "AWS/States",
        "MetricName": "ExecutionsStarted",
        "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": only(stack, "AWS::StepFunctions::StateMachine")}}],
        "Statistic": "Sum",
        "Period": 3600,
        "EvaluationPeriods": 26,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "missing",
        "InsufficientDataActions": topic(stack),
    }


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ({"expression": "rate(5 minutes)"}, 3),
        ({"expression": "rate(12 hours)"}, 14),
        ({"expression": DAILY, "timezone": "Europe/Berlin"}, 27),  # one night in autumn has an hour more
        ({"expression": DAILY, "window_minutes": 90}, 28),
        ({"expression": "cron(0 6 ? * MON-FRI *)"}, 74),
        ({"expression": "rate(6 days)"}, 146),
        ({"expression": "rate(166 hours)"}, 168),
    ],
)
def test_the_longest_gap_and_some_slack_may_pass(stack, job, schedule, hours):
    expect_schedule(target(job), **schedule)

    found = alarms(stack)["an expected run did not happen"]
    assert (found["EvaluationPeriods"], found["Period"]) == (hours, 3600)


@pytest.mark.parametrize(
    "schedule",
    [
        {"expression": "rate(167 hours)"},
        {"expression": "rate(7 days)"},
        {"expression": "cron(0 6 ? * SUN *)"},
        {"expression": "rate(6 days)", "window_minutes": 1440},
        {"expression": "at(2030-01-31T06:00:00)"},
        {"expression": DAILY, "end": datetime(2030, 1, 1, tzinfo=timezone.utc)},
        {"expression": "cron(0 6 * * ? 2027)"},
        {"expression": "cron(0 6 31 2 ? *)"},
    ],
)
def test_what_cloudwatch_could_not_tell_has_no_alarm(stack, job, schedule):
    assert expect_schedule(target(job), **schedule) is None
    assert "an expected run did not happen" not in alarms(stack)


def test_a_schedule_that_only_the_deployment_knows_has_no_alarm(stack, job):
    later = Token.as_string({"Ref": "Expression"})

    assert expect_schedule(target(job), expression=later) is None
    assert expect_schedule(target(job), expression=DAILY, timezone=later) is None


@pytest.mark.parametrize(
    ("within", "hours"), [(timedelta(hours=1), 1), (timedelta(days=7), 168), (Duration.days(1), 24), (24 * HOUR, 24)]
)
def test_arrivals_that_do_not_come_are_told_from_the_start(stack, job, within, hours):
    assert within_problems("expect_within", within) == []
    expect_arrivals(target(job, "OnObjectCreated"), rule_name="rule", within=within)
    found = alarms(stack)["nothing has arrived"]

    assert found.pop("AlarmDescription").startswith("Nothing has arrived that launches Census/Preprocess (OnObjectC")
    assert found == {
        "AlarmName": named(" Preprocess/OnObjectCreated: nothing has arrived"),
        "Namespace": "AWS/Events",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "RuleName", "Value": "rule"}],
        "Statistic": "Sum",
        "Period": 3600,
        "EvaluationPeriods": hours,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
        "AlarmActions": topic(stack),
    }


@pytest.mark.parametrize(
    "within",
    [
        timedelta(minutes=30),
        timedelta(minutes=90),
        timedelta(days=7, hours=1),
        timedelta(0),
        -HOUR,
        Duration.days(8),
        Duration.seconds(Token.as_number({"Ref": "Seconds"})),
        24,
        "1 day",
    ],
)
def test_another_time_is_refused(within):
    [problem] = within_problems("expect_within", within)

    assert str(problem).startswith("expect_within must be a Duration or timedelta of 1 hour to 7 days, in whole hours")


def test_two_schedules_of_a_job_have_an_alarm_each(stack, job):
    for construct_id in ("OnSchedule", "OnSchedule2"):
        expect_schedule(target(job, construct_id), expression=DAILY)

    missed = sorted(name for name in names(stack) if name.endswith("did not happen"))
    assert missed == [
        "${AWS::StackName} Preprocess/OnSchedule2: an expected run did not happen",
        "${AWS::StackName} Preprocess/OnSchedule: an expected run did not happen",
    ]


def test_a_name_says_the_path_below_the_stack_however_deep_the_stack_lies(app, request_for):
    stack = Stack(Stage(app, "Production"), "Census")
    ProcessingJob(Stack(stack, "Inner"), "Preprocess", request_for())

    inner = stack.node.find_child("Inner")
    assert "${AWS::StackName} Preprocess: a run failed or timed out" in names(inner)


def test_a_name_that_looks_like_a_substitution_is_none(stack, request_for):
    ProcessingJob(stack, "Cost in ${Currency}", request_for())

    found = next(name for name in names(stack) if name.endswith("timed out"))
    assert found == "${AWS::StackName} Cost in --Currency--6297d606: a run failed or timed out"
    told = alarms(stack)["a run failed or timed out"]["AlarmDescription"]
    assert "cdk-processing why 'Census/Cost in --Currency--6297d606'" in told


def test_long_paths_keep_names_within_the_limit_and_apart(stack, request_for):
    for letter in "AB":
        ProcessingJob(stack, letter + "x" * 200, request_for())

    found = [name.removeprefix("${AWS::StackName}") for name in names(stack)]
    assert max(len(name) for name in found) <= 255 - 128
    assert len(set(found)) == len(found)


def test_names_of_two_platforms_are_apart(stack):
    ProcessingPlatform(stack, "One")
    ProcessingPlatform(stack, "Two")

    assert len(set(names(stack))) == 2


def test_alarms_name_only_commands_that_there_are(stack, job):
    from cdk_processing.cli import main

    expect_schedule(target(job), expression=DAILY)
    expect_arrivals(target(job, "OnObjectCreated"), rule_name="rule", within=HOUR)
    told = " ".join(alarm["AlarmDescription"] for alarm in alarms(stack).values())

    commands = set(re.findall(r"cdk-processing ([a-z-]+)", told))
    assert len(commands) >= 4
    assert commands <= set(main.commands)


def test_cfn_lint_finds_nothing(stack, job):
    expect_schedule(target(job), expression=DAILY)
    expect_arrivals(target(job, "OnObjectCreated"), rule_name="rule", within=HOUR)

    assert [str(match) for match in lint(json.dumps(Template.from_stack(stack).to_json()))] == []
