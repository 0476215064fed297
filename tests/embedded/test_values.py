"""Values that SageMaker refuses are told before a start by hand; an event that brings one leaves a dead letter."""

import json

import pytest

from cdk_processing.client import InvalidParametersError

from .conftest import SCRIPTS

REFUSED = {
    "": "Found null or empty string in ContainerArguments at index 0",
    "two\nlines": "Member must satisfy regular expression pattern: .*",
    "x" * 257: "Member must have length less than or equal to 256",
}


@pytest.fixture(scope="module")
def stack(deploy):
    def declare(stack):
        from cdk_processing import EventField, OnEvent, Parameter, ProcessingJob, SKLearnProcessor

        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        ProcessingJob(
            stack,
            "Daily",
            processor.run(code=SCRIPTS / "fail.py", arguments=[Parameter("day")]),
            triggers=[OnEvent({"source": ["test.days"]}, parameters={"day": EventField("$.detail.day")})],
        )

    return deploy(declare)


@pytest.mark.parametrize("value", REFUSED)
def test_a_value_of_an_event_that_sagemaker_refuses_ends_as_a_dead_letter_that_says_so(
    embedded, stack, dead_letters, value
):
    entry = {"Source": "test.days", "DetailType": "Day", "Detail": json.dumps({"day": value})}
    embedded.client("events").put_events(Entries=[entry])

    run = embedded.wait_for_run(f"{stack}/Daily", must_succeed=False)

    assert run.status == "FAILED"
    [letter] = dead_letters(stack)
    assert REFUSED[value] in letter["reason"]
    assert letter["event"]["detail"] == {"day": value}


@pytest.mark.parametrize("value", REFUSED)
def test_the_same_value_is_refused_before_a_start_by_hand(embedded, stack, value):
    before = {run.arn for run in embedded.processing.runs(f"{stack}/Daily", limit=None)}

    with pytest.raises(InvalidParametersError, match="day must be "):
        embedded.start(f"{stack}/Daily", {"day": value})

    assert {run.arn for run in embedded.processing.runs(f"{stack}/Daily", limit=None)} == before
