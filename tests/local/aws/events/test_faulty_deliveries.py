"""Faults of what EventBridge and its scheduler deliver, seen in the queue that it is delivered to."""

import json
import time
from datetime import datetime, timezone

import pytest

from cdk_processing.local import faults
from tests.local.faulty import faulty_world
from tests.patience import FOREVER


@pytest.fixture(scope="module")
def faulty():
    with faulty_world() as world:
        yield world


@pytest.fixture(autouse=True)
def no_fault_left(faulty):
    yield
    faulty.aws.clear_faults()


class Rule:
    """A rule that puts the events of a source into a queue."""

    def __init__(self, world, pattern=None, queue=None):
        self.world = world
        self.source = world.name("source")
        self.url, self.queue = queue or world.queue()
        events = world.client("events")
        events.put_rule(Name=self.source, EventPattern=json.dumps(pattern or {"source": [self.source]}))
        events.put_targets(Rule=self.source, Targets=[{"Id": "queue", "Arn": self.queue}])
        self._seen = []

    def put(self, *letters):
        for letter in letters:
            entry = {"Source": self.source, "DetailType": "t", "Detail": json.dumps({"letter": letter})}
            self.world.client("events").put_events(Entries=[entry])

    def received(self, count):
        """The first so many events, in the order of their arrival."""
        return self.world.until(self._receive, lambda seen: len(seen) >= count)

    def letters(self, count):
        return [event["detail"]["letter"] for event in self.received(count)]

    def _receive(self):
        sqs = self.world.client("sqs")
        for message in sqs.receive_message(QueueUrl=self.url).get("Messages", []):
            sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            self._seen.append(json.loads(message["Body"]))
        return self._seen


def test_an_event_is_delivered_several_times_with_the_same_id(faulty):
    rule = Rule(faulty)
    with faulty.aws.inject(faults.events_repeated(3, source=rule.source, times=1)) as fault:
        rule.put("a", "b")
        assert rule.letters(4) == ["a", "a", "a", "b"]
        assert fault.hits == 1
    first, second, third, other = (event["id"] for event in rule.received(4))
    assert first == second == third != other


def test_an_event_is_lost_and_those_after_it_are_not(faulty):
    rule = Rule(faulty)
    with faulty.aws.inject(faults.events_lost(times=2)) as fault:
        rule.put("a", "b", "c")
        assert rule.letters(1) == ["c"]
        assert fault.hits == 2


def test_an_event_that_is_delayed_is_overtaken_by_the_next(faulty):
    rule = Rule(faulty)
    with faulty.aws.inject(faults.events_delayed(FOREVER, times=1)) as fault:
        rule.put("late")
    rule.put("early")
    assert rule.letters(1) == ["early"]
    assert fault.hits == 1


def test_an_event_that_is_delayed_comes_after_as_long_as_said(faulty):
    rule = Rule(faulty)
    began = time.monotonic()
    with faulty.aws.inject(faults.events_delayed(1, times=1)) as fault:
        rule.put("late")
    assert rule.letters(1) == ["late"]
    assert time.monotonic() - began >= 1
    assert fault.hits == 1


def test_events_are_held_until_the_fault_is_removed_and_then_come_newest_first(faulty):
    rule = Rule(faulty)
    other = Rule(faulty)
    with faulty.aws.inject(faults.events_held(source=rule.source)) as fault:
        rule.put("a", "b", "c")
        other.put("x")
        assert other.letters(1) == ["x"]
        assert rule._receive() == []
        assert fault.hits == 3
    assert rule.letters(3) == ["c", "b", "a"]
    rule.put("d")
    assert rule.letters(4) == ["c", "b", "a", "d"]


def test_held_events_come_when_all_faults_are_cleared(faulty):
    rule = Rule(faulty)
    faulty.aws.inject(faults.events_held(times=1))
    rule.put("a", "b")
    assert rule.letters(1) == ["b"]
    faulty.aws.clear_faults()
    assert rule.letters(2) == ["b", "a"]


def test_a_fault_strikes_the_events_of_its_source_alone(faulty):
    rule, other = Rule(faulty), Rule(faulty)
    with faulty.aws.inject(faults.events_lost(source=rule.source)) as fault:
        other.put("x")
        rule.put("a")
    rule.put("b")
    assert other.letters(1) == ["x"]
    assert rule.letters(1) == ["b"]
    assert fault.hits == 1


