"""A bucket that launches a job, and the notifications that another stack adds to it, in every order of deployments."""

import json
import tempfile

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow

KINDS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")


@pytest.fixture
def script(tmp_path):
    written = tmp_path / "look.py"
    written.write_text("print('looked')")
    return written


@pytest.fixture
def world(embedded, script, request):
    return World(embedded, script, "".join(word.capitalize() for word in request.node.name.split("_"))[-40:])


class World:
    """Two stacks of an app: the bucket's, with or without the job; and the other, with its notifications."""

    def __init__(self, embedded, script, name):
        self.embedded, self.script = embedded, script
        self.bucket_name, self.name = f"bucket-of-{name.lower()}", name
        self.runs = 0

    def deploy(self, *, job=None, others=None, own=False):
        """Deploy what is named.

        Args:
            job: Whether the bucket's stack has a job that arrivals launch; None leaves that stack alone.
            others: The suffixes that the other stack is told of; None leaves that stack alone.
            own: Whether the bucket's stack has a notification of its own.
        """
        import aws_cdk
        from aws_cdk import aws_s3 as s3
        from aws_cdk import aws_s3_notifications as notifications
        from aws_cdk import aws_sqs as sqs

        from cdk_processing import DataBucket, OnObjectCreated, ProcessingJob, SKLearnProcessor

        with tempfile.TemporaryDirectory() as folder:
            app = aws_cdk.App(outdir=folder)
            if job is not None:
                data = aws_cdk.Stack(app, f"{self.name}Data")
                bucket = DataBucket(data, "Raw", bucket_name=self.bucket_name)
                if own:
                    queue = sqs.Queue(data, "Own")
                    bucket.add_event_notification(s3.EventType.OBJECT_REMOVED, notifications.SqsDestination(queue))
                if job:
                    processor = SKLearnProcessor(
                        framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1
                    )
                    ProcessingJob(
                        data, "Look", processor.run(self.script), triggers=[OnObjectCreated(bucket.at("in/"))]
                    )
            if others is not None:
                other = aws_cdk.Stack(app, f"{self.name}Other")
                theirs = s3.Bucket.from_bucket_name(other, "Theirs", self.bucket_name)
                queue = sqs.Queue(other, "Queue")
                for suffix in others:
                    theirs.add_object_created_notification(
                        notifications.SqsDestination(queue), s3.NotificationKeyFilter(suffix=suffix)
                    )
            self.embedded.deploy(app)

    def destroy_other(self):
        cloudformation = self.embedded.client("cloudformation")
        cloudformation.delete_stack(StackName=f"{self.name}Other")
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=f"{self.name}Other", WaiterConfig={"Delay": 1, "MaxAttempts": 240}
        )

    def has(self):
        """What the bucket is set to: the suffixes that others are told of, and whether EventBridge is told."""
        found = self.embedded.client("s3").get_bucket_notification_configuration(Bucket=self.bucket_name)
        rules = [
            rule["Value"]
            for kind in KINDS
            for each in found.get(kind, [])
            for rule in each.get("Filter", {}).get("Key", {}).get("FilterRules", [])
        ]
        return sorted(rules), "EventBridgeConfiguration" in found

    def own_notifications(self):
        found = self.embedded.client("s3").get_bucket_notification_configuration(Bucket=self.bucket_name)
        return len(found.get("QueueConfigurations", []))

    def launches(self):
        """An arrival launches a run."""
        self.runs += 1
        self.embedded.client("s3").put_object(Bucket=self.bucket_name, Key=f"in/{self.runs}.csv", Body=b"1\n")
        self.embedded.wait_for_run(f"{self.name}Data/Look")

    def told(self):
        """The keys that the other stack's queue is told of."""
        sqs = self.embedded.client("sqs")
        found = self.embedded.client("cloudformation").describe_stack_resources(StackName=f"{self.name}Other")
        [url] = [
            each["PhysicalResourceId"] for each in found["StackResources"] if each["ResourceType"] == "AWS::SQS::Queue"
        ]
        keys = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                records = json.loads(message["Body"]).get("Records", [])
                keys += [record["s3"]["object"]["key"] for record in records]
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return keys


def test_notifications_that_come_after_the_job_change_and_go_leave_its_arrivals_alone(world):
    world.deploy(job=True)
    assert world.has() == ([], True)

    world.deploy(others=[".csv"])
    assert world.has() == ([".csv"], True)
    world.launches()
    assert world.told() == ["in/1.csv"]

    world.deploy(others=[".json", ".xml"])
    assert world.has() == ([".json", ".xml"], True)
    world.launches()
    assert world.told() == []

    world.destroy_other()
    assert world.has() == ([], True)
    world.launches()


def test_a_change_of_the_job_leaves_the_notifications_of_the_other_stack_alone(world):
    world.deploy(job=True)
    world.deploy(others=[".csv"])

    world.script.write_text("print('looked again')")
    world.deploy(job=True)

    assert world.has() == ([".csv"], True)
    world.launches()
    assert world.told() == ["in/1.csv"]


def test_a_job_that_comes_later_and_the_other_stack_deployed_again_with_a_change_have_both(world):
    """S3 keeps one configuration, and CloudFormation writes the whole of it when the bucket's property changes."""
    world.deploy(job=False)
    world.deploy(others=[".csv"])
    assert world.has() == ([".csv"], False)

    world.deploy(job=True)
    assert world.has() == ([], True)  # as AWS does; synth warns of it where one app has both
    world.launches()

    world.deploy(others=[".csv", ".json"])
    assert world.has() == ([".csv", ".json"], True)
    world.launches()
    assert world.told() == ["in/2.csv"]


def test_a_notification_of_the_buckets_own_stack_comes_and_goes_and_arrivals_launch_the_job_all_the_while(world):
    world.deploy(job=True)
    world.launches()

    world.deploy(job=True, own=True)
    assert world.own_notifications() == 1
    world.launches()

    world.deploy(job=True)
    assert world.own_notifications() == 0
    world.launches()


def test_an_other_stack_cannot_be_deployed_before_the_bucket_is_there(world):
    with pytest.raises(Exception, match="NoSuchBucket"):
        world.deploy(others=[".csv"])

    with pytest.raises(ClientError):
        world.embedded.client("s3").head_bucket(Bucket=world.bucket_name)


def test_both_stacks_can_be_deployed_at_once(world):
    world.deploy(job=True, others=[".csv"])

    assert world.has() == ([".csv"], True)
    world.launches()
    assert world.told() == ["in/1.csv"]
