"""The roles of a job reach what is named after that job, and nothing of a job whose name begins alike."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from cdk_processing.contract.names import LOG_GROUP, JobName

from .conftest import SCRIPTS

RUN_ID = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def alike(deploy):
    """A stack with the jobs ``prep`` and ``prep-all``."""

    def declare(stack):
        from dataclasses import replace

        from cdk_processing import ProcessingJob, SKLearnProcessor

        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        for name, base in (("Prep", "prep"), ("PrepAll", "prep-all")):
            ProcessingJob(stack, name, replace(processor, base_job_name=base).run(code=SCRIPTS / "report.py"))

    return deploy(declare)


@pytest.fixture
def as_role(embedded, alike):
    """Clients that act as a role of the stack, which trusts the account for as long as a test takes."""
    stack = next(stack for stack in embedded.deployment.stacks if stack.name == alike)
    physical = {path: stack.resources[key] for key, path in stack.paths.items() if key in stack.resources}
    iam, undo = embedded.client("iam"), []

    def act(path):
        role = iam.get_role(RoleName=physical[f"{alike}/{path}"])["Role"]
        undo.append((role["RoleName"], role["AssumeRolePolicyDocument"]))
        trust = {"Effect": "Allow", "Principal": {"AWS": stack.account_id}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=document)
        keys = embedded.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], embedded.aws.region)
        return lambda service: session.client(service, endpoint_url=embedded.aws.endpoint_url)

    yield act
    for name, document in undo:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))


def code_of(call, **arguments):
    """The code of the error that a call ends with; None where it succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def test_a_workflow_role_reaches_the_jobs_of_its_own_base_name_alone(as_role):
    describe = as_role("Prep/WorkflowRole")("sagemaker").describe_processing_job
    codes = {
        base: code_of(describe, ProcessingJobName=str(JobName(base, RUN_ID, 1)))
        for base in ("prep", "prep-all", "prep-a", "pre")
    }

    # Allowed and not there is one thing, not allowed another.
    assert codes == {
        "prep": "ResourceNotFound",
        "prep-all": "AccessDeniedException",
        "prep-a": "AccessDeniedException",
        "pre": "AccessDeniedException",
    }


@pytest.mark.parametrize("name", [f"prep-{RUN_ID}", f"prep-{RUN_ID[1:]}-1", f"prep-{RUN_ID}0-1", "prep-1"])
def test_a_name_without_a_run_id_of_32_characters_is_not_the_job_s(as_role, name):
    describe = as_role("Prep/WorkflowRole")("sagemaker").describe_processing_job

    assert code_of(describe, ProcessingJobName=name) == "AccessDeniedException"


def test_an_execution_role_may_write_to_the_log_streams_of_its_own_base_name_alone(embedded, alike):
    # The embedded AWS knows the group alone of what is written to, so IAM itself is asked for the stream.
    stack = next(stack for stack in embedded.deployment.stacks if stack.name == alike)
    [role] = [
        stack.resources[key]
        for key, path in stack.paths.items()
        if path == f"{alike}/Prep/ExecutionRole" and key in stack.resources
    ]
    iam, group = embedded.client("iam"), f"arn:aws:logs:{stack.region}:{stack.account_id}:log-group:{LOG_GROUP}"
    decisions = {
        base: iam.simulate_principal_policy(
            PolicySourceArn=iam.get_role(RoleName=role)["Role"]["Arn"],
            ActionNames=["logs:PutLogEvents"],
            ResourceArns=[f"{group}:log-stream:{JobName(base, RUN_ID, 1)}/algo-1-1700000000"],
        )["EvaluationResults"][0]["EvalDecision"]
        for base in ("prep", "prep-all", "prep-a")
    }

    assert decisions == {"prep": "allowed", "prep-all": "implicitDeny", "prep-a": "implicitDeny"}
