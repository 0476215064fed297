"""The events of log streams in files: in the order of their time, page by page, and not by memory."""

import gc
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_processing.local.aws.logs.stored import StoredEvents
from cdk_processing.local.files import FileStore
from tests.local.aws.s3.test_stored import MIB, anonymous_bytes


def event(at, message="m"):
    return {"timestamp": at, "message": message, "ingestionTime": 7, "eventId": str(uuid.uuid4())}


@pytest.fixture
def files(tmp_path):
    return FileStore(tmp_path / "logs")


@settings(deadline=None)
@given(
    batches=st.lists(st.lists(st.tuples(st.integers(0, 9), st.text(max_size=3)), min_size=1, max_size=5), max_size=6)
)
def test_events_are_in_the_order_of_their_time_and_then_of_their_arrival(tmp_path_factory, batches):
    files = FileStore(tmp_path_factory.mktemp("logs"))
    stored, expected = StoredEvents(files), []
    for batch in batches:
        made = sorted((event(at, text) for at, text in batch), key=lambda each: each["timestamp"])
        stored = stored.with_events(made)
        expected = sorted([*expected, *made], key=lambda each: each["timestamp"])

    assert list(stored) == expected
    assert stored[:] == expected
    assert [stored[at] for at in range(len(expected))] == expected
    assert stored[::-1] == expected[::-1]
    assert stored[1:3] == expected[1:3]
    assert stored.message_bytes == sum(len(each["message"].encode()) for each in expected)


def test_a_reader_keeps_what_it_has_when_a_late_event_comes(files):
    stored = StoredEvents(files).with_events([event(5, "five"), event(9, "nine")])
    later = stored.with_events([event(7, "seven")])

    assert [each["message"] for each in stored] == ["five", "nine"]
    assert [each["message"] for each in later] == ["five", "seven", "nine"]


def test_there_is_nothing_beyond_the_last_event(files):
    stored = StoredEvents(files).with_events([event(1)])
    with pytest.raises(IndexError):
        stored[1]
    assert stored[-1]["timestamp"] == 1
    assert list(StoredEvents(files)) == []


def test_its_files_go_with_it(files, tmp_path):
    stored = StoredEvents(files).with_events([event(5)])
    stored = stored.with_events([event(1)])
    assert len(list((tmp_path / "logs").iterdir())) == 2
    del stored
    gc.collect()
    assert list((tmp_path / "logs").iterdir()) == []


@pytest.fixture(scope="module")
def logs(world):
    return world.client("logs")


@pytest.fixture
def stream(world, logs):
    group = world.name("group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    return {"logGroupName": group, "logStreamName": "s"}


def now():
    return int(time.time() * 1000)


def test_a_stream_is_read_forward_and_backward_page_by_page(logs, stream):
    start = now()
    logs.put_log_events(**stream, logEvents=[{"timestamp": start + at, "message": f"line {at}"} for at in range(25)])
    logs.put_log_events(**stream, logEvents=[{"timestamp": start + 3, "message": "late"}])
    expected = [f"line {at}" for at in range(4)] + ["late"] + [f"line {at}" for at in range(4, 25)]

    found, token = [], {}
    while True:
        page = logs.get_log_events(**stream, startFromHead=True, limit=7, **token)
        if not page["events"]:
            break
        found += [each["message"] for each in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}

    assert found == expected
    last = logs.get_log_events(**stream, limit=4)["events"]
    assert [each["message"] for each in last] == expected[-4:]


def test_events_are_found_by_time_and_pattern(logs, stream):
    start = now()
    logs.put_log_events(**stream, logEvents=[{"timestamp": start + at, "message": f"n{at % 3}"} for at in range(12)])

    found = logs.filter_log_events(
        logGroupName=stream["logGroupName"], startTime=start + 3, endTime=start + 8, filterPattern="n1"
    )["events"]

    assert [(each["timestamp"] - start, each["message"]) for each in found] == [(4, "n1"), (7, "n1")]


def test_groups_and_streams_are_described_with_their_bytes(logs, stream):
    group = stream["logGroupName"]
    logs.create_log_stream(logGroupName=group, logStreamName="a-newer-one")
    start = now()
    logs.put_log_events(**stream, logEvents=[{"timestamp": start, "message": "äb"}])
    logs.put_log_events(
        logGroupName=group, logStreamName="a-newer-one", logEvents=[{"timestamp": start + 5, "message": "c"}]
    )

    by_name = logs.describe_log_streams(logGroupName=group)["logStreams"]
    by_time = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]

    assert [each["logStreamName"] for each in by_name] == ["a-newer-one", "s"]
    assert [each["logStreamName"] for each in by_time] == ["a-newer-one", "s"]
    assert by_name[1]["storedBytes"] == 3
    assert by_name[1]["firstEventTimestamp"] == by_name[1]["lastEventTimestamp"] == start
    assert described["storedBytes"] == 4
    assert described["logGroupArn"] + ":*" == described["arn"]


def test_streams_are_described_page_by_page(logs, stream):
    group = stream["logGroupName"]
    for number in range(4):
        logs.create_log_stream(logGroupName=group, logStreamName=f"t{number}")

    pages = list(
        logs.get_paginator("describe_log_streams").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    )

    assert [[each["logStreamName"] for each in page["logStreams"]] for page in pages] == [
        ["s", "t0"],
        ["t1", "t2"],
        ["t3"],
    ]


def test_an_unknown_group_is_refused(logs):
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName="unknown")


def test_the_server_does_not_hold_in_memory_what_it_logs(world, logs, stream):
    line = "x" * 9_900
    before = anonymous_bytes(world.aws.pid)
    for _ in range(150):
        logs.put_log_events(**stream, logEvents=[{"timestamp": now(), "message": line} for _ in range(100)])

    described = logs.describe_log_streams(logGroupName=stream["logGroupName"])["logStreams"]

    assert described[0]["storedBytes"] == 150 * 100 * len(line)
    assert anonymous_bytes(world.aws.pid) - before < 60 * MIB
