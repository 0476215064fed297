"""An app as a platform team writes one, deployed by the CDK's own command line with the flags of a new app."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CDK = Path(sys.prefix) / "cdk-cli" / "node_modules" / "aws-cdk" / "bin" / "cdk"
BOUNDARY = "company-boundary"


@pytest.fixture(scope="module")
def aws():
    from cdk_processing.local.engine import LocalAws

    with LocalAws(python=sys.executable) as running:
        yield running


@pytest.fixture(scope="module")
def cdk(aws, tmp_path_factory):
    """``cdk("deploy", ...)`` runs the command line in a new app that has become the platform team's."""
    from cdk_processing.local.deployment.node import path_with_node

    assert CDK.exists(), "the CDK's command line is missing: run `make setup`"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= aws.environment()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path_with_node()])
    environment["HOME"] = str(tmp_path_factory.mktemp("home"))
    environment |= {"CI": "true", "CDK_VALIDATION": "false", "CDK_DISABLE_CLI_TELEMETRY": "true"}
    app = tmp_path_factory.mktemp("company") / "app"
    app.mkdir()

    def run(*arguments):
        command = ["node", str(CDK), *arguments, "--no-notices", "--no-version-reporting", "--no-color"]
        done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("init", "app", "--language", "python", "--generate-only")
    written = json.loads((app / "cdk.json").read_text(encoding="utf-8"))
    written["app"] = "python app.py"
    written["context"]["@aws-cdk/core:permissionsBoundary"] = {"name": BOUNDARY}
    (app / "cdk.json").write_text(json.dumps(written), encoding="utf-8")
    for name in ("app.py", "pass_on.py"):
        shutil.copy(ROOT / "tests" / "apps" / "platform_team" / name, app / name)
    return run


@pytest.fixture(scope="module")
def deployed(aws, cdk):
    """The resources of the stage that is deployed, by type: physical ids by stack and logical id."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    aws.client("iam").create_policy(PolicyName=BOUNDARY, PolicyDocument=document)
    cdk("bootstrap", f"aws://{aws.account_id}/{aws.region}")
    cdk("deploy", "Test/*", "--require-approval", "never")
    cloudformation, found = aws.client("cloudformation"), {}
    stacks = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
    for stack in stacks:
        if stack.startswith("Test"):
            for each in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
                name = f"{stack}/{each['LogicalResourceId']}"
                found.setdefault(each["ResourceType"], {})[name] = each["PhysicalResourceId"]
    return found


def arrive(aws, deployed, job, nested=False):
    """Put a file for a job; the tags of the processing job that it makes, when that has ended."""
    buckets = {name: bucket for name, bucket in deployed["AWS::S3::Bucket"].items() if "/Raw" in name}
    [raw] = [bucket for name, bucket in buckets.items() if ("Nested" in name) == nested]
    sagemaker = aws.client("sagemaker")

    def names():
        return {each["ProcessingJobName"] for each in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]}

    before = names()
    aws.client("s3").put_object(Bucket=raw, Key=f"in/{job}/a.csv", Body=b"1")
    [name] = until(lambda: names() - before, every=0.1)
    ended = until(lambda: described(sagemaker, name), every=0.1)
    assert ended["ProcessingJobStatus"] == "Completed", ended
    tags = sagemaker.list_tags(ResourceArn=ended["ProcessingJobArn"])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def described(sagemaker, name):
    job = sagemaker.describe_processing_job(ProcessingJobName=name)
    return None if job["ProcessingJobStatus"] == "InProgress" else job


@pytest.mark.parametrize("nested", [False, True], ids=["stack", "nested"])
def test_every_processing_job_of_a_run_carries_the_tags_of_the_app(aws, deployed, nested):
    tags = arrive(aws, deployed, "Job0", nested)

    assert tags["cost-center"] == "4711"
    assert tags["stage"] == "Test"
    assert tags["layer"] == "jobs"


def test_every_role_has_the_boundary_the_path_and_the_name_of_the_company(aws, deployed):
    iam = aws.client("iam")
    roles = [iam.get_role(RoleName=name)["Role"] for name in deployed["AWS::IAM::Role"].values()]

    assert len(roles) == 3 * 3
    for role in roles:
        assert role["RoleName"].startswith("company-")
        assert role["Path"] == "/company/"
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(f":policy/{BOUNDARY}")
        assert {"Key": "cost-center", "Value": "4711"} in role["Tags"]


def tags_of(aws, kind, name):
    """The tags of a resource, as its own service tells them."""
    at = f"{aws.region}:{aws.account_id}"
    if kind == "AWS::S3::Bucket":
        return {tag["Key"]: tag["Value"] for tag in aws.client("s3").get_bucket_tagging(Bucket=name)["TagSet"]}
    if kind == "AWS::SQS::Queue":
        return aws.client("sqs").list_queue_tags(QueueUrl=name)["Tags"]
    if kind == "AWS::Logs::LogGroup":
        return aws.client("logs").list_tags_for_resource(resourceArn=f"arn:aws:logs:{at}:log-group:{name}")["tags"]
    if kind == "AWS::StepFunctions::StateMachine":
        found = aws.client("stepfunctions").list_tags_for_resource(resourceArn=name)["tags"]
        return {tag["key"]: tag["value"] for tag in found}
    if kind == "AWS::DynamoDB::Table":
        found = aws.client("dynamodb").list_tags_of_resource(ResourceArn=f"arn:aws:dynamodb:{at}:table/{name}")["Tags"]
    elif kind == "AWS::SNS::Topic":
        found = aws.client("sns").list_tags_for_resource(ResourceArn=name)["Tags"]
    elif kind == "AWS::KMS::Key":
        found = aws.client("kms").list_resource_tags(KeyId=name)["Tags"]
        return {tag["TagKey"]: tag["TagValue"] for tag in found}
    else:
        found = aws.client("events").list_tags_for_resource(ResourceARN=f"arn:aws:events:{at}:rule/{name}")["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::StepFunctions::StateMachine",
    ],
)
def test_what_can_be_tagged_is_tagged(aws, deployed, kind):
    for name, physical in deployed[kind].items():
        assert tags_of(aws, kind, physical).get("cost-center") == "4711", name


def test_the_same_app_again_is_no_change(deployed, cdk):
    assert "no changes" in cdk("deploy", "Test/*", "--require-approval", "never")
