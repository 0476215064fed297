"""A stack deleted while its job runs: what becomes of the job, the execution and the data."""

import json
import sys

import pytest
from botocore.exceptions import ClientError

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import World

CREATE = "arn:aws:states:::sagemaker:createProcessingJob.sync"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# No clock decides: the job works until the credentials of its role no longer do.
SCRIPT = """
import pathlib, time, boto3
from botocore.exceptions import ClientError
pathlib.Path("/opt/ml/processing/out/result.csv").write_text("1")
print("working", flush=True)
while True:
    try:
        boto3.client("s3").list_buckets()
    except ClientError as error:
        break
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def world():
    with LocalAws(python=sys.executable) as aws:
        yield World(aws)


def role(service):
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "all", "PolicyDocument": EVERYTHING}],
        },
    }


def template(request):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    task = {"Type": "Task", "Resource": CREATE, "Arguments": request, "Next": "After", "Catch": catch}
    states = {"Run": task, "After": {"Type": "Pass", "End": True}}
    definition = {"StartAt": "Run", "QueryLanguage": "JSONata", "States": states}
    machine = {
        "RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]},
        "DefinitionString": {"Fn::Sub": json.dumps(definition)},
    }
    return {
        "Resources": {
            "JobRole": role("sagemaker.amazonaws.com"),
            "MachineRole": role("states.amazonaws.com"),
            "Results": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        }
    }


def test_the_job_ends_as_failed_because_its_role_is_gone_and_the_data_is_kept(world):
    code = {"S3Uri": "s3://${Results}/code/", "LocalPath": "/opt/ml/processing/input/code"}
    output = {"S3Uri": "s3://${Results}/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    request = world.request("${JobRole.Arn}")
    request["AppSpecification"]["ContainerEntrypoint"] = ["python3", f"{code['LocalPath']}/job.py"]
    s3_input = {**code, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    request["ProcessingInputs"] = [{"InputName": "code", "S3Input": s3_input}]
    request["ProcessingOutputConfig"] = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
    job = request["ProcessingJobName"]
    cloudformation = world.client("cloudformation")
    name = world.name("stack")
    stack_id = cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template(request)), Capabilities=["CAPABILITY_IAM"]
    )["StackId"]

    def status():
        return cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]

    assert world.until(status, lambda found: not found.endswith("_IN_PROGRESS")) == "CREATE_COMPLETE"
    ids = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    }
    states, s3 = world.client("stepfunctions"), world.client("s3")
    s3.put_object(Bucket=ids["Results"], Key="code/job.py", Body=SCRIPT.encode())
    execution = states.start_execution(stateMachineArn=ids["Machine"])["executionArn"]
    world.until(
        lambda: [run["last_lines"] for run in world.aws.runs() if run["name"] == job],
        lambda found: found == [["working"]],
    )

    cloudformation.delete_stack(StackName=name)
    world.until(status, lambda found: found == "DELETE_COMPLETE")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        world.client("iam").get_role(RoleName=ids["JobRole"])

    failed = world.ended(job)
    assert failed["ProcessingJobStatus"] == "Failed"
    assert failed["FailureReason"].startswith("ClientError: ")
    assert ids["JobRole"] in failed["FailureReason"]
    ended = world.execution_ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert ended["cause"].endswith("has been deleted.")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=ids["Results"])["Contents"]] == ["code/job.py"]
