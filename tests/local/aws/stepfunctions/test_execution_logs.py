"""Executions in a log group. Recorded in localstack/localstack, v2/logs/test_logs.py::TestLogs."""

import json

import pytest

from tests.patience import until

DELIVERY = [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]


@pytest.fixture(scope="module")
def logged(world):
    """Run a machine that logs; the messages of its log group."""
    role = world.role("states.amazonaws.com", DELIVERY)
    logs, sfn = world.client("logs"), world.client("stepfunctions")

    def run(state, level, include, expected):
        group = f"states-{level}-{include}-{state['Type']}"
        logs.create_log_group(logGroupName=group)
        arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
        machine = world.machine({"StartAt": "Only", "States": {"Only": state}}, role)
        sfn.update_state_machine(
            stateMachineArn=machine,
            loggingConfiguration={
                "level": level,
                "includeExecutionData": include,
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
            },
        )
        world.execute(machine, {"a": 1})

        def messages():
            found = logs.filter_log_events(logGroupName=group)["events"]
            return [json.loads(event["message"]) for event in found]

        until(lambda: len(messages()) >= expected)
        return messages()

    return run


PASS = {"Type": "Pass", "End": True}
FAIL = {"Type": "Fail", "Error": "E", "Cause": "C"}


def test_all_events_are_logged_with_their_data(logged):
    # The case pass_result.json5_ALL_True of test_base
    messages = logged(PASS, "ALL", True, 4)
    assert [message["type"] for message in messages] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    entered = messages[1]
    assert (entered["id"], entered["previous_event_id"], entered["redrive_count"]) == ("2", "0", "0")
    assert entered["details"] == {"input": '{"a":1}', "inputDetails": {"truncated": False}, "name": "Only"}


def test_without_execution_data_only_names_and_errors_are_logged(logged):
    # The case pass_result.json5_ALL_False of test_base
    messages = logged(PASS, "ALL", False, 4)
    assert [message["details"] for message in messages[1:]] == [{"name": "Only"}, {"name": "Only"}, {}]


@pytest.mark.parametrize(
    ("level", "types"), [("ERROR", ["FailStateEntered", "ExecutionFailed"]), ("FATAL", ["ExecutionFailed"])]
)
def test_a_level_leaves_out_what_is_no_error(logged, level, types):
    # test_partial_log_levels
    messages = logged(FAIL, level, True, len(types))
    assert [message["type"] for message in messages] == types
    assert messages[-1]["details"] == {"error": "E", "cause": "C"}
