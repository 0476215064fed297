"""The whole state machine on the embedded AWS, where some instance types have no capacity."""

import json

import pytest

from cdk_processing import ScriptProcessor
from cdk_processing.local.engine import LocalAws
from cdk_processing.request.request import Bindings
from cdk_processing.workflow.definition import Workflow, definition
from tests.local.control_plane import IMAGE, World, machine_statements

TYPES = ["ml.g5.xlarge", "ml.g4dn.xlarge", "ml.m5.xlarge"]


@pytest.fixture(scope="module")
def scarce(stub_on_path):
    with LocalAws(runner="tests.local.aws.sagemaker.capacity_runner:run") as aws:
        yield World(aws)


def run(world, lacking):
    """One run of a job that may try three types: its execution, its jobs' types by attempt, and the queue."""
    role = world.execution_role()
    url, arn = world.queue()
    base_name = world.name("job")
    processor = ScriptProcessor(
        image_uri=IMAGE, command=["x"], instance_count=1, instance_type=TYPES, env={"LACKING": " ".join(lacking)}
    )
    request = processor.run(code="s3://code/prep.py")
    rendered = request.render(Bindings(IMAGE, role, ("s3://code/prep.py",)))
    workflow = Workflow("Job", base_name, rendered, "aws", url, instance_types=request.instance_types)
    statements = [*machine_statements(role), {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]
    machine = world.machine(definition(workflow), world.role("states.amazonaws.com", statements))
    execution = world.execute(machine, {"run_key": "a"})
    sagemaker = world.client("sagemaker")
    names = [job["ProcessingJobName"] for job in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]]
    jobs = [sagemaker.describe_processing_job(ProcessingJobName=it) for it in names if it.startswith(base_name)]
    tried = {
        int(job["ProcessingJobName"].rpartition("-")[2]): job["ProcessingResources"]["ClusterConfig"]["InstanceType"]
        for job in jobs
    }
    return execution, tried, url


def test_the_next_type_is_tried_where_capacity_lacks(scarce):
    execution, tried, _ = run(scarce, TYPES[:2])

    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"])["job_name"].endswith("-3")
    assert tried == dict(enumerate(TYPES, 1))


def test_a_run_ends_with_the_first_type_that_has_capacity(scarce):
    execution, tried, _ = run(scarce, [])

    assert (execution["status"], tried) == ("SUCCEEDED", {1: TYPES[0]})


def test_a_run_without_any_capacity_is_given_up_with_the_last_attempt(scarce):
    execution, tried, url = run(scarce, TYPES)

    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert execution["cause"].startswith("CapacityError")
    assert tried == dict(enumerate(TYPES, 1))
    [message] = scarce.messages(url)
    assert json.loads(message["Body"])["attempt"] == 3
