import hashlib
import json

import jsonata
import pytest

from cdk_processing.client import Job
from cdk_processing.client.identity import identify
from cdk_processing.workflow.definition import Workflow, definition

JOB = Job("Census/Preprocess", "census-preprocess", "arn:aws:states:eu-west-1:111122223333:stateMachine:Machine")
EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:Machine:one"
VERSIONED = {"key": "in/a b.csv", "version-id": "v1", "sequencer": "s1", "size": 1}
UNVERSIONED = {"key": "in/a.csv", "sequencer": "s1", "size": 1}


def arrival(item):
    return {"source": "aws.s3", "time": "2026-01-01T00:00:00Z", "detail": {"bucket": {"name": "raw"}, "object": item}}


INPUTS = [
    arrival(VERSIONED),
    arrival(UNVERSIONED),
    {"source": "aws.scheduler", "schedule": "nightly", "time": "2026-01-01T06:00:00Z"},
    {"run_key": "mine"},
    {"run_key": "mine", "parameters": {"x": "1"}},
    {},
    {"redrive": {"event": arrival(VERSIONED), "run_key": "s3://raw/in/a b.csv@v1", "attempt": 3}},
]


def prepared_by_the_state_machine(request):
    """What the state ``Prepare`` assigns, by evaluating its own JSONata."""
    states = definition(Workflow(JOB.name, JOB.base_name, {}, "aws", "https://queue"))["States"]
    assigned = states["Prepare"]["Assign"]
    context = {
        "Execution": {"Id": EXECUTION, "StartTime": "2026-01-01T00:00:00Z", "Input": request},
        "StateMachine": {"Id": JOB.state_machine_arn},
    }

    def value(expression):
        program = jsonata.Jsonata(expression.removeprefix("{%").removesuffix("%}").strip())
        program.assign("states", {"input": request, "context": context})
        # Step Functions' own function, which JSONata lacks.
        program.register_lambda("hash", lambda text, algorithm: hashlib.md5(text.encode()).hexdigest())
        return program.evaluate(None)

    return {name: value(expression) for name, expression in assigned.items()}


@pytest.mark.parametrize("request_", INPUTS, ids=lambda request: json.dumps(request)[:40])
def test_the_client_and_the_state_machine_agree_on_who_a_run_is(request_):
    prepared = prepared_by_the_state_machine(request_)
    identity = identify(JOB, EXECUTION, json.dumps(request_))
    assert (identity.run_key, identity.run_id) == (prepared["run"]["key"], prepared["run"]["id"])
    assert identity.attempt == prepared["attempt"]
    assert identity.event == prepared["event"]


@pytest.mark.parametrize("request_", INPUTS, ids=lambda request: json.dumps(request)[:40])
def test_a_redriven_run_is_the_same_run(request_):
    first = identify(JOB, EXECUTION, json.dumps(request_))
    again = identify(JOB, f"{EXECUTION}-another", first.redrive_input(7))
    assert (again.run_key, again.run_id, again.event) == (first.run_key, first.run_id, first.event)
    assert again.attempt == 7
    assert again.processing_job(JOB, 7) == f"census-preprocess-{first.run_id}-7"


def test_two_starts_by_hand_without_a_key_are_two_runs():
    assert identify(JOB, EXECUTION, "{}").run_id != identify(JOB, f"{EXECUTION}2", "{}").run_id
