"""What happens when capacity lacks and the job may try another instance type."""

import json
from pathlib import Path

import pytest

from cdk_processing import ScriptProcessor
from cdk_processing.request.request import Bindings
from cdk_processing.workflow.definition import Workflow, definition
from tests.workflow.states_language import choose, evaluate, problems_of

TYPES = ["ml.p3.2xlarge", "ml.g5.xlarge", "ml.g4dn.xlarge"]
CAPACITY = "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different type."


def defined(instance_type):
    processor = ScriptProcessor(image_uri="img:tag", command=["x"], instance_count=1, instance_type=instance_type)
    request = processor.run(code="s3://code/prep.py")
    workflow = Workflow(
        job="Census/Preprocess",
        base_name="census-preprocess",
        request=request.render(Bindings("img:tag", "role", ("s3://code/prep.py",))),
        partition="aws",
        queue_url="https://queue",
        instance_types=request.instance_types,
    )
    return definition(workflow)


SEVERAL, ONE = defined(TYPES), defined("ml.m5.xlarge")
STATES = SEVERAL["States"]


FIRST = {"attempt": 1, "tries": 0, "run": {"attempt": 1}}


def failed(reason, error="States.TaskFailed"):
    if error == "States.TaskFailed":
        reason = json.dumps({"ProcessingJobStatus": "Failed", "FailureReason": reason, "Environment": {"A": "b"}})
    return {"Error": error, "Cause": reason}


def after_triage(failure, types=TYPES):
    caught = evaluate(STATES["RunJob"]["Catch"][0]["Assign"], errorOutput=failure)
    return choose(STATES["Triage"], {**caught, "instance_types": types, **FIRST})


def test_only_what_trying_other_types_takes_is_added():
    def arrows(states):
        return {(name, state.get("Next")) for name, state in states.items()}

    assert set(STATES) - set(ONE["States"]) == {"NextInstanceType"}
    assert arrows(STATES) - arrows(ONE["States"]) == {("NextInstanceType", "RunJob")}
    same = {name for name, state in ONE["States"].items() if STATES[name] == state}
    assert set(ONE["States"]) - same == {"Prepare", "RunJob", "Triage"}
    assert "instance_types" not in json.dumps(ONE)


def test_the_definition_is_valid_in_the_states_language():
    assert problems_of(SEVERAL) == []


def test_the_happy_path_has_no_state_more():
    assert (STATES["Prepare"]["Next"], STATES["RunJob"].get("End")) == ("RunJob", True)


@pytest.mark.parametrize(
    "failure",
    [
        failed(CAPACITY),
        failed(CAPACITY, "SageMaker.CapacityErrorException"),
        failed(f"The request failed: {CAPACITY}", "SageMaker.AmazonSageMakerException"),
        {"Error": "States.TaskFailed", "Cause": CAPACITY},  # as DescribeJob assigns it
    ],
)
def test_where_capacity_lacks_the_next_type_is_tried(failure):
    assert after_triage(failure) == "NextInstanceType"


@pytest.mark.parametrize(
    "failure",
    [
        failed("AlgorithmError: my CapacityError"),
        failed("2 validation errors detected", "SageMaker.ValidationException"),
        {"Error": "States.TaskFailed", "Cause": json.dumps({"Environment": {"A": "CapacityError"}})},
    ],
)
def test_nothing_else_is_tried_on_another_type(failure):
    assert after_triage(failure) == "SendDeadLetter"


def test_a_name_in_use_is_described_first():
    failure = failed("job name ResourceInUse, CapacityError", "SageMaker.ResourceInUseException")

    assert after_triage(failure) == "DescribeJob"


def test_types_are_tried_in_order_each_as_an_attempt_of_its_own_until_none_is_left():
    variables = evaluate({"instance_types": STATES["Prepare"]["Assign"]["instance_types"], "attempt": 3})
    cluster, tried = STATES["RunJob"]["Arguments"]["ProcessingResources"]["ClusterConfig"], []
    while True:
        tried.append((evaluate(cluster, variables)["InstanceType"], variables["attempt"]))
        if after_triage(failed(CAPACITY), variables["instance_types"]) != "NextInstanceType":
            break
        variables |= evaluate(STATES["NextInstanceType"]["Assign"], {**variables, "failure": failed(CAPACITY)})

    assert tried == [("ml.p3.2xlarge", 3), ("ml.g5.xlarge", 4), ("ml.g4dn.xlarge", 5)]
    assert variables["instance_types"] == ["ml.g4dn.xlarge"]


def test_a_name_under_which_no_job_was_made_is_not_left_behind():
    failure = failed(f"The request failed: {CAPACITY}", "SageMaker.AmazonSageMakerException")
    variables = {"failure": failure, "instance_types": TYPES, "attempt": 3}

    assert evaluate(STATES["NextInstanceType"]["Assign"], variables) == {
        "attempt": 3,
        "instance_types": TYPES[1:],
        "tries": 0,
        "looks": 0,
    }


@pytest.mark.parametrize(
    ("failure", "following"),
    [
        (failed(CAPACITY), "NextAttempt"),
        (failed(CAPACITY, "SageMaker.AmazonSageMakerException"), "Backoff"),
    ],
)
def test_the_last_type_is_tried_again_later(failure, following):
    assert after_triage(failure, TYPES[-1:]) == following


def test_the_definition_is_that_of_the_golden_file(golden):
    golden(SEVERAL, Path(__file__).with_name("instance_types.json"))
