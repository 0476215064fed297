"""What lies in the dead-letter queue: seen without being lost, run again, deleted when it has been dealt with."""

import json
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from cdk_processing.client import NoDeadLettersError, held_messages
from cdk_processing.client.dead_letters import queues_of
from cdk_processing.contract.names import JobName
from cdk_processing.contract.version import VERSION
from tests.patience import until

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:deleted"


@pytest.fixture
def queue(three_jobs, client):
    """The queue, empty before and after."""
    found = Queue(three_jobs.client("sqs"), client.job("Break").dead_letters)
    found.empty()
    yield found
    found.empty()


class Queue:
    def __init__(self, sqs, url):
        self.sqs, self.url = sqs, url

    def send(self, body, **attributes):
        text = body if isinstance(body, str) else json.dumps(body)
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=text, MessageAttributes=attributes)["MessageId"]

    def visible(self):
        """The ids of what anybody could receive now; it is given back."""
        found = {}
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found.update({message["MessageId"]: message["ReceiptHandle"] for message in messages})
        for receipt in found.values():
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)
        return set(found)

    def empty(self):
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(autouse=True)
def one_server(monkeypatch):
    """A queue of one server says at once what there is, where AWS would be waited for, a second at each look."""
    monkeypatch.setattr(held_messages, "_WAIT_SECONDS", 0)


@pytest.fixture
def given_up(three_jobs, client, finish, queue):
    """A run of Break that failed and left its letter."""
    three_jobs.put("Raw", "in/a.dat", "a")
    three_jobs.client("s3").delete_object(Bucket=three_jobs.bucket("Raw"), Key="in/good.txt")
    run = finish(client.start("Break"))
    assert run.status == "FAILED"
    return run


@pytest.fixture
def failing_to_delete(client):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DeleteMessage")

    events = client.account.queues.meta.events
    events.register("before-call.sqs.DeleteMessage", refuse)
    yield lambda: events.unregister("before-call.sqs.DeleteMessage", refuse)
    events.unregister("before-call.sqs.DeleteMessage", refuse)


def mend(three_jobs):
    three_jobs.put("Raw", "in/good.txt", "good")


