"""``states:startExecution``. Recorded in localstack/localstack, v2/callback/test_callback.py and v2/services."""

import json

import pytest

START = "arn:aws:states:::states:startExecution"


@pytest.fixture(scope="module")
def role(world):
    return world.role("states.amazonaws.com", [{"Effect": "Allow", "Action": "states:*", "Resource": "*"}])


@pytest.fixture(scope="module")
def inner(world, role):
    return world.machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": {"a": 1}, "End": True}}}, role)


def start(world, role, how, arn):
    ended = world.execute(world.task_machine(f"{START}{how}", {"StateMachineArn": arn, "Input": {"x": "y"}}, role))
    history = world.client("stepfunctions").get_execution_history(executionArn=ended["executionArn"])
    return ended, [event["type"] for event in history["events"]]


def test_an_execution_that_is_followed_returns_its_description(world, role, inner):
    # TestCallback::test_start_execution_sync
    ended, types = start(world, role, ".sync", inner)
    result = json.loads(ended["output"])
    assert (result["Status"], result["Output"], result["Input"]) == ("SUCCEEDED", '{"a":1}', '{"x":"y"}')
    assert result["OutputDetails"] == {"Included": True}
    assert types[2:7] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"]


def test_the_second_version_returns_json(world, role, inner):
    # TestCallback::test_start_execution_sync2
    ended, _ = start(world, role, ".sync:2", inner)
    result = json.loads(ended["output"])
    assert (result["Output"], result["Input"]) == ({"a": 1}, {"x": "y"})


def test_one_that_is_only_started_returns_the_answer_with_its_http_metadata(world, role, inner):
    # test_sfn_task_service.py::TestTaskServiceSfn::test_start_execution
    ended, types = start(world, role, "", inner)
    result = json.loads(ended["output"])
    assert result["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert set(result) == {"ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"}
    assert "TaskSubmitted" not in types


def test_one_that_fails_fails_the_task_with_its_description(world, role):
    # TestCallback::test_start_execution_sync_delegate_failure
    failing = world.machine({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}, role)
    ended, types = start(world, role, ".sync", failing)
    assert ended["error"] == "States.TaskFailed"
    cause = json.loads(ended["cause"])
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("E", "C", "FAILED")
    assert types[-2:] == ["TaskFailed", "ExecutionFailed"]


def test_one_that_does_not_exist_fails_the_task_with_the_words_of_aws(world, role, inner):
    # error_handling/test_task_service_sfn.py::TestTaskServiceSfn::test_start_execution_no_such_arn
    ended, _ = start(world, role, "", f"{inner}x")
    assert ended["error"] == "StepFunctions.StateMachineDoesNotExistException"
    assert ended["cause"].startswith(
        f"State Machine Does Not Exist: '{inner}x' (Service: AWSStepFunctions; Status Code: 400; "
        "Error Code: StateMachineDoesNotExist; Request ID: "
    )


def test_a_role_without_permission_starts_nothing(world, inner):
    ended, _ = start(world, world.role("states.amazonaws.com", []), "", inner)
    assert ended["error"] == "StepFunctions.AWSStepFunctionsException"
    assert "states:StartExecution" in ended["cause"]
