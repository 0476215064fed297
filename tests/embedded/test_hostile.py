"""A hostile app and a role that may do everything: each way past the standards is told at synth or denied at run time.

The table is in hostile.json. test_standards.py edits the definition of a deployed job.
"""

import json
import runpy
import sys
from copy import deepcopy
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from cdk_processing.standards.denials import permissions_boundary, service_control_policy
from cdk_processing.standards.standards import Standards
from tests.constructs.test_standards_validation import HOSTILE, app_in, told
from tests.local.control_plane import World

APP = Path(__file__).parents[1] / "apps" / "standards" / "app.py"
KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
STANDARDS = runpy.run_path(str(APP))["STANDARDS"]
WIDE = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


def good():
    """A request that meets the standards, but for what has no condition key."""
    return {
        "ProcessingJobName": "hostile",
        "RoleArn": "arn:aws:iam::000000000000:role/execution",
        "AppSpecification": {"ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2"},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 10,
                "VolumeKmsKeyId": KEY,
            }
        },
        "ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": KEY},
        "NetworkConfig": {
            "EnableNetworkIsolation": True,
            "EnableInterContainerTrafficEncryption": True,
            "VpcConfig": {"Subnets": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]},
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "Tags": [{"Key": "team", "Value": "data"}, {"Key": "cost-center", "Value": "4711"}],
    }


def put(path, value):
    """What gives a request another value, or none."""

    def change(request):
        *parents, last = path.split(".")
        part = request
        for name in parents:
            part = part[name]
        if value is None:
            part.pop(last)
        else:
            part[last] = value

    return change


CLUSTER, NETWORK = "ProcessingResources.ClusterConfig", "NetworkConfig"
BREACHES = {
    "another instance type": put(f"{CLUSTER}.InstanceType", "ml.p3.2xlarge"),
    "a longer run": put("StoppingCondition.MaxRuntimeInSeconds", 3601),
    "no time limit": put("StoppingCondition", None),
    "no key for the volume": put(f"{CLUSTER}.VolumeKmsKeyId", None),
    "no key for the outputs": put("ProcessingOutputConfig.KmsKeyId", None),
    "no outputs at all": put("ProcessingOutputConfig", None),
    "traffic in the clear": put(f"{NETWORK}.EnableInterContainerTrafficEncryption", False),
    "traffic by default": put(f"{NETWORK}.EnableInterContainerTrafficEncryption", None),
    "not isolated": put(f"{NETWORK}.EnableNetworkIsolation", False),
    "isolation by default": put(f"{NETWORK}.EnableNetworkIsolation", None),
    "no VPC": put(f"{NETWORK}.VpcConfig", None),
    "no network options": put(NETWORK, None),
    "another subnet": put(f"{NETWORK}.VpcConfig.Subnets", ["subnet-9a1b2c3d"]),
    "one more subnet": put(f"{NETWORK}.VpcConfig.Subnets", ["subnet-0a1b2c3d", "subnet-9a1b2c3d"]),
    "another group": put(f"{NETWORK}.VpcConfig.SecurityGroupIds", ["sg-9a1b2c3d"]),
    "one more group": put(f"{NETWORK}.VpcConfig.SecurityGroupIds", ["sg-0a1b2c3d", "sg-9a1b2c3d"]),
    "no tags": put("Tags", None),
    "a tag less": put("Tags", [{"Key": "team", "Value": "data"}]),
    "another team": put("Tags", [{"Key": "team", "Value": "sales"}, {"Key": "cost-center", "Value": "4711"}]),
}


@pytest.fixture(scope="module")
def world():
    from cdk_processing.local.engine import LocalAws

    with LocalAws(python=sys.executable) as aws:
        yield World(aws)


