"""What AWS answered to the same calls.

Recorded in localstack/localstack, tests/aws/services/sqs/test_sqs_move_task.snapshot.json.
"""

import base64
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.control_plane import ACCOUNT
from tests.patience import until


@pytest.fixture
def sqs(world):
    return world.client("sqs")


@pytest.fixture
def queue(world, sqs):
    def make(dead_letters=None):
        attributes = {}
        if dead_letters is not None:
            policy = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 1}
            attributes["RedrivePolicy"] = json.dumps(policy)
        url = sqs.create_queue(QueueName=world.name("moving"), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    return make


@pytest.fixture
def dead(sqs, queue):
    """A dead-letter queue with the messages that were sent to a queue, and that queue."""

    def make(count, dead_letters=None):
        letters = dead_letters or queue()
        source = queue(letters[1])
        for number in range(count):
            sqs.send_message(QueueUrl=source[0], MessageBody=f"message-{number}")
        for _ in range(count + 1):
            sqs.receive_message(QueueUrl=source[0], VisibilityTimeout=0)
        sqs.receive_message(QueueUrl=source[0])
        return letters, source

    return make


def bodies(sqs, url):
    return sorted(
        each["Body"] for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    )


def ended(sqs, source):
    return until(
        lambda: sqs.list_message_move_tasks(SourceArn=source)["Results"][0], lambda task: task["Status"] != "RUNNING"
    )


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_messages_go_back_to_the_queues_that_they_came_from(sqs, dead):
    letters, first = dead(2)
    _, second = dead(1, letters)
    sqs.start_message_move_task(SourceArn=letters[1])
    task = ended(sqs, letters[1])
    started = task.pop("StartedTimestamp")
    assert isinstance(started, int)
    assert task == {
        "Status": "COMPLETED",
        "SourceArn": letters[1],
        "ApproximateNumberOfMessagesMoved": 3,
        "ApproximateNumberOfMessagesToMove": 3,
    }
    assert (bodies(sqs, first[0]), bodies(sqs, second[0])) == (["message-0", "message-1"], ["message-0"])
    assert bodies(sqs, letters[0]) == []


def test_messages_go_to_another_queue_as_new_ones(sqs, queue, dead):
    letters, _ = dead(1)
    url, arn = queue()
    sqs.start_message_move_task(SourceArn=letters[1], DestinationArn=arn)
    assert ended(sqs, letters[1])["DestinationArn"] == arn
    [message] = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert (message["Body"], message["Attributes"]["ApproximateReceiveCount"]) == ("message-0", "1")
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]


def test_a_slow_task_can_be_seen_and_cancelled_and_is_the_only_one(sqs, queue, dead):
    letters, _ = dead(3)
    url, arn = queue()
    slow = {"SourceArn": letters[1], "DestinationArn": arn, "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**slow)["TaskHandle"]
    [task] = sqs.list_message_move_tasks(SourceArn=letters[1])["Results"]
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 1)
    assert refusal(sqs.start_message_move_task, **slow) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        400,
    )
    sqs.cancel_message_move_task(TaskHandle=handle)
    [task] = sqs.list_message_move_tasks(SourceArn=letters[1])["Results"]
    assert (task["Status"], "TaskHandle" in task) == ("CANCELLED", False)
    moved = task["ApproximateNumberOfMessagesMoved"]
    assert len(bodies(sqs, url)) == moved < 3
    assert len(bodies(sqs, letters[0])) == 3 - moved


def test_a_task_fails_when_its_destination_is_deleted(sqs, queue, dead):
    letters, _ = dead(3)
    url, arn = queue()
    sqs.start_message_move_task(SourceArn=letters[1], DestinationArn=arn, MaxNumberOfMessagesPerSecond=1)
    sqs.delete_queue(QueueUrl=url)
    task = ended(sqs, letters[1])
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")


def test_a_task_cannot_be_started_from_a_queue_that_is_no_dead_letter_queue(sqs, queue):
    assert refusal(sqs.start_message_move_task, SourceArn=queue()[1], DestinationArn=queue()[1]) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
        400,
    )


def test_source_and_destination_of_a_task_exist(sqs, dead):
    letters, _ = dead(0)
    for name, request in {
        "SourceArn": {"SourceArn": f"{letters[1]}-other"},
        "DestinationArn": {"SourceArn": letters[1], "DestinationArn": f"{letters[1]}-other"},
    }.items():
        message = f"The resource that you specified for the {name} parameter doesn't exist."
        assert refusal(sqs.start_message_move_task, **request) == ("ResourceNotFoundException", message, 404)


def handle_of(task, source):
    return base64.b64encode(json.dumps({"taskId": task, "sourceArn": source}).encode()).decode()


def test_a_task_that_does_not_exist_cannot_be_cancelled(sqs, queue):
    cancel = sqs.cancel_message_move_task
    invalid = ("InvalidParameterValue", "Value for parameter TaskHandle is invalid.", 400)
    assert refusal(cancel, TaskHandle="foobared") == invalid
    unknown = handle_of("10f57157-fc38-4da9-a113-4de7e12d05aa", queue()[1])
    assert refusal(cancel, TaskHandle=unknown) == ("ResourceNotFoundException", "Task does not exist.", 404)
    message = "The resource that you specified for the SourceArn parameter doesn't exist."
    of_no_queue = handle_of("10f57157-fc38-4da9-a113-4de7e12d05dd", f"arn:aws:sqs:us-east-1:{ACCOUNT}:no-such-queue")
    assert refusal(cancel, TaskHandle=of_no_queue) == ("ResourceNotFoundException", message, 404)


def test_a_role_needs_the_permission_on_the_queue_whose_messages_are_moved(world, sqs, dead):
    letters, _ = dead(0)
    other, _ = dead(0)
    statement = {"Effect": "Allow", "Action": "sqs:StartMessageMoveTask", "Resource": letters[1]}
    role = world.role("ecs-tasks.amazonaws.com", [statement])
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    world.client("iam").update_assume_role_policy(
        RoleName=role.rsplit("/", 1)[-1], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    keys = world.client("sts").assume_role(RoleArn=role, RoleSessionName="operator")["Credentials"]
    operator = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1").client(
        "sqs", endpoint_url=world.aws.endpoint_url
    )
    assert operator.start_message_move_task(SourceArn=letters[1])["TaskHandle"]
    code, _, _ = refusal(operator.start_message_move_task, SourceArn=other[1])
    assert code.startswith("AccessDenied")
    operator.close()