def test_an_event_that_no_rule_waits_for_spends_no_hit(faulty):
    rule = Rule(faulty)
    with faulty.aws.inject(faults.events_lost(times=1)) as fault:
        entry = {"Source": "nobody", "DetailType": "t", "Detail": "{}"}
        faulty.client("events").put_events(Entries=[entry])
        assert fault.hits == 0
        rule.put("a", "b")
    assert rule.letters(1) == ["b"]


def test_an_event_that_crosses_to_another_bus_is_struck_once(faulty):
    events = faulty.client("events")
    bus = events.create_event_bus(Name=faulty.name("bus"))["EventBusArn"]
    rule = Rule(faulty)
    events.put_targets(Rule=rule.source, Targets=[{"Id": "queue", "Arn": bus}])
    behind = faulty.name("behind")
    pattern = json.dumps({"source": [rule.source]})
    events.put_rule(Name=behind, EventPattern=pattern, EventBusName=bus.rsplit("/", 1)[-1])
    events.put_targets(Rule=behind, EventBusName=bus.rsplit("/", 1)[-1], Targets=[{"Id": "queue", "Arn": rule.queue}])
    with faulty.aws.inject(faults.events_repeated(2, source=rule.source)) as fault:
        rule.put("a")
    rule.put("b")
    assert rule.letters(3) == ["a", "a", "b"]
    assert fault.hits == 1


def test_an_object_that_arrives_is_told_of_several_times_or_not_at_all(faulty):
    s3, bucket = faulty.client("s3"), faulty.name("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    rule = Rule(faulty, {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    with faulty.aws.inject(faults.events_lost(source="aws.s3")):
        s3.put_object(Bucket=bucket, Key="lost", Body=b"1")
    with faulty.aws.inject(faults.events_held(source="aws.s3")):
        version = s3.put_object(Bucket=bucket, Key="late", Body=b"1")["VersionId"]
    with faulty.aws.inject(faults.events_repeated(source="aws.s3")):
        s3.put_object(Bucket=bucket, Key="twice", Body=b"1")
    received = rule.received(3)
    assert [event["detail"]["object"]["key"] for event in received] == ["late", "twice", "twice"]
    # Kept back or not, the event is the same.
    assert received[0]["detail"]["object"]["version-id"] == version
    assert received[1] == received[2]


def test_a_copy_of_an_event_is_held_to_its_targets_role_too(faulty):
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    machine = faulty.machine(definition, faulty.role("states.amazonaws.com", []))
    role = faulty.role("events.amazonaws.com", [])
    url, queue = faulty.queue()
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
            }
        ],
    }
    faulty.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    source = faulty.name("source")
    events = faulty.client("events")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    target = {"Id": "machine", "Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule=source, Targets=[target])
    entry = {"Source": source, "DetailType": "t", "Detail": "{}"}

    def letters():
        found = faulty.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    with faulty.aws.inject(faults.unreachable("sqs", times=1)) as fault:
        events.put_events(Entries=[entry])
    assert fault.hits == 1
    assert letters() == 0
    with faulty.aws.inject(faults.events_repeated(3)):
        events.put_events(Entries=[entry])
    assert letters() == 3
    assert faulty.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []


def test_an_occurrence_is_delivered_several_times_with_the_same_scheduled_time(faulty):
    url, queue = faulty.queue()
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
    name = faulty.name("schedule")
    faulty.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(0 6 1 1 ? 2099)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": queue,
            "RoleArn": faulty.role("scheduler.amazonaws.com", [statement]),
            "Input": '{"at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}',
        },
    )
    with faulty.aws.inject(faults.schedules_repeated(3, times=1)) as fault:
        first = faulty.aws.fire_schedule(name, datetime(2027, 3, 1, 6, tzinfo=timezone.utc))
        faulty.aws.fire_schedule(name, datetime(2027, 3, 2, 6, tzinfo=timezone.utc))
        assert fault.hits == 1
    received = []
    for _ in range(4):
        (message,) = faulty.messages(url)
        faulty.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        received.append(json.loads(message["Body"]))
    assert [event["at"] for event in received] == ["2027-03-01T06:00:00Z"] * 3 + ["2027-03-02T06:00:00Z"]
    assert len({event["id"] for event in received}) == 4
    assert received[0]["id"] == first
    assert "Messages" not in faulty.client("sqs").receive_message(QueueUrl=url)