def wide_role(world, boundary):
    """Calls services as a role that may do everything, within a boundary."""
    iam = world.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    policy = iam.create_policy(PolicyName=world.name("boundary"), PolicyDocument=json.dumps(boundary))["Policy"]
    role = iam.create_role(
        RoleName=world.name("wide"),
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        PermissionsBoundary=policy["Arn"],
    )["Role"]
    world.allow(role["Arn"], WIDE)
    keys = world.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="hostile")["Credentials"]

    def client(service, region="us-east-1"):
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=world.aws.endpoint_url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return client


@pytest.fixture(scope="module")
def in_boundary(world):
    return wide_role(world, permissions_boundary(STANDARDS))


@pytest.fixture(scope="module")
def under_scp(world):
    """A service control policy limits as a boundary does, beside FullAWSAccess."""
    policy = service_control_policy(STANDARDS)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return wide_role(world, {**policy, "Statement": [everything, *policy["Statement"]]})


def denied(call, **arguments):
    """Whether IAM denies a call explicitly."""
    try:
        call(**arguments)
    except ClientError as error:
        return "with an explicit deny" in error.response["Error"]["Message"]
    return False


@pytest.mark.parametrize("limited", ["in_boundary", "under_scp"])
@pytest.mark.parametrize("breach", BREACHES)
def test_a_wide_role_cannot_create_a_job_that_breaks_the_standards(request, limited, breach):
    asked = deepcopy(good())
    BREACHES[breach](asked)

    assert denied(request.getfixturevalue(limited)("sagemaker").create_processing_job, **asked)


@pytest.mark.parametrize("limited", ["in_boundary", "under_scp"])
def test_a_job_that_meets_the_standards_is_created(request, world, limited):
    client = request.getfixturevalue(limited)("sagemaker")
    names = {"ProcessingJobName": world.name("good"), "RoleArn": world.execution_role()}

    assert client.create_processing_job(**{**good(), **names})["ProcessingJobArn"]


@pytest.mark.parametrize("limited", ["in_boundary", "under_scp"])
def test_no_job_is_created_in_another_region(request, limited):
    client = request.getfixturevalue(limited)("sagemaker", "sa-east-1")

    assert denied(client.create_processing_job, **good())


def test_a_role_in_the_boundary_makes_no_role_outside_of_it(in_boundary):
    iam = in_boundary("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})

    assert denied(iam.create_role, RoleName="outside", AssumeRolePolicyDocument=trust)
    assert denied(iam.delete_role_permissions_boundary, RoleName="wide")


def test_a_job_in_the_boundary_pulls_no_image_of_another_repository(world):
    boundary = permissions_boundary(Standards(image_repositories=["111122223333.dkr.ecr.*.amazonaws.com/prep"]))
    policy = world.client("iam").create_policy(PolicyName=world.name("images"), PolicyDocument=json.dumps(boundary))
    role = world.execution_role()
    world.client("iam").put_role_permissions_boundary(
        RoleName=role.rsplit("/", 1)[-1], PermissionsBoundary=policy["Policy"]["Arn"]
    )
    request = world.request(role)
    world.client("sagemaker").create_processing_job(**request)

    job = world.ended(request["ProcessingJobName"])

    assert job["ProcessingJobStatus"] == "Failed"
    assert "ecr:" in job["FailureReason"]


def test_every_breach_is_told_at_synth_or_denied_at_run_time(tmp_path, in_boundary, golden):
    app = app_in(tmp_path)
    HOSTILE["in_a_stage"](HOSTILE["build"](app))
    table = {}
    for rule, path, _ in told(app):
        table.setdefault(f"{path.partition('/')[0]}, in an app", f"told at synth: {rule}")
    for breach, change in BREACHES.items():
        asked = deepcopy(good())
        change(asked)
        is_denied = denied(in_boundary("sagemaker").create_processing_job, **asked)
        table[f"{breach}, by a call"] = "denied at run time" if is_denied else "escapes"

    assert len(table) == len(HOSTILE["BREACHES"]) + 1 + len(BREACHES)
    assert "escapes" not in table.values()
    golden(table, Path(__file__).with_name("hostile.json"))