def rule_event(job, body, queue, **more):
    attributes = {"RULE_ARN": "arn:aws:events:us-east-1:0:rule/r", "TARGET_ARN": job.state_machine_arn, **more}
    return queue.send(body, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not allowed", **attributes)


def test_a_run_that_was_given_up_is_listed_with_its_reason_and_its_event(client, given_up):
    (letter,) = client.dead_letters()
    (attempt,) = client.attempts(given_up)
    assert letter.kind == "run"
    assert (letter.job, letter.execution_arn, letter.run_name) == ("Three/Break", given_up.arn, given_up.name)
    assert (letter.job_name, letter.attempt) == (attempt.name, 1)
    assert letter.run_id == JobName.parse(attempt.name).run_id
    assert letter.run_key == given_up.arn
    assert letter.reason.startswith("AlgorithmError")
    assert letter.error
    assert letter.event == {"contract": VERSION}
    assert given_up.started <= letter.when


def test_looking_loses_nothing_and_hides_nothing(client, queue):
    sent = {rule_event(client.job("Copy"), {"number": number}, queue) for number in range(25)}
    first = client.dead_letters()
    assert queue.visible() == sent
    assert client.dead_letters() == first
    assert sorted(letter.event["number"] for letter in first) == list(range(25))


def test_what_is_of_one_job_is_told_from_the_rest(client, queue, given_up):
    event = rule_event(client.job("Copy"), {}, queue)
    unreadable = queue.send("not JSON")
    assert [letter.message_id for letter in client.dead_letters("Copy")] == [event]
    assert [letter.execution_arn for letter in client.dead_letters("Break")] == [given_up.arn]
    assert client.dead_letters("Sleep") == []
    assert {letter.kind for letter in client.dead_letters()} == {"run", "event", "unreadable"}
    assert unreadable in {letter.message_id for letter in client.dead_letters()}


def test_an_event_that_was_not_delivered_tells_who_could_not_and_why(client, queue):
    rule_event(client.job("Copy"), {"source": "aws.s3"}, queue)
    (letter,) = client.dead_letters()
    assert (letter.kind, letter.job, letter.event) == ("event", "Three/Copy", {"source": "aws.s3"})
    assert (letter.error, letter.reason) == ("NO_PERMISSIONS", "not allowed")
    assert letter.source_arn == "arn:aws:events:us-east-1:0:rule/r"


def test_what_the_scheduler_has_not_filled_in_is_filled_in_from_its_message(client, queue):
    queue.send(
        {"source": "aws.scheduler", "time": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"},
        SCHEDULE_ARN="arn:aws:scheduler:us-east-1:0:schedule/default/s",
        SCHEDULED_TIME="2026-01-02T06:00:00Z",
        TARGET_ARN=client.job("Copy").state_machine_arn,
    )
    (letter,) = client.dead_letters()
    assert letter.kind == "event"
    assert letter.event["time"] == "2026-01-02T06:00:00Z"
    assert letter.event["by"] == letter.source_arn


NEITHER = "it is neither a run that was given up nor an event that was not delivered"
LAMBDA = "arn:aws:lambda:us-east-1:0:function:f"
NEWER = {"state_machine": MACHINE, "execution": "e", "event": {}, "job": "Three/Copy", "contract": 99}


@pytest.mark.parametrize(
    ("body", "attributes", "why"),
    [
        ("not JSON", {}, "its text is no JSON"),
        ('"text"', {}, NEITHER),
        ("[1]", {}, NEITHER),
        ('{"some": "object"}', {}, NEITHER),
        (json.dumps(NEWER), {}, "contract must be a version that this release of cdk-processing reads"),
        ("{}", {"RULE_ARN": "r", "TARGET_ARN": LAMBDA}, f"its event was not for a job, but for {LAMBDA}"),
        (
            "{}",
            {"SCHEDULE_ARN": "s", "TARGET_ARN": MACHINE, "IS_PAYLOAD_TRUNCATED": "true"},
            "its event was too large for a message and is cut off",
        ),
    ],
)
def test_a_message_that_is_unreadable_is_listed_with_the_reason_and_never_deleted(client, queue, body, attributes, why):
    sent = queue.send(body, **attributes)
    (letter,) = client.dead_letters()
    assert (letter.kind, letter.body) == ("unreadable", body)
    assert letter.why_unreadable.startswith(why)
    assert client.delete_dead_letters([letter]) == []
    (result,) = client.redrive_dead_letters()
    assert (result.run, result.deleted, result.why) == (None, False, letter.why_unreadable)
    assert queue.visible() == {sent}


def test_a_run_that_was_given_up_is_run_again_and_its_letter_is_gone(three_jobs, client, finish, queue, given_up):
    mend(three_jobs)
    told = []
    (result,) = client.redrive_dead_letters(on_result=told.append)
    assert told == [result]
    assert result.deleted
    assert finish(result.run).succeeded
    assert [attempt.number for attempt in client.attempts(result.run)] == [2]
    assert queue.visible() == set()


def test_a_run_that_fails_again_leaves_a_letter_of_its_own_and_is_run_once_in_one_pass(client, finish, queue, given_up):
    before = {letter.message_id for letter in client.dead_letters()}
    ended = []
    (result,) = client.redrive_dead_letters(on_result=lambda each: ended.append(finish(each.run)))
    assert result.deleted
    assert ended[0].status == "FAILED"
    (letter,) = client.dead_letters()
    assert letter.execution_arn == result.run.arn
    assert letter.attempt == 2
    assert letter.message_id not in before


def test_what_has_succeeded_in_the_meantime_is_only_deleted(three_jobs, client, finish, queue, given_up, runs_of):
    mend(three_jobs)
    assert finish(client.redrive(given_up)).succeeded
    before = runs_of("Break")
    (result,) = client.redrive_dead_letters("Break")
    assert (result.run, result.deleted) == (None, True)
    assert "has been redriven already" in result.why
    assert runs_of("Break") == before
    assert queue.visible() == set()


def test_several_letters_of_one_run_start_it_once(three_jobs, client, finish, queue, given_up, runs_of):
    assert finish(client.redrive(given_up)).status == "FAILED"
    assert len(client.dead_letters()) == 2
    before = len(runs_of("Break"))
    mend(three_jobs)
    results = client.redrive_dead_letters()
    assert [result.deleted for result in results] == [True, True]
    (started,) = [result.run for result in results if result.run]
    assert finish(started).succeeded
    assert len(runs_of("Break")) == before + 1


def test_the_letter_of_a_run_that_is_running_again_stays(client, stopped, queue):
    run = stopped(client.start("Sleep"))
    again = client.redrive(run)
    name = client.attempts(run)[0].name
    letter = {"job": "Three/Sleep", "state_machine": run.job.state_machine_arn, "execution": run.arn, "event": {}}
    sent = queue.send({**letter, "run_id": JobName.parse(name).run_id, "attempt": 1, "job_name": name})
    (result,) = client.redrive_dead_letters()
    assert (result.run, result.deleted) == (None, False)
    assert "already" in result.why
    assert queue.visible() == {sent}
    stopped(again)


def test_a_run_that_step_functions_has_forgotten_is_run_from_its_letter(
    three_jobs, client, finish, queue, given_up, input_of
):
    (letter,) = client.dead_letters()
    queue.empty()
    forgotten = f"{given_up.arn[:-4]}gone"
    queue.send({**json.loads(letter.body), "execution": forgotten})
    mend(three_jobs)
    (result,) = client.redrive_dead_letters()
    assert result.deleted
    assert input_of(result.run) == {
        "redrive": {
            "contract": VERSION,
            "event": {"contract": VERSION},
            "run_key": letter.run_key,
            "run_id": letter.run_id,
            "attempt": 2,
        }
    }
    assert finish(result.run).succeeded
    queue.send({**json.loads(letter.body), "execution": forgotten})
    (again,) = client.redrive_dead_letters()
    assert (again.run, again.deleted) == (None, True)


def test_a_run_that_failed_before_its_job_keeps_the_run_id_of_its_letter(three_jobs, client, finish, queue, input_of):
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=client.job("Copy").state_machine_arn, input='{"parameters": {"nonsense": "1"}}'
    )
    assert finish(client.run("Copy", started["executionArn"])).status == "FAILED"
    (letter,) = client.dead_letters()
    (result,) = client.redrive_dead_letters()
    assert input_of(result.run)["redrive"]["run_id"] == letter.run_id
    assert input_of(result.run)["redrive"]["run_key"] == letter.run_key
    finish(result.run)


def test_an_event_is_delivered_once_even_if_its_letter_could_not_be_deleted(
    three_jobs, client, finish, queue, failing_to_delete
):
    three_jobs.put("Raw", "in/a.dat", "a")
    # An event without a run key of its own: were it delivered twice, it would run twice.
    sent = rule_event(client.job("Copy"), {"source": "somebody", "detail": {}}, queue)
    (first,) = client.redrive_dead_letters()
    assert not first.deleted
    assert "delete the dead letter" in first.why
    assert finish(first.run).succeeded
    assert queue.visible() == {sent}
    failing_to_delete()
    second = client.redrive_dead_letters()[0]
    assert (second.run.arn, second.deleted) == (first.run.arn, True)
    assert queue.visible() == set()


def test_an_arrival_that_eventbridge_may_not_deliver_is_run_once_it_may(three_jobs, client, finish, queue):
    (stack,) = three_jobs.deployment.stacks
    role = next(
        stack.resources[logical_id]
        for logical_id, path in stack.paths.items()
        if path.startswith("Three/Copy/StartRole") and stack.types[logical_id] == "AWS::IAM::Role"
    )
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "states:*", "Resource": "*"}]}
    iam = three_jobs.client("iam")
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=json.dumps(deny))
    three_jobs.put("Raw", "in/undelivered.txt", "text")
    (letter,) = until(client.dead_letters)
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    assert (letter.kind, letter.job, letter.error) == ("event", "Three/Copy", "NO_PERMISSIONS")
    assert letter.event["detail"]["object"]["key"] == "in/undelivered.txt"
    (result,) = client.redrive_dead_letters()
    assert result.deleted
    assert finish(result.run).outcome.status == "Completed"
    assert three_jobs.get("Results", "copy/undelivered-copied.txt") == b"text"
    # The same arrival, told of once more, is the same run.
    again = client.account.states.start_execution(
        stateMachineArn=result.run.job.state_machine_arn, input=json.dumps(letter.event)
    )
    assert finish(client.run("Copy", again["executionArn"])).outcome.status == "Duplicate"


