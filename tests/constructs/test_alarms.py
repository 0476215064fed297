"""The alarms of a job and of a platform, and the names of alarms."""

import json
import re
from datetime import timedelta

from aws_cdk import Stack, Stage
from aws_cdk.assertions import Template
from cfnlint.api import lint

from cdk_processing import ProcessingJob, ProcessingPlatform
from cdk_processing.constructs.triggers.missed import expect_arrivals, expect_schedule
from tests.constructs.alarms import alarms, named, names, only, target, topic

HOUR = timedelta(hours=1)
DAILY = "cron(0 6 * * ? *)"


def test_a_failed_run_is_told(stack, job):

    assert alarms(stack)["a run failed or timed out"] == {
        "AlarmName": named(" Preprocess: a run failed or timed out"),
        "AlarmDescription": (
            "A run failed for good, or timed out. Why: cdk-processing why Census/Preprocess. When the cause is mended, "
            "run it again: cdk-processing redrive Census/Preprocess."
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
