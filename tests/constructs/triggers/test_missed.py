"""The alarms of triggers: an expected run or an expected arrival did not happen."""

from datetime import datetime, timedelta, timezone

import pytest
from aws_cdk import Duration, Token

from cdk_processing.constructs.triggers.missed import expect_arrivals, expect_schedule, within_problems
from tests.constructs.alarms import alarms, named, names, only, target, topic

HOUR = timedelta(hours=1)
DAILY = "cron(0 6 * * ? *)"


def test_a_run_that_did_not_happen_is_told_when_the_metric_falls_silent(stack, job):
    expect_schedule(target(job), expression=DAILY)
    found = alarms(stack)["an expected run did not happen"]

    assert found.pop("AlarmDescription").startswith("No run has started for 26 hours, and the schedule cron(")
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
