"""What a lease on a DynamoDB item needs of Step Functions and IAM: conditions, old values, leading keys, the holder."""

import json

import pytest

from tests.local.control_plane import ACCOUNT

UPDATE = "arn:aws:states:::dynamodb:updateItem"
GET = "arn:aws:states:::dynamodb:getItem"
DESCRIBE = "arn:aws:states:::aws-sdk:sfn:describeExecution"
PUT_EVENTS = "arn:aws:states:::events:putEvents"


@pytest.fixture(scope="module")
def table(world):
    name = world.name("leases")
    world.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "lease", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "lease", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def leading(table, *patterns, actions=("dynamodb:GetItem", "dynamodb:UpdateItem")):
    return {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{table}",
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}},
    }


@pytest.fixture(scope="module")
def role(world, table):
    return world.role("states.amazonaws.com", [leading(table, "job-a", "job-a#*")])


def take(table, lease="job-a", holder="me"):
    return {
        "TableName": table,
        "Key": {"lease": {"S": lease}},
        "UpdateExpression": "SET holder = :me",
        "ConditionExpression": "attribute_not_exists(holder) OR holder = :me",
        "ExpressionAttributeValues": {":me": {"S": holder}},
        "ReturnValues": "UPDATED_OLD",
    }


def run(world, resource, arguments, role):
    return world.execute(world.task_machine(resource, arguments, role))


def test_a_lease_is_taken_once_and_a_second_holder_is_refused_by_name(world, table, role):
    assert run(world, UPDATE, take(table, "job-a#1", "first"), role)["status"] == "SUCCEEDED"
    refused = run(world, UPDATE, take(table, "job-a#1", "second"), role)
    assert (refused["status"], refused["error"]) == ("FAILED", "DynamoDB.ConditionalCheckFailedException")
    assert "The conditional request failed" in refused["cause"]


def test_a_refused_lease_can_be_caught_and_its_holder_read(world, table, role):
    run(world, UPDATE, take(table, "job-a#2", "first"), role)
    machine = world.machine(
        {
            "StartAt": "Take",
            "States": {
                "Take": {
                    "Type": "Task",
                    "Resource": UPDATE,
                    "Arguments": take(table, "job-a#2", "second"),
                    "Catch": [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "Next": "Read"}],
                    "Next": "Never",
                },
                "Read": {
                    "Type": "Task",
                    "Resource": GET,
                    "Arguments": {"TableName": table, "Key": {"lease": {"S": "job-a#2"}}, "ConsistentRead": True},
                    "Output": "{% $states.result.Item.holder.S %}",
                    "End": True,
                },
                "Never": {"Type": "Fail"},
            },
        },
        role,
    )
    ended = world.execute(machine)
    assert json.loads(ended["output"]) == "first"


def test_old_values_come_back_as_attributes(world, table, role):
    arguments = {
        "TableName": table,
        "Key": {"lease": {"S": "job-a"}},
        "UpdateExpression": "SET ticket = :new",
        "ReturnValues": "UPDATED_OLD",
    }
    first = run(world, UPDATE, {**arguments, "ExpressionAttributeValues": {":new": {"N": "1"}}}, role)
    assert "Attributes" not in json.loads(first["output"])
    second = run(world, UPDATE, {**arguments, "ExpressionAttributeValues": {":new": {"N": "2"}}}, role)
    assert json.loads(second["output"])["Attributes"] == {"ticket": {"N": "1"}}


def test_numbers_are_added_without_a_race(world, table, role):
    arguments = {
        "TableName": table,
        "Key": {"lease": {"S": "job-a#count"}},
        "UpdateExpression": "ADD tickets :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValues": "UPDATED_NEW",
    }
    machine = world.task_machine(UPDATE, arguments, role, Output="{% $states.result.Attributes.tickets.N %}")
    states = world.client("stepfunctions")
    started = [states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(10)]
    tickets = [json.loads(world.execution_ended(arn)["output"]) for arn in started]
    assert sorted(map(int, tickets)) == list(range(1, 11))