def test_what_cannot_be_run_again_stays_and_the_rest_is_dealt_with(three_jobs, client, finish, queue, given_up):
    mend(three_jobs)
    sent = rule_event(client.job("Copy"), {}, queue, TARGET_ARN=MACHINE)
    by_kind = {result.letter.kind: result for result in client.redrive_dead_letters()}
    assert by_kind["run"].deleted
    assert finish(by_kind["run"].run).succeeded
    assert (by_kind["event"].run, by_kind["event"].deleted) == (None, False)
    assert "There is no job" in by_kind["event"].why
    assert queue.visible() == {sent}


def test_only_what_was_shown_is_deleted(client, queue):
    rule_event(client.job("Copy"), {"number": 1}, queue)
    shown = client.dead_letters()
    later = rule_event(client.job("Copy"), {"number": 2}, queue)
    assert [letter.event for letter in client.delete_dead_letters(shown)] == [{"number": 1}]
    assert queue.visible() == {later}
    assert client.delete_dead_letters(shown) == []


def test_the_letters_of_one_run_are_deleted_and_no_others(client, finish, queue, given_up):
    again = finish(client.redrive(given_up))
    assert [letter.execution_arn for letter in client.delete_dead_letters_of(given_up)] == [given_up.arn]
    assert [letter.execution_arn for letter in client.dead_letters()] == [again.arn]


def test_jobs_whose_queue_is_not_known_are_told(client):
    without = [replace(client.job("Copy"), dead_letters=None)]
    with pytest.raises(NoDeadLettersError, match=r"of Three/Copy: .* lack the tag cdk-processing:dead-letters; deploy"):
        queues_of(without)
    assert queues_of([]) == []
    assert queues_of([*without, client.job("Break"), client.job("Sleep")]) == [client.job("Break").dead_letters]
