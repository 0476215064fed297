"""What a job has only when a trigger asks for it, be that at once or later."""

import json

import pytest
from aws_cdk import App, Stack

from cdk_processing import (
    DeclarationError,
    EventField,
    ExecutionVariables,
    OnDeploy,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    ProcessingJob,
    S3Location,
)
from tests.constructs.triggers.runs import PATTERN

V = ExecutionVariables


def test_a_job_that_asks_for_none_of_it_has_none_of_it(declare, stack, synth, resources, statements, states):
    declare(OnSchedule("rate(1 hour)"), OnObjectCreated(S3Location("raw-data", "in/")), OnEvent(PATTERN))
    template = synth(stack)

    assert resources(template, "AWS::DynamoDB::Table") == {}
    assert resources(template, "AWS::IAM::Policy") == {}
    assert not {"KeepItems", "Announce"} & set(statements(template, "JobWorkflowRole"))
    assert states()["Prepare"]["Next"] == "RunJob"
    assert not {"Admit", "TakeTurn", "JoinLine", "RecordNewest", "Announce", "NextInstanceType"} & set(states())
    assert "overlap" not in json.dumps(resources(template, "AWS::Scheduler::Schedule"))


LATER = {
    "event": lambda stack: OnEvent(PATTERN, run_key=EventField("$.detail.id")),
    "plain event": lambda stack: OnEvent({**PATTERN, "account": ["111122223333"]}),
    "deploy": lambda stack: OnDeploy(),
    "content": lambda stack: OnObjectCreated(S3Location("raw-data", "in/"), dedupe="content"),
    "newest": lambda stack: OnObjectCreated(S3Location("raw-data", "new/"), newest_only=True),
    "skip": lambda stack: OnSchedule("rate(1 hour)", overlap="skip"),
    "queue": lambda stack: OnSchedule("rate(2 hours)", overlap="queue"),
    "success": lambda stack: OnSuccessOf(stack.node.find_child("First")),
}


def test_triggers_added_later_make_the_same_template_as_those_given_at_once(request_for, synth):
    def build(first):
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "First", request_for())
        triggers = [make(stack) for make in LATER.values()]
        job = ProcessingJob(stack, "Job", request_for(), triggers=triggers[:first])
        for trigger in triggers[first:]:
            job.add_trigger(trigger)
        return synth(stack)

    assert build(0) == build(4) == build(len(LATER))


@pytest.mark.parametrize("kind", LATER)
def test_each_trigger_added_later_is_as_if_it_had_been_given_at_once(request_for, synth, kind):
    def build(first):
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "First", request_for())
        job = ProcessingJob(stack, "Job", request_for(), triggers=[LATER[kind](stack)] if first else [])
        if not first:
            job.add_trigger(LATER[kind](stack))
        return synth(stack)

    assert build(first=False) == build(first=True)


def test_a_trigger_that_is_refused_later_leaves_the_job_as_it_was(declare, stack, synth):
    job = declare()
    before = synth(stack)

    with pytest.raises(DeclarationError, match=r"triggers\[0\]\.overlap must be"):
        job.add_trigger(OnSchedule("rate(1 hour)", overlap="wait"))

    assert synth(stack) == before


def test_a_success_that_is_listened_to_later_is_announced(declare, stack, synth, statements, states):
    first, second = declare(name="First"), declare(name="Second")

    second.add_trigger(OnSuccessOf(first))

    assert "Announce" in states("First")
    assert "Announce" not in states("Second")
    assert "Announce" in statements(synth(stack), "FirstWorkflowRole")
