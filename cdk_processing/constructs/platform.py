"""What jobs share: a key, a dead-letter queue, a topic for alerts, a log group, and what their roles have in common."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct

from cdk_processing.constructs.alarms import alarm_on_dead_letters
from cdk_processing.constructs.pseudo_parameters import account_token
from cdk_processing.constructs.resources import acknowledge, arn_of, known_as, path_of, resource, stack_of
from cdk_processing.constructs.roles import ManagedPolicy, RoleStandards
from cdk_processing.constructs.service_key import admit_services, key_statements, shared_key_problems
from cdk_processing.constructs.standards import standards_problems
from cdk_processing.constructs.typed import TypedResource
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.keys import key_name
from cdk_processing.request.types import Bucket, Key
from cdk_processing.standards.standards import Standards
from cdk_processing.workflow.items import EXPIRES, ITEM_ID

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from cdk_processing.constructs.bucket import DataBucket

__all__ = ["IProcessingPlatform", "ProcessingPlatform", "is_platform", "platform_problems"]

_FOURTEEN_DAYS = 1_209_600
_DEFAULT_ID = "ProcessingPlatform"
_defaults: WeakKeyDictionary[Stack, ProcessingPlatform] = WeakKeyDictionary()


class IProcessingPlatform(Protocol):
    """What a job needs of a platform, created in this app or imported.

    A class of your own that has these members is a platform: ``ProcessingJob(..., platform=CompanyPlatform(...))``. Its
    queue's policy must admit ``events.amazonaws.com`` (``sqs:SendMessage``), its topic's ``cloudwatch.amazonaws.com``
    (``sns:Publish``), and its key's both of them (``kms:Decrypt``, ``kms:GenerateDataKey``), as those of
    :class:`ProcessingPlatform` do. Members that no job asks for may raise.
    """

    @property
    def key_arn(self) -> str:
        """ARN of the key that encrypts the queue, the topic, the logs and the table."""

    @property
    def dead_letter_queue_arn(self) -> str:
        """ARN of the dead-letter queue."""

    @property
    def dead_letter_queue_url(self) -> str:
        """URL of the dead-letter queue."""

    @property
    def alert_topic_arn(self) -> str:
        """ARN of the topic that gets the alarms."""

    @property
    def log_group_arn(self) -> str:
        """ARN of the log group of the state machines."""

    @property
    def table_arn(self) -> str:
        """ARN of the table in which runs of a job know of each other."""

    @property
    def table_name(self) -> str:
        """Name of the table in which runs of a job know of each other. Its partition key is the text ``id``."""

    @property
    def work_bucket(self) -> Bucket:
        """Where manifests are written: an ``s3.IBucket``."""

    @property
    def data_bucket(self) -> Bucket:
        """Where outputs go that name no destination: an ``s3.IBucket``."""

    @property
    def role_standards(self) -> RoleStandards:
        """What the roles of the jobs have in common; ``RoleStandards()`` for nothing."""


def is_platform(given: object) -> bool:
    """Whether something has what a job needs of a platform."""
    return not _missing_members(given)


def platform_problems(platform: object) -> list[Problem]:
    """What is wrong with the platform that a job is given; None means the stack's own."""
    if platform is None:
        return []
    missing = _missing_members(platform)
    if not missing:
        return _queue_problems(platform)
    if len(missing) == len(_MEMBERS):
        fix = "leave it out for the stack's own, or pass ProcessingPlatform(stack, 'Platform')"
        return [Problem("platform", platform, "a ProcessingPlatform", fix)]
    allowed = "a ProcessingPlatform, or have all members of IProcessingPlatform"
    return [Problem("platform", platform, allowed, f"add {', '.join(missing)} to {type(platform).__name__}")]


_MEMBERS = sorted(name for name in vars(IProcessingPlatform) if not name.startswith("_"))


def _missing_members(given: object) -> list[str]:
    """What something lacks of a platform; looks at its type, because asking may make resources."""
    return [name for name in _MEMBERS if not hasattr(type(given), name) and name not in getattr(given, "__dict__", {})]


def _queue_problems(platform: Any) -> list[Problem]:
    queue = platform.dead_letter_queue_arn
    if isinstance(queue, str) and queue.endswith(".fifo"):
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
        fix = "name a standard queue: EventBridge and Scheduler send no dead letters to a FIFO queue"
        return [Problem("platform.dead_letter_queue_arn", queue, "the ARN of a standard queue", fix)]
    return []


