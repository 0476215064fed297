import json
from datetime import datetime, timedelta, timezone

import pytest

from cdk_processing import OnObjectCreated, OnSchedule, Parameter, ProcessingJob, S3Location


@pytest.fixture
def made(stack, request_for, synth, resources):
    """The properties of the resource that a trigger is."""

    def bind(trigger, kind, arguments=()):
        request = request_for(arguments=arguments) if arguments else request_for()
        ProcessingJob(stack, "Preprocess", request, triggers=[trigger])
        [found] = resources(synth(stack), kind).values()
        return found["Properties"]

    return bind


def rule(made, trigger):
    return made(trigger, "AWS::Events::Rule")


def schedule(made, *args, **given):
    return made(OnSchedule(*args, **given), "AWS::Scheduler::Schedule")


# -- arrivals ---------------------------------------------------------------------------------------------------------


def test_an_arrival_is_one_rule_that_starts_the_state_machine(made, raw):
    found = rule(made, OnObjectCreated(raw.at("in/"), suffix=".csv"))

    [target] = found["Targets"]
    assert found["Description"] == "Launches Census/Preprocess"
    assert found["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "Raw72517081"}]},
            "object": {"key": [{"wildcard": "in/*.csv"}], "size": [{"numeric": [">", 0]}]},
        },
    }
    assert target["Arn"]["Ref"].startswith("PreprocessStateMachine")
    assert target["RoleArn"]["Fn::GetAtt"][0].startswith("PreprocessStartRole")
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("ProcessingPlatformDeadLetters")
    # The event goes as it came: the workflow reads its key, version and time.
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


@pytest.mark.parametrize(
    ("key", "suffix", "pattern"),
    [
        ("in/", "", {"prefix": "in/"}),
        ("", ".csv", {"suffix": ".csv"}),
        ("in/", ".csv", {"wildcard": "in/*.csv"}),
        ("a*b\\c/", ".*", {"wildcard": "a\\*b\\\\c/*.\\*"}),
        ("a*b/", "", {"prefix": "a*b/"}),
    ],
)
def test_prefix_and_suffix_are_both_held_to(key, suffix, pattern):
    found = OnObjectCreated(S3Location("raw-data", key), suffix).pattern()

    assert found["detail"]["object"]["key"] == [pattern]


def test_a_whole_bucket_is_watched_without_a_key(made):
    found = OnObjectCreated(S3Location("raw-data")).pattern()

    assert found["detail"] == {"bucket": {"name": ["raw-data"]}, "object": {"size": [{"numeric": [">", 0]}]}}


# -- schedules --------------------------------------------------------------------------------------------------------


def test_a_schedule_is_one_resource_that_starts_the_state_machine(made):
    found = schedule(made, "cron(0 6 * * ? *)", timezone="Europe/Berlin")
    target = found.pop("Target")

    assert found == {
        "Description": "Launches Census/Preprocess",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "cron(0 6 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
    }
    assert target["Arn"]["Ref"].startswith("PreprocessStateMachine")
    assert target["RoleArn"]["Fn::GetAtt"][0].startswith("PreprocessStartRole")
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("ProcessingPlatformDeadLetters")


def test_a_schedule_sends_what_is_the_same_for_every_attempt_at_one_occurrence(made):
    found = schedule(made, "rate(1 day)")

    assert json.loads(found["Target"]["Input"]) == {
        "source": "aws.scheduler",
        "schedule": "<aws.scheduler.schedule-arn>",
        "time": "<aws.scheduler.scheduled-time>",
    }


def test_a_schedule_sends_its_parameters(made):
    trigger = OnSchedule("rate(1 day)", parameters={"ratio": "0.3", "text": 'it\'s "quoted" ü'})
    found = made(trigger, "AWS::Scheduler::Schedule", [Parameter("ratio", type=float), Parameter("text")])

    assert json.loads(found["Target"]["Input"])["parameters"] == {"ratio": "0.3", "text": 'it\'s "quoted" ü'}


def test_a_flexible_window_is_in_minutes(made):
    assert schedule(made, "rate(1 day)", flexible_window_minutes=15)["FlexibleTimeWindow"] == {
        "Mode": "FLEXIBLE",
        "MaximumWindowInMinutes": 15,
    }


def test_start_and_end_are_written_in_utc(made):
    berlin = timezone(timedelta(hours=2))

    found = schedule(
        made,
        "rate(1 day)",
        start=datetime(2030, 6, 1, 0, 30, tzinfo=berlin),
        end=datetime(2031, 1, 1, tzinfo=timezone.utc),
    )

    assert (found["StartDate"], found["EndDate"]) == ("2030-05-31T22:30:00.000Z", "2031-01-01T00:00:00.000Z")