@pytest.mark.parametrize("resource", [GET, UPDATE])
@pytest.mark.parametrize(("lease", "allowed"), [("job-a#3", True), ("job-b", False), ("job-ab", False)])
def test_a_role_is_held_to_its_leading_keys(world, table, role, resource, lease, allowed):
    arguments = take(table, lease) if resource == UPDATE else {"TableName": table, "Key": {"lease": {"S": lease}}}
    ended = run(world, resource, arguments, role)
    assert ended["status"] == ("SUCCEEDED" if allowed else "FAILED")
    if not allowed:
        assert ended["error"] == "DynamoDB.AmazonDynamoDBException"
        assert "is not authorized to perform: dynamodb:" in ended["cause"]


@pytest.mark.parametrize(
    ("operation", "request_of"),
    [
        ("put_item", lambda table, key: {"TableName": table, "Item": {"lease": key}}),
        ("delete_item", lambda table, key: {"TableName": table, "Key": {"lease": key}}),
        (
            "query",
            lambda table, key: {
                "TableName": table,
                "KeyConditionExpression": "#k = :k",
                "ExpressionAttributeNames": {"#k": "lease"},
                "ExpressionAttributeValues": {":k": key},
            },
        ),
        ("batch_get_item", lambda table, key: {"RequestItems": {table: {"Keys": [{"lease": key}]}}}),
        (
            "batch_write_item",
            lambda table, key: {"RequestItems": {table: [{"PutRequest": {"Item": {"lease": key}}}]}},
        ),
        (
            "transact_write_items",
            lambda table, key: {"TransactItems": [{"Put": {"TableName": table, "Item": {"lease": key}}}]},
        ),
    ],
)
def test_every_way_to_an_item_is_held_to_the_leading_keys(world, table, operation, request_of):
    names = ("PutItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem")
    role = world.role("states.amazonaws.com", [leading(table, "mine*", actions=[f"dynamodb:{name}" for name in names])])
    camel = operation.split("_")[0] + "".join(part.title() for part in operation.split("_")[1:])
    resource = f"arn:aws:states:::aws-sdk:dynamodb:{camel}"
    assert run(world, resource, request_of(table, {"S": "mine-1"}), role)["status"] == "SUCCEEDED"
    denied = run(world, resource, request_of(table, {"S": "other"}), role)
    assert denied["status"] == "FAILED"
    assert "is not authorized" in denied["cause"]


def test_the_holder_of_a_lease_is_described_with_the_roles_permission(world):
    nothing = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    machine = world.machine(nothing, world.role("states.amazonaws.com", []))
    holder = world.execute(machine)["executionArn"]
    executions = machine.replace(":stateMachine:", ":execution:") + ":*"
    allowed = world.role(
        "states.amazonaws.com", [{"Effect": "Allow", "Action": "states:DescribeExecution", "Resource": executions}]
    )
    ended = run(world, DESCRIBE, {"ExecutionArn": holder}, allowed)
    assert json.loads(ended["output"])["Status"] == "SUCCEEDED"
    denied = run(world, DESCRIBE, {"ExecutionArn": holder}, world.role("states.amazonaws.com", []))
    assert "states:DescribeExecution" in denied["cause"]
    gone = run(world, DESCRIBE, {"ExecutionArn": f"{executions[:-1]}gone"}, allowed)
    assert gone["error"] == "Sfn.ExecutionDoesNotExistException"


def test_an_event_is_put_with_the_roles_permission_on_the_bus_and_reaches_its_rules(world):
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    url, queue = world.queue()
    events = world.client("events")
    source = world.name("source")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "1", "Arn": queue}])
    entry = {"Source": source, "DetailType": "Done", "Detail": {"run": "1"}, "EventBusName": bus}
    denied = run(world, PUT_EVENTS, {"Entries": [entry]}, world.role("states.amazonaws.com", []))
    assert denied["status"] == "FAILED"
    assert "events:PutEvents" in denied["cause"]
    other = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus.replace("default", "other")}
    assert (
        run(world, PUT_EVENTS, {"Entries": [entry]}, world.role("states.amazonaws.com", [other]))["status"] == "FAILED"
    )
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    ended = run(world, PUT_EVENTS, {"Entries": [entry]}, world.role("states.amazonaws.com", [allowed]))
    assert ended["status"] == "SUCCEEDED"
    (message,) = world.messages(url)
    assert json.loads(message["Body"])["detail"] == {"run": "1"}
