"""What Step Functions refuses when a state machine is made or updated.

Recorded in localstack/localstack, tests/aws/services/stepfunctions/v2.
"""

import json

import pytest
from botocore.exceptions import ClientError

FINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def one(**state):
    return json.dumps({"StartAt": "A", "States": {"A": {"End": True, **state}}})


REFUSED = {
    "no json": ("not a definition", "INVALID_JSON_DESCRIPTION: "),
    "no object": ('"text"', "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
    # test_sfn_api.py::TestSnfApi::test_create_delete_invalid_sm
    "no states": ('{"StartAt": "A"}', "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"),
    # test_sfn_api_validation.py
    "nothing": ("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"),
    "no type": (
        one(Type="No"),
        "SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: "
        "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/A/Type",
    ),
    "no branch": (
        one(Type="Parallel", Branches=[]),
        "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Branches",
    ),
    # scenarios/test_base_scenarios.py::TestBaseScenarios::test_wait_timestamp_invalid
    "no timestamp": (
        one(Type="Wait", Timestamp="2016-12-05 21:29:29Z"),
        "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/A/Timestamp",
    ),
    # scenarios/test_base_scenarios.py::TestBaseScenarios::test_illegal_escapes
    "no function": (
        one(Type="Pass", Parameters={"x.$": "States.Format('a \\\" b')"}),
        "SCHEMA_VALIDATION_FAILED: The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic "
        "function call at /States/A/Parameters",
    ),
    # services/test_dynamodb_task_service.py::TestTaskServiceDynamoDB::test_invalid_integration
    "no integration": (
        one(Type="Task", Resource="arn:aws:states:::dynamodb:query"),
        "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::dynamodb:query is not recognized. ",
    ),
    "a label with a space": (one(Type="Map", Label="a b", ItemProcessor=FINE), "SCHEMA_VALIDATION_FAILED: The label "),
}


@pytest.fixture(scope="module")
def made(world):
    return world.machine(FINE, world.role("states.amazonaws.com", []))


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_definition_is_refused_at_creation_and_at_update(world, made, case):
    definition, words = REFUSED[case]
    sfn = world.client("stepfunctions")
    role = sfn.describe_state_machine(stateMachineArn=made)["roleArn"]
    for refused in (
        lambda: sfn.create_state_machine(name="refused", definition=definition, roleArn=role),
        lambda: sfn.update_state_machine(stateMachineArn=made, definition=definition),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response["Error"]["Code"] == "InvalidDefinition"
        assert words in error.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "source",
    ["$", "$$.Execution.Id", "$x", "States.Format('{} it\\'s', $.a)", "States.Array($.a[?(@.b == 'x y')], 1)"],
)
def test_a_path_or_a_function_is_accepted(world, made, source):
    world.client("stepfunctions").update_state_machine(
        stateMachineArn=made, definition=one(Type="Pass", Parameters={"x.$": source})
    )


def test_jsonpath_in_a_machine_of_jsonata_is_refused(world, made):
    # The case INVALID_DOWNGRADE_QUERY_LANGUAGE of test_sfn_api_validation.py
    downgraded = {**json.loads(one(Type="Pass", QueryLanguage="JSONPath")), "QueryLanguage": "JSONata"}
    with pytest.raises(ClientError, match="'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state"):
        world.client("stepfunctions").update_state_machine(stateMachineArn=made, definition=json.dumps(downgraded))


def test_what_does_not_exist_is_named_as_aws_does(world, made):
    # test_sfn_api.py::TestSnfApi::test_describe_nonexistent_sm, test_describe_invalid_arn_sm
    sfn = world.client("stepfunctions")
    with pytest.raises(ClientError, match=f"State Machine Does Not Exist: '{made}x'"):
        sfn.describe_state_machine(stateMachineArn=f"{made}x")
    with pytest.raises(ClientError, match="Invalid Arn: 'Invalid ARN prefix: no_arn'"):
        sfn.describe_state_machine(stateMachineArn="no_arn")


def test_a_token_that_was_never_issued_is_invalid(world):
    # services/test_aws_sdk_task_service.py::TestTaskServiceAwsSdk::test_sfn_send_task_outcome_with_no_such_token
    with pytest.raises(ClientError, match=r"\(InvalidToken\).*Invalid Token: 'Invalid token'"):
        world.client("stepfunctions").send_task_success(taskToken="none", output="{}")


@pytest.mark.parametrize("text", ["not json", "{'a': 1}", ""])
def test_an_input_that_is_no_json_starts_nothing(world, made, text):
    # test_sfn_api.py::TestSnfApi::test_invalid_start_execution_input
    with pytest.raises(ClientError, match=r"\(InvalidExecutionInput\).*Invalid State Machine Execution Input: '"):
        world.client("stepfunctions").start_execution(stateMachineArn=made, input=text)


@pytest.mark.parametrize("text", ["2", '"text"', "null"])
def test_any_json_starts_an_execution(world, made, text):
    assert world.client("stepfunctions").start_execution(stateMachineArn=made, input=text)["executionArn"]


def test_executions_of_a_machine_that_does_not_exist_are_not_listed(world, made):
    # test_sfn_api.py::TestSnfApi::test_list_execution_no_such_state_machine
    with pytest.raises(ClientError, match=f"State Machine Does Not Exist: '{made}x'"):
        world.client("stepfunctions").list_executions(stateMachineArn=f"{made}x")


def test_a_second_machine_of_one_name_is_refused_with_the_first_ones_arn(world, made):
    # test_sfn_api.py::TestSnfApi::test_create_duplicate_sm_name
    sfn = world.client("stepfunctions")
    role = sfn.describe_state_machine(stateMachineArn=made)["roleArn"]
    with pytest.raises(ClientError, match=f"State Machine Already Exists: '{made}'"):
        sfn.create_state_machine(name=made.rpartition(":")[2], definition=one(Type="Succeed"), roleArn=role)


def test_a_role_that_trusts_the_service_of_its_region_is_accepted(world):
    # scenarios/test_sfn_scenarios.py::TestFundamental::test_path_based_on_data
    role = world.role("states.us-east-1.amazonaws.com", [])
    assert world.execute(world.machine(FINE, role))["status"] == "SUCCEEDED"
