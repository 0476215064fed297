"""Rules that forward events to another bus: as their targets' roles allow, in this region and to others."""

import json

import boto3
import pytest

from tests.local.control_plane import ACCOUNT

from .test_targets import arrival, count, machine, put, queue_policy, start, until_one_after_it_has_come


def in_region(world, service, region):
    given = world.aws.environment()
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=given["AWS_ENDPOINT_URL"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(params=["us-east-1", "eu-west-1"], ids=["same region", "another region"])
def bus(world, request):
    """A bus: its ARN and a function that counts what has arrived there."""
    name = world.name("bus")
    events, sqs = (in_region(world, service, request.param) for service in ("events", "sqs"))
    arn = events.create_event_bus(Name=name)["EventBusArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"account": [ACCOUNT]}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "q", "Arn": queue}])

    def arrived():
        return [json.loads(each["Body"])["source"] for each in sqs.receive_message(QueueUrl=url).get("Messages", [])]

    return arn, arrived


def put_events(bus):
    return {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}


def test_a_rule_forwards_events_with_its_targets_role(world, bus):
    arn, arrived = bus
    source, _ = arrival(world, arn, world.role("events.amazonaws.com", [put_events(arn)]))

    put(world, source)

    assert world.until(arrived, bool) == [source]


@pytest.mark.parametrize("role", ["without the permission", "for another account"])
def test_what_the_role_may_not_forward_goes_to_the_dead_letter_queue(world, bus, role):
    arn, arrived = bus
    url, queue = world.queue()
    queue_policy(world, url, queue)
    condition = {"StringEquals": {"aws:SourceAccount": "111122223333"}} if role == "for another account" else None
    statements = [put_events(arn)] if condition else [put_events(f"{arn}-other")]
    source, rule = arrival(world, arn, world.role("events.amazonaws.com", statements, condition=condition), queue)

    put(world, source)

    message = world.messages(url)[0]
    assert json.loads(message["Body"])["source"] == source
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule, arn)
    until_one_after_it_has_come(world)
    assert arrived() == []


def test_a_rule_on_the_other_bus_starts_a_state_machine(world):
    """As a job does that another region's events launch, in one region."""
    name, arn = world.name("bus"), machine(world)
    events = world.client("events")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"detail-type": ["t"]}))
    role = world.role("events.amazonaws.com", [start(arn)])
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "m", "Arn": arn, "RoleArn": role}])
    source, _ = arrival(world, bus, world.role("events.amazonaws.com", [put_events(bus)]))

    put(world, source)

    world.until(lambda: count(world, arn), lambda found: found == 1)
