"""Policies that AWS manages grant what they say; one that does not exist cannot be attached."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.control_plane import ACCOUNT

FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture(scope="module")
def iam(world):
    return world.client("iam")


@pytest.fixture
def role(world, iam):
    name = world.name("managed")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        ],
    }
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return name


def as_role(world, role, service):
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    keys = world.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")
    return session.client(service, endpoint_url=world.aws.endpoint_url)


def test_a_role_with_full_access_to_sagemaker_may_do_what_that_says(world, iam, role):
    bucket, other = world.name("my-sagemaker"), world.name("other")
    for each in (bucket, other):
        world.client("s3").create_bucket(Bucket=each)
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(world, role, "sagemaker").list_processing_jobs()

    iam.attach_role_policy(RoleName=role, PolicyArn=FULL_ACCESS)

    as_role(world, role, "sagemaker").list_processing_jobs()
    s3 = as_role(world, role, "s3")
    s3.put_object(Bucket=bucket, Key="x", Body=b"x")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=other, Key="x", Body=b"x")
    iam.detach_role_policy(RoleName=role, PolicyArn=FULL_ACCESS)
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(world, role, "sagemaker").list_processing_jobs()


def test_what_it_says_can_be_read(iam):
    policy = iam.get_policy(PolicyArn=FULL_ACCESS)["Policy"]
    version = iam.get_policy_version(PolicyArn=FULL_ACCESS, VersionId=policy["DefaultVersionId"])["PolicyVersion"]

    assert policy["PolicyName"] == "AmazonSageMakerFullAccess"
    assert any("sagemaker:*" in str(statement["Action"]) for statement in version["Document"]["Statement"])


def test_a_policy_with_a_path_is_found_by_it(iam):
    policy = iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole")["Policy"]

    assert (policy["Path"], policy["PolicyName"]) == ("/service-role/", "AWSGlueServiceRole")


@pytest.mark.parametrize("arn", ["arn:aws:iam::aws:policy/SageMakerFullAccess", f"arn:aws:iam::{ACCOUNT}:policy/none"])
def test_a_policy_that_does_not_exist_cannot_be_attached(iam, role, arn):
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="does not exist or is not attachable"):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)

    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []


def test_a_stack_with_a_policy_that_does_not_exist_fails_and_says_so(world):
    stacks = world.client("cloudformation")
    name = world.name("stack")
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonSagemakerFullAccess"],
        },
    }
    stacks.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Role": role}}), Capabilities=["CAPABILITY_IAM"]
    )
    world.until(
        lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"],
        lambda status: status == "ROLLBACK_COMPLETE",
    )

    reasons = [
        event.get("ResourceStatusReason", "") for event in stacks.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any("AmazonSagemakerFullAccess does not exist" in reason for reason in reasons)


def test_aws_s3_is_the_key_where_none_is_named(world):
    s3 = world.client("s3")
    bucket = world.name("kms")
    s3.create_bucket(Bucket=bucket)

    put = s3.put_object(Bucket=bucket, Key="x", Body=b"x", ServerSideEncryption="aws:kms")

    assert put["ServerSideEncryption"] == "aws:kms"
    assert s3.get_object(Bucket=bucket, Key="x")["Body"].read() == b"x"
