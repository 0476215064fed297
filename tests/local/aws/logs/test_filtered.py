"""FilterLogEvents by the prefix of a stream's name."""

import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def logs(world):
    client = world.client("logs")
    client.create_log_group(logGroupName="filtered")
    for stream in ("job-1/algo-1", "job-1/algo-2", "job-2/algo-1"):
        client.create_log_stream(logGroupName="filtered", logStreamName=stream)
        events = [{"timestamp": int(time.time() * 1000), "message": stream}]
        client.put_log_events(logGroupName="filtered", logStreamName=stream, logEvents=events)
    return client


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("job-1/", ["job-1/algo-1", "job-1/algo-2"]),
        ("job-", ["job-1/algo-1", "job-1/algo-2", "job-2/algo-1"]),
        ("x", []),
    ],
)
def test_only_streams_with_the_prefix_are_searched(logs, prefix, found):
    events = logs.filter_log_events(logGroupName="filtered", logStreamNamePrefix=prefix)["events"]
    assert sorted(event["message"] for event in events) == found


def test_names_and_a_prefix_are_refused(logs):
    with pytest.raises(ClientError, match="InvalidParameterException"):
        logs.filter_log_events(logGroupName="filtered", logStreamNamePrefix="j", logStreamNames=["job-1/algo-1"])


def test_a_group_that_does_not_exist_is_refused(logs):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.filter_log_events(logGroupName="none", logStreamNamePrefix="j")
