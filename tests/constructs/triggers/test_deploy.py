"""``OnDeploy``: its rule, and what makes a deployment another run."""

import pytest
from aws_cdk import App, Stack

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    OnDeploy,
    OnSchedule,
    Parameter,
    ProcessingJob,
)
from tests.constructs.triggers.runs import run_of
from tests.workflow.states_language import problems_of

V = ExecutionVariables


DEPLOYED = {
    "id": "d-1",
    "source": "aws.cloudformation",
    "detail-type": "CloudFormation Stack Status Change",
    "detail": {},
}


def test_a_deployment_is_heard_when_the_whole_stack_is_complete(declare, rule):
    declare(OnDeploy())

    assert rule()["EventPattern"] == {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {
            "stack-id": [{"Ref": "AWS::StackId"}],
            "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
        },
    }


@pytest.fixture
def deployed_as(request_for, synth, definition, tmp_path):
    """The run key of a deployment of a job of such a request, in an app of its own."""

    def key(trigger=None, *, code="print(1)", more=(), before=0, event=DEPLOYED, env=None, **change):
        stack = Stack(App(), "Census", env=env)
        for number in range(before):  # so that CDK's tokens have other numbers
            DataBucket(stack, f"Before{number}")
        script = tmp_path / "prep.py"
        script.write_text(code)
        request = request_for(
            DataBucket(stack, "Raw").at("in/"), DataBucket(stack, "Out").at("out/"), code=str(script), **change
        )
        ProcessingJob(stack, "Job", request, triggers=[trigger or OnDeploy(), *more])
        found = definition(synth(stack), "Job")
        assert problems_of(found) == []
        return run_of(found["States"], event)["key"]

    return key


def test_a_job_deployed_again_as_it_was_is_the_same_run(deployed_as):
    key = deployed_as()

    assert key.startswith("deployed:")
    assert deployed_as() == key
    assert deployed_as(before=3) == key
    assert deployed_as(event={**DEPLOYED, "id": "d-2"}) == key
    assert deployed_as(more=[OnSchedule("rate(1 day)")]) == key


@pytest.mark.parametrize(
    "change",
    [
        {"code": "print(2)"},
        {"arguments": ["--fast"]},
        {"arguments": [V.RUN_ID]},
        {"experiment_config": {"ExperimentName": "x"}},
    ],
    ids=str,
)
def test_a_job_deployed_with_a_change_is_another_run(deployed_as, change):
    assert deployed_as(**change) != deployed_as()


def test_an_image_or_size_that_changes_is_another_run(deployed_as):
    from cdk_processing import SKLearnProcessor

    keys = {
        deployed_as(processor=SKLearnProcessor(framework_version=version, instance_type=kind, instance_count=count))
        for version, kind, count in [
            ("1.4-2", "ml.m5.xlarge", 1),
            ("1.2-1", "ml.m5.xlarge", 1),
            ("1.4-2", "ml.m5.2xlarge", 1),
            ("1.4-2", "ml.m5.xlarge", 2),
        ]
    }

    assert len(keys) == 4


def test_other_values_given_at_deployment_are_another_run(deployed_as):
    arguments = [Parameter("n", default="1"), Parameter("m", default="1")]

    keys = [
        deployed_as(OnDeploy(parameters=given), arguments=arguments)
        for given in ({}, {"n": "2"}, {"n": "3"}, {"m": "2"}, {"n": "2", "m": "2"}, {"m": "2", "n": "2"})
    ]

    assert keys[-1] == keys[-2]
    assert len(set(keys)) == 5


def test_every_deployment_is_a_run_where_asked(deployed_as):
    every = OnDeploy(every_time=True)

    assert deployed_as(every) == "event:d-1"
    assert deployed_as(every, event={**DEPLOYED, "id": "d-2"}) == "event:d-2"


def test_every_time_is_told_when_it_is_neither(refused):
    assert refused(OnDeploy(every_time="yes")) == (
        "triggers[0].every_time must be True or False, got 'yes'; write one of those (OnDeploy)"
    )
