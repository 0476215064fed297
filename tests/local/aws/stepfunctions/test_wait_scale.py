"""Waits of Step Functions that take a share of their time."""

import pytest

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import World
from tests.local.faulty import faulty_world
from tests.local.test_pytest_plugin import pytest_in


@pytest.fixture(scope="module")
def faulty():
    with faulty_world() as world:
        yield world


@pytest.mark.parametrize("wait_scale", [-0.1, 1.5, float("nan"), "1"])
def test_a_scale_that_is_none_is_refused(wait_scale):
    with pytest.raises(ValueError, match=r"wait_scale must be a number from 0 \(no wait at all\) to 1"):
        LocalAws(wait_scale=wait_scale)


def seconds(execution):
    return (execution["stopDate"] - execution["startDate"]).total_seconds()


@pytest.mark.parametrize("wait", [{"Seconds": 120}, {"Seconds": "{% 100 + 20 %}"}])
def test_a_wait_takes_its_share_of_the_time(faulty, wait):
    machine = faulty.machine(
        {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", **wait, "End": True}}},
        faulty.role("states.amazonaws.com", []),
    )
    execution = faulty.execute(machine)
    assert execution["status"] == "SUCCEEDED"
    assert 1.2 <= seconds(execution) < 120  # which it would take unscaled


def test_a_delay_before_a_retry_takes_its_share_of_the_time(faulty):
    request = faulty.request(faulty.job_role, ProcessingJobName="a_b")
    resource = "arn:aws:states:::sagemaker:createProcessingJob"
    retrier = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 40, "BackoffRate": 2, "MaxAttempts": 2}
    machine = faulty.task_machine(resource, request, faulty.machine_role, Retry=[retrier])
    execution = faulty.execute(machine)
    assert execution["status"] == "FAILED"
    assert 1.2 <= seconds(execution) < 120  # which it would take unscaled


def test_waits_take_their_time_where_nothing_is_said(monkeypatch):
    # Nor does MiniStack's own variable get through to it.
    monkeypatch.setenv("SFN_WAIT_SCALE", "0")
    with LocalAws() as aws:
        world = World(aws)
        machine = world.machine(
            {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}},
            world.role("states.amazonaws.com", []),
        )
        assert seconds(world.execute(machine)) >= 1


TEST = """
import json

def test_waits_are_short(local_aws):
    client = local_aws.client("stepfunctions")
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = local_aws.client("iam").create_role(
        RoleName="role", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    states = {"Wait": {"Type": "Wait", "Seconds": 86400, "End": True}}
    arn = client.create_state_machine(
        name="wait", definition=json.dumps({"StartAt": "Wait", "States": states}), roleArn=role
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert found["status"] == "SUCCEEDED"

def test_faults_are_at_hand(local_aws):
    from cdk_processing.local import faults

    with local_aws.inject(faults.throttling("sqs:ListQueues", times=1)) as throttled:
        local_aws.client("sqs").list_queues()
    assert throttled.hits == 1
    left = local_aws.inject(faults.unreachable("sqs"))
    local_aws.clear_faults()
    local_aws.client("sqs").list_queues()
    assert left.hits == 0
"""


def test_a_test_run_sets_the_scale_and_injects_faults(tmp_path):
    done = pytest_in(tmp_path, TEST, "cdk_processing_app = none\ncdk_processing_wait_scale = 0.00001\n")
    assert "2 passed" in done.stdout, done.stdout


def test_a_scale_of_a_test_run_that_is_none_is_named(tmp_path):
    for scale in ("fast", "2"):
        settings = f"cdk_processing_app = none\ncdk_processing_wait_scale = {scale}\n"
        done = pytest_in(tmp_path, "def test_it(local_aws): pass", settings)
        assert f"cdk_processing_wait_scale must be a number from 0 to 1, got '{scale}'" in done.stdout
