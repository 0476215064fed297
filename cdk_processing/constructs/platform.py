"""What the jobs of a stack share: a key, a dead-letter queue, a topic for alerts, a log group."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct

from cdk_processing.constructs.alarms import alarm_on_dead_letters
from cdk_processing.constructs.resources import (
    account_token,
    acknowledge,
    arn_of,
    known_as,
    partition_token,
    region_token,
    resource,
    stack_of,
)
from cdk_processing.constructs.typed import TypedResource
from cdk_processing.workflow.turns import EXPIRES, ITEM_ID

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from cdk_processing.constructs.bucket import DataBucket

__all__ = ["IProcessingPlatform", "ProcessingPlatform", "is_platform"]

_FOURTEEN_DAYS = 1_209_600
_DEFAULT_ID = "ProcessingPlatform"
_defaults: WeakKeyDictionary[Stack, ProcessingPlatform] = WeakKeyDictionary()


class IProcessingPlatform(Protocol):
    """What a job needs of a platform, whether this app makes the platform or imports it."""

    @property
    def key_arn(self) -> str:
        """ARN of the key that encrypts the queue, the topic and the logs."""

    @property
    def dead_letter_queue_arn(self) -> str:
        """ARN of the dead-letter queue."""

    @property
    def dead_letter_queue_url(self) -> str:
        """URL of the dead-letter queue."""

    @property
    def alert_topic_arn(self) -> str:
        """ARN of the topic that alarms go to."""

    @property
    def log_group_arn(self) -> str:
        """ARN of the log group of the state machines."""

    @property
    def table_arn(self) -> str:
        """ARN of the table of turns and newest arrivals."""

    @property
    def table_name(self) -> str:
        """Name of the table of turns and newest arrivals."""

    @property
    def work_bucket(self) -> DataBucket:
        """Where manifests are written."""

    @property
    def data_bucket(self) -> DataBucket:
        """Where outputs go that name no destination."""


def is_platform(given: object) -> bool:
    """Whether something has what a job needs of a platform; looks at its type, because asking may make resources."""
    own = {name for name in vars(IProcessingPlatform) if not name.startswith("_")}
    return all(hasattr(type(given), name) or name in getattr(given, "__dict__", {}) for name in own)


class ProcessingPlatform(Construct):
    """What jobs share; a stack whose jobs are given none gets one of its own.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.

    Example:
        >>> import aws_cdk
        >>> stack = aws_cdk.Stack(aws_cdk.App(), "Census")
        >>> ProcessingPlatform(stack, "Platform").node.path
        'Census/Platform'
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._key = self._make_key()
        self._queue = self._make_queue()
        self._topic = self._make_topic()
        self._log_group = self._make_log_group()
        self.key_arn: str = self._key.attribute("Arn")
        self.dead_letter_queue_arn: str = self._queue.attribute("Arn")
        self.dead_letter_queue_url: str = self._queue.attribute("ref")
        self.alert_topic_arn: str = self._topic.attribute("ref")
        self.log_group_arn: str = self._log_group.attribute("Arn")
        queue_name = self._queue.attribute("QueueName")
        alarm_on_dead_letters(self, "DeadLettersAlarm", queue_name=queue_name, topic_arn=self.alert_topic_arn)

    @classmethod
    def of(cls, scope: Construct) -> ProcessingPlatform:
        """The platform of the scope's stack; made, where there is none yet."""
        stack = stack_of(scope)
        if stack not in _defaults:
            found = stack.node.try_find_child(_DEFAULT_ID)
            _defaults[stack] = found if isinstance(found, ProcessingPlatform) else cls(stack, _DEFAULT_ID)
        return _defaults[stack]

    @cached_property
    def key(self) -> kms.IKey:
        """The key that encrypts the queue, the topic and the logs."""
        from aws_cdk import aws_kms

        return aws_kms.Key.from_key_arn(self, "ImportedKey", self.key_arn)

    @cached_property
    def dead_letter_queue(self) -> sqs.IQueue:
        """Where runs that were given up lie, each with its event and the reason; kept 14 days."""
        from aws_cdk import aws_sqs

        return aws_sqs.Queue.from_queue_arn(self, "ImportedDeadLetters", self.dead_letter_queue_arn)

    @cached_property
    def alert_topic(self) -> sns.ITopic:
        """Where alarms go; subscribe to it."""
        from aws_cdk import aws_sns

        return aws_sns.Topic.from_topic_arn(self, "ImportedAlerts", self.alert_topic_arn)

    @cached_property
    def work_bucket(self) -> DataBucket:
        """Where manifests are written; made when the first job needs one. What lies there is dropped after 30 days."""
        from aws_cdk import Duration
        from aws_cdk import aws_s3 as s3

        from cdk_processing.constructs.bucket import DataBucket

        expiry = s3.LifecycleRule(
            id="DropManifests", expiration=Duration.days(30), noncurrent_version_expiration=Duration.days(1)
        )
        return DataBucket(self, "Work", lifecycle_rules=[expiry])

    @cached_property
    def data_bucket(self) -> DataBucket:
        """Where outputs go that name no destination; made when the first job has one."""
        from cdk_processing.constructs.bucket import DataBucket

        return DataBucket(self, "Data")

    @property
    def table_arn(self) -> str:
        """ARN of the table of turns and newest arrivals."""
        return arn_of(self._table)

    @property
    def table_name(self) -> str:
        """Name of the table of turns and newest arrivals."""
        return self._table.attribute("ref")

    @cached_property
    def _table(self) -> TypedResource:
        """Made when the first trigger asks for something that must be remembered between runs."""
        made = resource(
            self,
            "Turns",
            "AWS::DynamoDB::Table",
            {
                "AttributeDefinitions": [{"AttributeName": ITEM_ID, "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": ITEM_ID, "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
                "TimeToLiveSpecification": {"AttributeName": EXPIRES, "Enabled": True},
            },
        )
        reason = "It holds who runs now and what came last; what was so at an earlier time is of no use."
        acknowledge(made, self, "AwsSolutions-DDB3", reason)
        return made

    def _make_key(self) -> TypedResource:
        return resource(
            self,
            "Key",
            "AWS::KMS::Key",
            {
                "Description": f"Dead letters, alerts and logs of the processing jobs under {known_as(self)}",
                "EnableKeyRotation": True,
                "KeyPolicy": {"Version": "2012-10-17", "Statement": _key_statements()},
            },
        )

    def _make_queue(self) -> TypedResource:
        queue = resource(
            self,
            "DeadLetters",
            "AWS::SQS::Queue",
            {"KmsMasterKeyId": arn_of(self._key), "MessageRetentionPeriod": _FOURTEEN_DAYS},
        )
        acknowledge(queue, self, "AwsSolutions-SQS3", "This is the dead-letter queue; it has none of its own.")
        resource(
            self,
            "DeadLettersPolicy",
            "AWS::SQS::QueuePolicy",
            {
                "Queues": [queue.attribute("ref")],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        _tls_only("sqs:*", arn_of(queue)),
                        _admit("events.amazonaws.com", "sqs:SendMessage", arn_of(queue)),
                    ],
                },
            },
        )
        return queue

    def _make_topic(self) -> TypedResource:
        topic = resource(self, "Alerts", "AWS::SNS::Topic", {"KmsMasterKeyId": arn_of(self._key)})
        resource(
            self,
            "AlertsPolicy",
            "AWS::SNS::TopicPolicy",
            {
                "Topics": [topic.attribute("ref")],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        _tls_only("sns:Publish", topic.attribute("ref")),
                        _admit("cloudwatch.amazonaws.com", "sns:Publish", topic.attribute("ref")),
                    ],
                },
            },
        )
        return topic

    def _make_log_group(self) -> TypedResource:
        # Step Functions can write to groups under /aws/vendedlogs/ without a resource policy for each; the name is
        # CloudFormation's own otherwise, so that two stacks never meet.
        return resource(
            self,
            "Logs",
            "AWS::Logs::LogGroup",
            {
                "LogGroupName": {
                    "Fn::Sub": f"/aws/vendedlogs/states/cdk-processing/${{AWS::StackName}}-{self.node.addr[-8:]}"
                },
                "KmsKeyId": arn_of(self._key),
                "RetentionInDays": 90,
            },
        )


def _key_statements() -> list[dict[str, Any]]:
    everything = "*"  # in a key's own policy: this key
    root = f"arn:{partition_token()}:iam::{account_token()}:root"
    logs = f"logs.{region_token()}.amazonaws.com"
    groups = f"arn:{partition_token()}:logs:{region_token()}:{account_token()}:log-group:/aws/vendedlogs/states/*"
    return [
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html: IAM policies decide
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": "kms:*",
            "Resource": everything,
        },
        # https://github.com/aws/aws-cdk/issues/33169: a queue whose key does not admit EventBridge drops silently
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": everything,
            "Condition": {"StringEquals": {"aws:SourceAccount": account_token()}},
        },
        # AWS does not say that EventBridge calls KMS with aws:SourceAccount. The policy of the queue, which EventBridge
        # must pass too, does ask for it.
        {
            "Sid": "Events",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": everything,
        },
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": logs},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Resource": everything,
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        },
    ]


def _tls_only(action: str, target: Any) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": target,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _admit(service: str, action: str, target: Any) -> dict[str, Any]:
    return {
        "Sid": "Service",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": target,
        "Condition": {"StringEquals": {"aws:SourceAccount": account_token()}},
    }
