"""What the API of Step Functions answers besides executions.

Recorded in localstack/localstack, tests/aws/services/stepfunctions/v2.
"""

import json

import pytest
from botocore.exceptions import ClientError

FINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
OTHER = {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}


@pytest.fixture(scope="module")
def sfn(world):
    return world.client("stepfunctions")


@pytest.fixture
def made(world):
    return world.machine(FINE, world.role("states.amazonaws.com", []))


@pytest.fixture(scope="module")
def groups(world):
    logs = world.client("logs")
    for name in ("of-a-machine", "of-another"):
        logs.create_log_group(logGroupName=name)
    return [each["arn"] for each in logs.describe_log_groups(logGroupNamePrefix="of-a")["logGroups"]]


def revision(sfn, arn):
    return sfn.describe_state_machine(stateMachineArn=arn)["revisionId"]


def test_an_update_answers_with_the_new_revision_and_the_same_values_are_none(sfn, made):
    # test_sfn_api.py::TestSnfApi::test_create_update_state_machine_base_definition, ..._same_parameters
    first = revision(sfn, made)
    second = sfn.update_state_machine(stateMachineArn=made, definition=json.dumps(OTHER))["revisionId"]
    again = sfn.update_state_machine(stateMachineArn=made, definition=json.dumps(OTHER))["revisionId"]
    assert first != second == again == revision(sfn, made)


def test_an_update_of_nothing_is_refused(sfn, made):
    # test_sfn_api.py::TestSnfApi::test_create_update_state_machine_base_update_none
    with pytest.raises(ClientError, match=r"\(MissingRequiredParameter\).*Either the definition, the role ARN"):
        sfn.update_state_machine(stateMachineArn=made)


def destinations(*arns):
    return [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}} for arn in arns]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("none", "Must specify exactly one Log Destination."),
        ("two", "Must specify exactly one Log Destination."),
        ("a deleted one", "Log Destination not found."),
    ],
)
def test_a_machine_logs_to_one_log_group_that_exists(sfn, made, groups, case, words):
    # test_sfn_api_logs.py::TestSnfApiLogs::test_invalid_logging_configuration, test_multiple_destinations,
    # test_deleted_log_group
    found = {"none": [], "two": groups, "a deleted one": [groups[0].replace("of-a-machine", "of-no-machine")]}[case]
    logging = {"level": "ALL", "destinations": destinations(*found)}
    role = sfn.describe_state_machine(stateMachineArn=made)["roleArn"]
    with pytest.raises(ClientError, match=rf"\(InvalidLoggingConfiguration\).*Invalid Logging Configuration: {words}"):
        sfn.create_state_machine(
            name="refused", definition=json.dumps(FINE), roleArn=role, loggingConfiguration=logging
        )
    with pytest.raises(ClientError, match="InvalidLoggingConfiguration"):
        sfn.update_state_machine(stateMachineArn=made, loggingConfiguration=logging)


def test_a_machine_may_log_to_a_log_group(sfn, made, groups):
    logging = {"level": "ALL", "destinations": destinations(groups[0])}
    sfn.update_state_machine(stateMachineArn=made, loggingConfiguration=logging)
    assert sfn.describe_state_machine(stateMachineArn=made)["loggingConfiguration"]["level"] == "ALL"


@pytest.mark.parametrize(
    ("definition", "diagnostics"),
    [
        (json.dumps(FINE), []),
        ('""', [("SCHEMA_VALIDATION_FAILED", None, "Definition must be a valid JSON object")]),
        ("{}", [("SCHEMA_VALIDATION_FAILED", "/", "These fields are required: [States, StartAt]")]),
        (
            json.dumps({**FINE, "StartAt": "None"}),
            [("MISSING_TRANSITION_TARGET", "/StartAt", "Missing 'StartAt' target: None")],
        ),
    ],
)
def test_a_definition_can_be_validated_without_a_machine(sfn, definition, diagnostics):
    # test_sfn_api_validation.py::TestSfnApiValidation
    answer = sfn.validate_state_machine_definition(definition=definition)
    found = [(each["code"], each.get("location"), each["message"]) for each in answer["diagnostics"]]
    assert (answer["result"], found) == ("FAIL" if diagnostics else "OK", diagnostics)
    assert {each["severity"] for each in answer["diagnostics"]} <= {"ERROR"}
    assert answer["truncated"] is False
