"""Buckets that have notifications of their own, or are emptied when their stack goes: the CDK's custom resources."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def stack(deploy, tmp_path_factory):
    """A bucket that tells a queue of its objects, launches a job, and is deleted with what it holds."""
    script = tmp_path_factory.mktemp("scripts") / "look.py"
    script.write_text("print('looked')")

    def declare(stack):
        from aws_cdk import RemovalPolicy
        from aws_cdk import aws_s3 as s3
        from aws_cdk import aws_s3_notifications as notifications
        from aws_cdk import aws_sqs as sqs

        from cdk_processing import OnObjectCreated, ProcessingJob, S3Location, SKLearnProcessor

        raw = s3.Bucket(stack, "Raw", versioned=True, auto_delete_objects=True, removal_policy=RemovalPolicy.DESTROY)
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        request = processor.run(script)
        ProcessingJob(stack, "Look", request, triggers=[OnObjectCreated(S3Location(raw, "in/"))])
        # After the job: whichever comes last must not turn the other's events off.
        queue = sqs.Queue(stack, "Arrivals")
        raw.add_event_notification(s3.EventType.OBJECT_CREATED, notifications.SqsDestination(queue))

    return deploy(declare)


def test_an_arrival_launches_the_job_and_reaches_the_buckets_own_queue(embedded, stack):
    embedded.put(f"{stack}/Raw", "in/a.csv", "1\n")
    embedded.wait_for_run(f"{stack}/Look")

    sqs = embedded.client("sqs")
    found = embedded.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    [url] = [each["PhysicalResourceId"] for each in found if each["LogicalResourceId"].startswith("Arrivals")][:1]
    keys = [
        record["s3"]["object"]["key"]
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for record in json.loads(message["Body"]).get("Records", [])
    ]
    assert keys == ["in/a.csv"]


def test_a_bucket_is_emptied_and_deleted_with_its_stack(embedded, stack):
    bucket = embedded.bucket(f"{stack}/Raw")
    embedded.put(f"{stack}/Raw", "other/a.csv", "1")
    embedded.put(f"{stack}/Raw", "other/a.csv", "2")  # a second version
    cloudformation = embedded.client("cloudformation")

    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 240}
    )

    with pytest.raises(ClientError, match=r"404|NoSuchBucket|Not Found"):
        embedded.client("s3").head_bucket(Bucket=bucket)


def test_a_function_of_somebody_elses_is_refused(deploy):
    def declare(stack):
        from aws_cdk import aws_lambda

        aws_lambda.Function(
            stack,
            "Own",
            runtime=aws_lambda.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=aws_lambda.Code.from_inline("def handler(event, context): ..."),
        )

    with pytest.raises(Exception, match=r"does not provision AWS::Lambda::Function"):
        deploy(declare)
