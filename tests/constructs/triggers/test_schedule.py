"""``OnSchedule``: its schedule, and runs that must not overlap."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from cdk_processing import (
    ExecutionVariables,
    OnSchedule,
    Parameter,
)
from tests.constructs.triggers.runs import CONTEXT
from tests.workflow.states_language import choose, evaluate

V = ExecutionVariables


def schedule(made, *args, **given):
    return made(OnSchedule(*args, **given), "AWS::Scheduler::Schedule")


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


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_runs_that_must_not_overlap_ask_the_table_and_step_functions(
    declare, stack, synth, resources, statements, states, flat, overlap
):
    declare(OnSchedule("rate(1 hour)", overlap=overlap))
    template = synth(stack)

    [schedule] = resources(template, "AWS::Scheduler::Schedule").values()
    given = json.loads(schedule["Properties"]["Target"]["Input"])
    assert given["overlap"] == overlap
    assert len(resources(template, "AWS::DynamoDB::Table")) == 1
    assert statements(template, "JobWorkflowRole")["KeepItems"]["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["Census/Job#*"]}
    }
    [policy] = resources(template, "AWS::IAM::Policy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Sid"], statement["Action"]) == ("DescribeRuns", "states:DescribeExecution")
    [machine] = resources(template, "AWS::StepFunctions::StateMachine")
    assert flat(statement["Resource"]).endswith(f":execution:<{machine}.Name>:*")
    [role] = policy["Properties"]["Roles"]
    assert role["Ref"].startswith("JobWorkflowRole")
    known = evaluate(states()["Prepare"]["Assign"], input=given, context=CONTEXT)
    assert choose(states()["Admit"], known) == {"skip": "TakeTurn", "queue": "JoinLine"}[overlap]
    key = evaluate(states()["TakeTurn"]["Arguments"]["Key"], known, context=CONTEXT)["id"]["S"]
    assert key.startswith("Census/Job#line#")


def test_two_jobs_share_the_table_and_reach_their_own_items_alone(declare, stack, synth, resources, statements):
    for name in ("One", "OneMore"):
        declare(OnSchedule("rate(1 hour)", overlap="skip"), name=name)
    template = synth(stack)

    assert len(resources(template, "AWS::DynamoDB::Table")) == 1
    keys = [
        statements(template, f"{name}WorkflowRole")["KeepItems"]["Condition"]["ForAllValues:StringLike"]
        for name in ("One", "OneMore")
    ]
    # The sign after the path keeps one job from the items of another whose path begins like its own.
    assert keys == [{"dynamodb:LeadingKeys": [f"Census/{name}#*"]} for name in ("One", "OneMore")]


def test_one_policy_serves_all_schedules_of_a_job(declare, stack, synth, resources):
    declare(OnSchedule("rate(1 hour)", overlap="skip"), OnSchedule("rate(2 hours)", overlap="queue"))

    assert len(resources(synth(stack), "AWS::IAM::Policy")) == 1


@pytest.mark.parametrize("overlap", ["wait", None, "Skip", True])
def test_an_overlap_that_there_is_not_is_told(refused, overlap):
    assert refused(OnSchedule("rate(1 hour)", overlap=overlap)) == (
        f"triggers[0].overlap must be 'allow', 'skip' or 'queue', got {overlap!r}; write one of those (OnSchedule)"
    )
