import json

import boto3
import pytest
from botocore.exceptions import ClientError

from cdk_processing.local.aws.sagemaker.pulls import repository_of


def as_user(world, statements):
    iam = world.client("iam")
    user = world.name("user")
    iam.create_user(UserName=user)
    if statements:
        iam.put_user_policy(
            UserName=user,
            PolicyName="inline",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return user, boto3.client(
        "sagemaker",
        endpoint_url=world.aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def created(world, client, request):
    try:
        client.create_processing_job(**request)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    finally:
        client.close()
    return world.ended(request["ProcessingJobName"])["ProcessingJobStatus"]


def outcome(world, role, **changes):
    request = world.request(role, **changes)
    world.client("sagemaker").create_processing_job(**request)
    job = world.ended(request["ProcessingJobName"])
    return job["ProcessingJobStatus"], job.get("FailureReason", "")


def test_a_caller_needs_create_processing_job_on_the_job(world, execution_role):
    user, client = as_user(world, None)
    request = world.request(execution_role)
    assert created(world, client, request) == (
        f"AccessDeniedException: User: arn:aws:iam::000000000000:user/{user} is not authorized to perform: "
        f"sagemaker:CreateProcessingJob on resource: arn:aws:sagemaker:us-east-1:000000000000:processing-job/"
        f"{request['ProcessingJobName']} because no identity-based policy allows the sagemaker:CreateProcessingJob "
        "action"
    )


def test_a_caller_needs_to_pass_the_role_to_sagemaker(world, execution_role):
    create = {"Effect": "Allow", "Action": "sagemaker:CreateProcessingJob", "Resource": "*"}
    passing = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": execution_role,
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs.amazonaws.com"}},
    }
    _, client = as_user(world, [create, passing])
    assert f"iam:PassRole on resource: {execution_role}" in created(world, client, world.request(execution_role))
    passing["Condition"]["StringEquals"]["iam:PassedToService"] = "sagemaker.amazonaws.com"
    _, client = as_user(world, [create, passing])
    assert created(world, client, world.request(execution_role)) == "Completed"


def test_conditions_on_the_request_decide(world, execution_role):
    statements = [
        {
            "Effect": "Allow",
            "Action": "sagemaker:CreateProcessingJob",
            "Resource": "*",
            "Condition": {"Bool": {"sagemaker:NetworkIsolation": "true"}},
        },
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"},
    ]
    _, client = as_user(world, statements)
    assert created(world, client, world.request(execution_role)).startswith("AccessDeniedException")
    _, client = as_user(world, statements)
    isolated = world.request(execution_role, NetworkConfig={"EnableNetworkIsolation": True})
    assert created(world, client, isolated) == "Completed"


def test_a_wrong_secret_is_refused(world):
    client = boto3.client(
        "sagemaker",
        endpoint_url=world.aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError, match=r"UnrecognizedClient|InvalidClientTokenId|Signature"):
        client.list_processing_jobs()
    client.close()


@pytest.mark.parametrize(
    "options",
    [
        {"service": "ecs-tasks.amazonaws.com"},
        {"service": "sagemaker.amazonaws.com", "condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}},
        {"service": None},
    ],
)
def test_a_role_that_sagemaker_cannot_assume_is_refused(world, options):
    arn = "arn:aws:iam::000000000000:role/nobody"
    if options["service"]:
        arn = world.role(options["service"], [], condition=options.get("condition"))
    with pytest.raises(ClientError) as caught:
        world.client("sagemaker").create_processing_job(**world.request(arn))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["Error"]["Message"].startswith(f"Could not assume role {arn}.")


@pytest.mark.parametrize("action", ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"])
def test_a_role_that_may_not_pull_the_image_fails_the_job(world, action):
    status, reason = outcome(world, world.execution_role(without=action))
    assert status == "Failed"
    assert reason.startswith("ClientError: Unable to pull the image 683313688378.dkr.ecr.us-east-1.amazonaws.com/")
    assert "is not authorized to perform: ecr:" in reason


def test_an_image_outside_ecr_needs_no_pull_permission(world):
    role = world.execution_role(without="ecr:")
    # The statement about the repository has several actions; none of ecr's is left.
    assert outcome(world, role, AppSpecification={"ImageUri": "docker.io/library/python:3"}) == ("Completed", "")


def test_a_role_that_may_not_write_logs_fails_the_job(world):
    status, reason = outcome(world, world.execution_role(without="logs:"))
    assert status == "Failed"
    assert reason.startswith("ClientError: User: arn:aws:sts::000000000000:assumed-role/")
    assert "is not authorized to perform: logs:CreateLogStream" in reason


def test_a_role_that_may_not_publish_metrics_fails_the_job(world):
    status, reason = outcome(world, world.execution_role(without="cloudwatch:"))
    assert (status, "cloudwatch:PutMetricData" in reason) == ("Failed", True)


def test_a_role_made_anew_has_its_new_permissions(world):
    name = world.name("again")
    role = world.execution_role(name=name, without="logs:")
    assert outcome(world, role)[0] == "Failed"
    iam = world.client("iam")
    iam.delete_role_policy(RoleName=name, PolicyName="inline")
    iam.delete_role(RoleName=name)
    world.execution_role(name=name)
    assert outcome(world, role) == ("Completed", "")


def test_the_runner_calls_with_the_roles_own_permissions(world):
    role = world.execution_role()
    request = world.request(role, Environment={"CALL": "s3.list_buckets"})
    world.client("sagemaker").create_processing_job(**request)
    job = world.ended(request["ProcessingJobName"])
    assert job["ProcessingJobStatus"] == "Failed"


@pytest.mark.parametrize(
    ("image", "arn"),
    [
        ("1" * 12 + ".dkr.ecr.eu-west-1.amazonaws.com/a/b:1", "arn:aws:ecr:eu-west-1:111111111111:repository/a/b"),
        (
            "1" * 12 + ".dkr.ecr.cn-north-1.amazonaws.com.cn/a@sha256:0",
            "arn:aws-cn:ecr:cn-north-1:111111111111:repository/a",
        ),
        ("python:3.12", None),
        ("public.ecr.aws/docker/library/python:3.12", None),
    ],
)
def test_the_repository_of_an_image(image, arn):
    found = repository_of(image)
    assert (found.arn if found else None) == arn
