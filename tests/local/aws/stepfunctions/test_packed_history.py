import json

from cdk_processing.local.aws.stepfunctions.packed_history import PackedHistory

EVENTS = [
    {"id": number, "type": "PassStateEntered", "timestamp": 1.25, "stateEnteredEventDetails": {"input": "é" * 1_000}}
    for number in range(1, 21)
]


def test_events_are_read_as_they_were():
    history = PackedHistory(EVENTS)
    assert (list(history), len(history), history[-2]) == (EVENTS, 20, EVENTS[-2])


def test_an_event_after_the_end_is_added():
    history = PackedHistory(EVENTS[:19])
    history.append(EVENTS[19])
    assert list(history) == EVENTS


def test_a_history_takes_less_than_a_tenth_of_its_text():
    assert len(PackedHistory(EVENTS)._packed) * 10 < len(json.dumps(EVENTS))


def test_the_history_of_an_execution_that_has_ended_is_read_in_pages(world):
    role = world.role("states.amazonaws.com", [])
    ended = world.execute(world.machine({"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}}, role))
    paginator = world.client("stepfunctions").get_paginator("get_execution_history")

    pages = paginator.paginate(executionArn=ended["executionArn"], reverseOrder=True, PaginationConfig={"PageSize": 1})
    types = [event["type"] for page in pages for event in page["events"]]
    assert types == ["ExecutionSucceeded", "SucceedStateExited", "SucceedStateEntered", "ExecutionStarted"]
