"""All triggers in one template."""

import json

from aws_cdk import aws_events as events
from cfnlint.api import lint

from cdk_processing import (
    EventField,
    ExecutionVariables,
    LaunchPolicy,
    OnAll,
    OnDeploy,
    OnEvent,
    OnMarker,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    Parameter,
    ProcessingJob,
)
from tests.constructs.triggers.runs import PATTERN

V = ExecutionVariables


def test_a_template_with_every_trigger_is_one_that_cfn_lint_finds_nothing_in(stack, request_for, synth, states, raw):
    first = ProcessingJob(
        stack,
        "First",
        request_for(V.OBJECT_URI, arguments=[Parameter("n", default=3, type=int)]),
        triggers=[OnObjectCreated(raw.at("in/"), ".csv", dedupe="content", newest_only=True)],
    )
    bus = events.EventBus(stack, "Bus")
    ProcessingJob(
        stack,
        "Second",
        request_for(arguments=[Parameter("day"), Parameter("mode", default="a", enum_values=["a", "b"])]),
        triggers=[
            OnSuccessOf(first, parameters={"day": EventField("$.detail.trigger_time")}),
            OnDeploy(parameters={"day": "first"}),
            OnEvent(PATTERN, parameters={"day": EventField("$.detail.day")}, run_key=EventField("$.detail.id")),
            OnEvent({"$or": [{"source": ["a"]}, {"source": ["b"]}]}, parameters={"day": "x"}, event_bus=bus),
            OnSchedule("rate(1 hour)", overlap="queue", parameters={"day": "<aws.scheduler.scheduled-time>"}),
            OnSchedule("rate(2 hours)", overlap="skip", parameters={"day": "y"}),
        ],
        launch_policy=LaunchPolicy(retry_seconds=1),
    )
    ProcessingJob(stack, "Third", request_for(V.FOLDER_URI), triggers=[OnMarker(raw.at("orders/"))])
    sources = {name: OnMarker(raw.at(f"{name}/")) for name in ("stock", "prices")}
    ProcessingJob(stack, "Fourth", request_for(V.FOLDER_URI["stock"]), triggers=[OnAll(sources, by=["day"])])

    found = lint(json.dumps(synth(stack)), regions=["eu-central-1"])

    assert [f"{match.rule.id} {match.path} {match.message}" for match in found] == []
    assert {"Admit", "RecordNewest", "WriteManifest", "Announce"} <= set(states("First"))
    assert {"Admit", "JoinLine", "TakeTurn", "WaitForTurn", "Skipped"} <= set(states("Second"))
