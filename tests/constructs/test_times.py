"""Times that are reckoned from the run's own, in a real synth."""

import json
from datetime import timedelta

import pytest
from aws_cdk import Annotations, CfnParameter, Duration
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from cdk_processing import (
    ExecutionVariables,
    OnEvent,
    OnSchedule,
    OnSuccessOf,
    ProcessingJob,
    RunTimeValueError,
)
from tests.workflow.states_language import evaluate, problems_of

TIME = ExecutionVariables.TRIGGER_TIME
BERLIN = "Europe/Berlin"
YESTERDAY = TIME.in_timezone(BERLIN) - timedelta(days=1)
CONTEXT = {"Execution": {"Id": "execution", "StartTime": "2026-05-01T22:30:00Z"}, "StateMachine": {"Id": "machine"}}
WARNING = "cdk-processing:utc-date"


def run_of(definition, event):
    """The arguments of a run's job, as far as they are expressions."""
    known = evaluate(definition["States"]["Prepare"]["Assign"], input=event, context=CONTEXT)
    return evaluate(definition["States"]["RunJob"]["Arguments"]["AppSpecification"]["ContainerArguments"], known)


def test_the_rules_of_a_timezone_stand_once_in_a_definition_however_often_they_are_used(
    stack, curated, request_for, synth, definition
):
    destination = curated.at(f"dt={YESTERDAY:%Y-%m-%d}/")
    request = request_for(destination=destination, arguments=[str(YESTERDAY), f"{TIME.in_timezone(BERLIN):%H}"])
    ProcessingJob(stack, "Job", request)

    found = definition(synth(stack), "Job")

    assert problems_of(found) == []
    assert json.dumps(found).count("'changes': [") == 1
    assert run_of(found, {}) == ["2026-05-01T00:30:00+02:00", "00"]


def test_a_job_that_reckons_no_times_has_no_rules_in_its_definition(stack, request_for, synth, definition):
    ProcessingJob(stack, "Job", request_for(arguments=[f"{TIME:%Y}"]))

    assert "changes" not in json.dumps(definition(synth(stack), "Job"))


def test_a_duration_of_the_cdk_is_as_good_as_a_timedelta():
    assert str(TIME - Duration.days(1)) == str(TIME - timedelta(days=1))
    assert str(Duration.hours(6) + TIME) == str(TIME + timedelta(hours=6))


@pytest.mark.parametrize("duration", [lambda stack: Duration.millis(1), lambda stack: Duration.minutes(number(stack))])
def test_a_duration_that_is_no_number_of_seconds_is_refused(stack, duration):
    with pytest.raises(
        RunTimeValueError, match=r"must be a datetime.timedelta of whole seconds, got .*; write timedelta"
    ):
        TIME - duration(stack)


def test_a_timezone_that_only_cloudformation_knows_is_refused(stack):
    zone = CfnParameter(stack, "Zone").value_as_string

    with pytest.raises(
        RunTimeValueError, match="timezone must be the IANA name of a timezone, such as 'Europe/Berlin'"
    ):
        TIME.in_timezone(zone)


def test_a_job_downstream_reckons_from_the_time_of_the_first(stack, request_for, synth, definition):
    upstream = ProcessingJob(stack, "Clean", request_for())
    ProcessingJob(stack, "Report", request_for(arguments=[f"{YESTERDAY:%d}"]), triggers=[OnSuccessOf(upstream)])
    found = definition(synth(stack), "Report")

    [machine] = {part.split("'")[1] for part in json.dumps(found).split("detail.state_machine = ")[1:]}
    detail = {"state_machine": machine, "run_id": "r", "trigger_time": "2026-04-10T22:30:00Z"}
    event = {"source": "cdk-processing", "time": "2026-04-12T08:00:00Z", "detail": detail}

    assert run_of(found, event) == ["10"]


def number(stack):
    return CfnParameter(stack, "Number", type="Number").value_as_number


# -- a date that is taken from UTC ------------------------------------------------------------------------------------


def told(stack):
    found = Found.from_stack(stack).find_warning("*", Match.string_like_regexp("TRIGGER_TIME is in UTC"))
    return [each.entry.data for each in found]


NIGHTLY = OnSchedule("cron(30 0 * * ? *)", timezone=BERLIN)


def test_a_date_in_utc_is_told_of_where_the_schedules_clocks_have_another(stack, request_for):
    ProcessingJob(stack, "Job", request_for(arguments=[f"{TIME:%Y-%m-%d}"]), triggers=[NIGHTLY])

    assert told(stack) == [
        "TRIGGER_TIME is in UTC, where the date may be another one when schedule cron(30 0 * * ? *) Europe/Berlin "
        "launches the job at 00:30. Write TRIGGER_TIME.in_timezone('Europe/Berlin'), or .in_timezone('UTC') if "
        f"the date in UTC is meant. [ack: {WARNING}]"
    ]


def test_a_trigger_that_is_added_later_is_looked_at_too(stack, request_for):
    job = ProcessingJob(stack, "Job", request_for(arguments=[f"{TIME - timedelta(days=1):%j}"]))
    assert told(stack) == []

    job.add_trigger(NIGHTLY)
    assert len(told(stack)) == 1


def test_the_warning_is_acknowledged_in_the_cdks_own_way(stack, request_for):
    ProcessingJob(stack, "Job", request_for(arguments=[f"{TIME:%d}"]), triggers=[NIGHTLY])
    Annotations.of(stack).acknowledge_warning(WARNING, "the lake is in UTC")

    assert told(stack) == []


@pytest.mark.parametrize(
    ("argument", "trigger"),
    [
        (f"{TIME.in_timezone(BERLIN):%Y-%m-%d}", NIGHTLY),
        (f"{TIME.in_timezone('UTC'):%Y-%m-%d}", NIGHTLY),
        (f"{TIME:%Y-%m-%dT%H-%M}", NIGHTLY),
        (f"{TIME}", NIGHTLY),
        (f"{TIME:%Y}", NIGHTLY),
        (f"{TIME:%Y-%m-%d}", OnSchedule("cron(0 6 * * ? *)", timezone=BERLIN)),
        (f"{TIME:%Y-%m-%d}", OnSchedule("cron(30 0 * * ? *)")),
        (f"{TIME:%Y-%m-%d}", OnSchedule("rate(1 hour)", timezone=BERLIN)),
        (f"{TIME:%Y-%m-%d}", OnEvent({"source": ["my.app"]})),
    ],
)
def test_what_is_right_or_meant_is_not_told_of(stack, request_for, argument, trigger):
    ProcessingJob(stack, "Job", request_for(arguments=[argument]), triggers=[trigger])

    assert told(stack) == []