class ProcessingPlatform(Construct):
    """The key, queue, topic, log group and buckets that jobs share. A stack gets one if its jobs name none.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        encryption_key: A ``kms.IKey`` for the queue, the topic, the logs, the table and the platform's buckets. The
            services that need it are admitted in its policy. Left out, a key is made.
        permissions_boundary: An ``iam.IManagedPolicy`` or the ARN of one, for all roles of the jobs. Left out, none.
        role_path: The path of all roles of the jobs, such as ``/data/``. Left out, ``/``.
        role_name_prefix: 1-32 characters that the names of all roles of the jobs begin with. Left out, CloudFormation
            makes the names.
        standards: What the jobs must be. Synth rejects a job that breaks a rule, and the roles that create processing
            jobs are denied what SageMaker has a condition key for. Left out, all jobs are allowed.

    Raises:
        DeclarationError: An argument is not what it must be.

    Example:
        >>> import aws_cdk
        >>> stack = aws_cdk.Stack(aws_cdk.App(), "Census")
        >>> platform = ProcessingPlatform(stack, "Platform", role_path="/data/", role_name_prefix="data-")
        >>> platform.node.path
        'Census/Platform'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        encryption_key: Key | None = None,
        permissions_boundary: ManagedPolicy | str | None = None,
        role_path: str | None = None,
        role_name_prefix: str | None = None,
        standards: Standards | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        #: What the roles of the jobs have in common.
        self.role_standards: RoleStandards = RoleStandards(permissions_boundary, role_path, role_name_prefix)
        #: What the jobs must be; None for no standards.
        self.standards: Standards | None = standards
        problems = self.role_standards.problems() + shared_key_problems(encryption_key, self)
        problems += standards_problems(standards)
        if problems:
            raise DeclarationError(path_of(self), [problem.on(construct_id) for problem in problems])
        self._given_key = encryption_key
        self.key_arn: str = self._prepare_key(encryption_key)
        self._queue = self._make_queue()
        self._topic = self._make_topic()
        self._log_group = self._make_log_group()
        self.dead_letter_queue_arn: str = self._queue.attribute("Arn")
        self.dead_letter_queue_url: str = self._queue.attribute("ref")
        self.alert_topic_arn: str = self._topic.attribute("ref")
        self.log_group_arn: str = self._log_group.attribute("Arn")
        queue_name = self._queue.attribute("QueueName")
        alarm_on_dead_letters(self, "DeadLettersAlarm", queue_name=queue_name, topic_arn=self.alert_topic_arn)

    @classmethod
    def of(cls, scope: Construct) -> ProcessingPlatform:
        """The platform of the scope's stack; created if there is none yet."""
        stack = stack_of(scope)
        if stack not in _defaults:
            found = stack.node.try_find_child(_DEFAULT_ID)
            _defaults[stack] = found if isinstance(found, ProcessingPlatform) else cls(stack, _DEFAULT_ID)
        return _defaults[stack]

    @cached_property
    def key(self) -> kms.IKey:
        """The key that encrypts the queue, the topic, the logs, the table and the platform's buckets."""
        from aws_cdk import aws_kms

        if self._given_key is not None:
            return cast("kms.IKey", self._given_key)
        return aws_kms.Key.from_key_arn(self, "ImportedKey", self.key_arn)

    @cached_property
    def dead_letter_queue(self) -> sqs.IQueue:
        """The dead-letter queue: each message is a failed run with its event and the reason, kept for 14 days."""
        from aws_cdk import aws_sqs

        return aws_sqs.Queue.from_queue_arn(self, "ImportedDeadLetters", self.dead_letter_queue_arn)

    @cached_property
    def alert_topic(self) -> sns.ITopic:
        """The topic that gets the alarms. Subscribe to it."""
        from aws_cdk import aws_sns

        return aws_sns.Topic.from_topic_arn(self, "ImportedAlerts", self.alert_topic_arn)

    @cached_property
    def work_bucket(self) -> DataBucket:
        """The bucket for manifests, created when the first job needs it. A manifest is deleted after 30 days."""
        from aws_cdk import Duration
        from aws_cdk import aws_s3 as s3

        from cdk_processing.constructs.bucket import DataBucket

        expiry = s3.LifecycleRule(
            id="DropManifests", expiration=Duration.days(30), noncurrent_version_expiration=Duration.days(1)
        )
        return DataBucket(self, "Work", encryption_key=self.key, lifecycle_rules=[expiry])

    @cached_property
    def data_bucket(self) -> DataBucket:
        """The bucket for outputs without a destination, created when the first job needs it."""
        from cdk_processing.constructs.bucket import DataBucket

        return DataBucket(self, "Data", encryption_key=self.key)

    @property
    def table_arn(self) -> str:
        """ARN of the table in which runs of a job know of each other."""
        return arn_of(self._table)

    @property
    def table_name(self) -> str:
        """Name of the table in which runs of a job know of each other."""
        return self._table.attribute("ref")

    @cached_property
    def _table(self) -> TypedResource:
        """The table of turns and newest arrivals, created when the first trigger needs it."""
        made = resource(
            self,
            "Turns",
            "AWS::DynamoDB::Table",
            {
                "AttributeDefinitions": [{"AttributeName": ITEM_ID, "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": ITEM_ID, "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
                "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": self.key_arn},
                "TimeToLiveSpecification": {"AttributeName": EXPIRES, "Enabled": True},
            },
        )
        reason = "It holds the current runs and the newest arrivals. An earlier state of it is of no use."
        acknowledge(made, self, "AwsSolutions-DDB3", reason)
        return made

    def _prepare_key(self, given: Key | None) -> str:
        """ARN of the key: one that is given and admits the services, or one that is made."""
        if given is not None:
            admit_services(given, self)
            return str(key_name(given))
        made = resource(
            self,
            "Key",
            "AWS::KMS::Key",
            {
                "Description": f"What the processing jobs under {known_as(self)} share",
                "EnableKeyRotation": True,
                "KeyPolicy": {"Version": "2012-10-17", "Statement": key_statements()},
            },
        )
        return made.attribute("Arn")

    def _make_queue(self) -> TypedResource:
        queue = resource(
            self,
            "DeadLetters",
            "AWS::SQS::Queue",
            {"KmsMasterKeyId": self.key_arn, "MessageRetentionPeriod": _FOURTEEN_DAYS},
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
        topic = resource(self, "Alerts", "AWS::SNS::Topic", {"KmsMasterKeyId": self.key_arn})
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
                "KmsKeyId": self.key_arn,
                "RetentionInDays": 90,
            },
        )


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
