"""What jobs share: a key, a dead-letter queue, a topic for alerts, logs, a network, and settings of their roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast
from weakref import WeakKeyDictionary

from aws_cdk import Stack
from constructs import Construct

from cdk_processing.constructs.alarms import alarm_on_dead_letters
from cdk_processing.constructs.alerts import admit_alarms, email_problems, make_topic, subscribe_emails, topic_problems
from cdk_processing.constructs.budgets import TeamBudget, budget_problems, make_budgets
from cdk_processing.constructs.capacity import make_line_machine, max_instances_problems
from cdk_processing.constructs.chat_channels import SlackChannel, TeamsChannel, channel_problems, subscribe_channels
from cdk_processing.constructs.imported_platform import ImportedPlatform
from cdk_processing.constructs.naming import claim_platform_name
from cdk_processing.constructs.network import network_problems, shared_network
from cdk_processing.constructs.platform_export import export_platform
from cdk_processing.constructs.platform_stores import (
    LOG_RETENTION_DAYS,
    make_key,
    make_log_group,
    make_queue,
    make_table,
)
from cdk_processing.constructs.removal import removal_policy_problems, removes_data
from cdk_processing.constructs.resources import arn_of, path_of, place_of, stack_of
from cdk_processing.constructs.roles import ManagedPolicy, RoleStandards
from cdk_processing.constructs.service_key import admit_services, shared_key_problems
from cdk_processing.constructs.shared_tags import CostAllocation, add_tags, shared_tags, tags_problems
from cdk_processing.constructs.standards import standards_problems
from cdk_processing.constructs.typed import TypedResource
from cdk_processing.contract.platform_parameters import PlatformValue, platform_name_problems
from cdk_processing.contract.texts import digest
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.keys import key_name
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.types import Bucket, Key, ListOf, SecurityGroup, Subnet, SubnetSelection, Topic, Vpc
from cdk_processing.standards.standards import Standards

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from cdk_processing.constructs.bucket import DataBucket

__all__ = ["ProcessingPlatform"]

_DEFAULT_ID = "ProcessingPlatform"
_AWS_OWNED = "aws-owned"
_defaults: WeakKeyDictionary[Stack, ProcessingPlatform] = WeakKeyDictionary()


class ProcessingPlatform(Construct):
    """The key, queue, topic, log group and buckets that jobs share. A stack gets one if its jobs name none.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        name: 1-63 letters, digits, ``_``, ``-`` and ``.``, by which other stacks of the account and region use the
            platform (:meth:`from_name`). They find it by SSM parameters. Left out, only stacks of this app use it.
        encryption_key: A ``kms.IKey`` for the queue, the topic, the logs, the table and the platform's buckets. The
            services that need it are admitted in its policy. Left out, a key is made. ``"aws-owned"`` for no KMS key:
            SSE-SQS, SSE-S3, and what the other services encrypt with by themselves. The topic then has no key, because
            alarms cannot publish to a topic with AWS's own key ``aws/sns``.
        alert_topic: An ``sns.ITopic`` that gets the alarms. Left out, a topic is made.
        alert_emails: Addresses that get the alarms. SNS asks each of them to confirm.
        alert_channels: Chat channels that get the alarms.
        log_retention_days: How long the logs of the state machines are kept, one of the numbers that CloudWatch takes.
        vpc: The ``ec2.IVpc`` of the hosts of all jobs whose ``network_config`` names no VPC, subnets and groups.
            Whether their containers have a network stays as it is without. Left out, no VPC.
        subnets: 1-16 subnets, or an ``ec2.SubnetSelection`` of ``vpc``. Left out beside ``vpc``, its private subnets.
        security_group_ids: 1-5 security groups or ids. Left out beside ``vpc``, one is made for all jobs: all traffic
            may leave, and only hosts in the group may enter.
        permissions_boundary: An ``iam.IManagedPolicy`` or the ARN of one, for all roles of the jobs. Left out, none.
        role_path: The path of all roles of the jobs, such as ``/data/``. Left out, ``/``.
        role_name_prefix: 1-32 characters that the names of all roles of the jobs begin with. Left out, CloudFormation
            makes the names.
        standards: What the jobs must be. Synth rejects a job that breaks a rule, and the roles that create processing
            jobs are denied what SageMaker has a condition key for. Left out, all jobs are allowed.
        tags: Tags of the platform, of its jobs, their resources and their processing jobs. Where the app tags one of
            them itself with the same key, that tag holds.
        cost_allocation: Who pays; tags like the others.
        server_access_logs_bucket: The ``s3.IBucket`` that gets the logs of requests to the platform's buckets. The keys
            of the logs begin with a bucket's construct path. Left out, S3 writes none.
        budgets: What each team may spend in a month. The topic gets an alert of the team that spends more.
        max_instances: How many instances the processing jobs of all stacks use at once, such as the account's quota. A
            run waits for its turn until as many instances as it needs are free, two weeks at most. The first that came
            is the first that runs, so small runs do not pass a large one. Left out, no limit.
        removal_policy: What happens to the key, the dead letters, the logs and the buckets when the stack is deleted.
            Left out, they stay. ``RemovalPolicy.DESTROY`` deletes them, and the buckets' objects, if the context
            ``cdk-processing:remove-data`` is true too.

    Raises:
        DeclarationError: An argument is not what it must be. The error lists all problems.

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
        name: str | None = None,
        encryption_key: Key | Literal["aws-owned"] | None = None,
        alert_topic: Topic | None = None,
        alert_emails: ListOf[str] = (),
        alert_channels: ListOf[SlackChannel | TeamsChannel] = (),
        log_retention_days: int = 90,
        vpc: Vpc | None = None,
        subnets: ListOf[Subnet | str] | SubnetSelection | None = None,
        security_group_ids: ListOf[SecurityGroup | str] | None = None,
        permissions_boundary: ManagedPolicy | str | None = None,
        role_path: str | None = None,
        role_name_prefix: str | None = None,
        standards: Standards | None = None,
        tags: Mapping[str, str] | None = None,
        cost_allocation: CostAllocation | None = None,
        server_access_logs_bucket: Bucket | None = None,
        budgets: ListOf[TeamBudget] = (),
        max_instances: int | None = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        #: What the roles of the jobs have in common.
        self.role_standards: RoleStandards = RoleStandards(permissions_boundary, role_path, role_name_prefix)
        #: What the jobs must be; None for no standards.
        self.standards: Standards | None = standards
        network = NetworkConfig(vpc=vpc, subnets=subnets, security_group_ids=security_group_ids)
        problems = [
            *([] if name is None else platform_name_problems(name) or claim_platform_name(self, name)),
            *self.role_standards.problems(),
            *([] if encryption_key == _AWS_OWNED else shared_key_problems(encryption_key, self)),
            *topic_problems(alert_topic, self),
            *email_problems(alert_emails),
            *channel_problems(alert_channels, place_of(stack_of(self)).region),
            *_retention_problems(log_retention_days),
            *_network_problems(network),
            *standards_problems(standards),
            *tags_problems(tags, cost_allocation),
            *max_instances_problems(max_instances),
            *_logs_problems(server_access_logs_bucket),
            *budget_problems(budgets, place_of(stack_of(self)).region),
            *removal_policy_problems(removal_policy),
        ]
        if problems:
            raise DeclarationError(path_of(self), [problem.on(construct_id) for problem in problems])
        #: How many instances the jobs use at once; None for no limit.
        self.max_instances: int | None = max_instances
        self._removes_data = removes_data(self, removal_policy)
        self._access_logs = server_access_logs_bucket
        self._given_key = None if isinstance(encryption_key, str) else encryption_key
        #: ARN of the key that encrypts the queue, the topic, the logs and the table; None if AWS's own keys do.
        self.key_arn: str | None = self._prepare_key(encryption_key, with_budgets=bool(budgets))
        self._queue = make_queue(self, self.key_arn, removes_data=self._removes_data)
        self.dead_letter_queue_arn: str = arn_of(self._queue)
        self.dead_letter_queue_url: str = self._queue.attribute("ref")
        self.alert_topic_arn: str = (
            make_topic(self, self.key_arn, with_budgets=bool(budgets))
            if alert_topic is None
            else admit_alarms(alert_topic, self, with_budgets=bool(budgets))
        )
        subscribe_emails(self, alert_emails, self.alert_topic_arn)
        make_budgets(self, budgets, self.alert_topic_arn)
        subscribe_channels(self, alert_channels, self.alert_topic_arn, self.role_standards)
        self.log_group_arn: str = make_log_group(
            self, self.key_arn, log_retention_days, removes_data=self._removes_data
        )
        alarm_on_dead_letters(
            self, "DeadLettersAlarm", queue_name=self._queue.attribute("QueueName"), topic_arn=self.alert_topic_arn
        )
        #: Subnets and security groups of the jobs that name none; None for no VPC.
        self.network_config: NetworkConfig | None = shared_network(network, self)
        #: Tags of all jobs.
        self.job_tags: Mapping[str, str] = shared_tags(tags, cost_allocation)
        add_tags(self, self.job_tags)
        if name is not None:
            export_platform(self, name, self._exported(cost_allocation))

    @staticmethod
    def from_name(
        scope: Construct,
        construct_id: str,
        name: str,
        *,
        in_vpc: bool = False,
        tags: Mapping[str, str] | None = None,
        cost_allocation: CostAllocation | None = None,
        standards: Standards | None = None,
        has_max_instances: bool = False,
    ) -> ImportedPlatform:
        """The platform that has been deployed with a name in the account and region of the scope's stack.

        CloudFormation reads what the stack needs of it at each deployment. Nothing is looked up at synth, and neither
        stack locks the other. If there is no such platform, the deployment fails and names the missing parameter.

        Args:
            scope: The parent construct, in the stack of the jobs.
            construct_id: The construct's id.
            name: The platform's name.
            in_vpc: Whether the platform has a VPC. The deployment fails if it is otherwise.
            tags: Tags of the jobs. Those of the platform are on the platform alone, because a template has its keys at
                synth.
            cost_allocation: Who pays for the jobs. The deployment fails if the platform has one and this is left out.
            standards: What the jobs must be. The deployment fails if the platform has standards and this is left out.
                Synth judges the jobs, so give the same value as to the platform, such as one of a package that both
                apps install.
            has_max_instances: Whether the platform limits the instances that work at once (``max_instances=``). The
                runs of this stack then wait for their turn too. Left out, they do not wait, and do not count.

        Raises:
            DeclarationError: An argument is not what it must be.

        Example:
            >>> import aws_cdk
            >>> stack = aws_cdk.Stack(aws_cdk.App(), "Census")
            >>> ProcessingPlatform.from_name(stack, "Platform", "data").node.path
            'Census/Platform'
        """
        return ImportedPlatform(
            scope,
            construct_id,
            name,
            in_vpc=in_vpc,
            tags=tags,
            cost_allocation=cost_allocation,
            standards=standards,
            has_max_instances=has_max_instances,
        )

    @classmethod
    def of(cls, scope: Construct) -> ProcessingPlatform:
        """The platform of the scope's stack; created if there is none yet."""
        stack = stack_of(scope)
        if stack not in _defaults:
            found = stack.node.try_find_child(_DEFAULT_ID)
            _defaults[stack] = found if isinstance(found, ProcessingPlatform) else cls(stack, _DEFAULT_ID)
        return _defaults[stack]

    @cached_property
    def key(self) -> kms.IKey | None:
        """The key that encrypts the queue, the topic, the logs, the table and the platform's buckets, if there is one.

        None with ``encryption_key="aws-owned"``.
        """
        from aws_cdk import aws_kms

        if self._given_key is not None:
            return cast("kms.IKey", self._given_key)
        return None if self.key_arn is None else aws_kms.Key.from_key_arn(self, "ImportedKey", self.key_arn)

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

    # Type checkers take a cached_property for no property of a protocol, so what a job needs is a property.

    @property
    def work_bucket(self) -> DataBucket:
        """The bucket for manifests, created when the first job needs it. A manifest is deleted after 30 days."""
        return self._work

    @cached_property
    def _work(self) -> DataBucket:
        from aws_cdk import Duration
        from aws_cdk import aws_s3 as s3

        expiry = s3.LifecycleRule(
            id="DropManifests", expiration=Duration.days(30), noncurrent_version_expiration=Duration.days(1)
        )
        return self._make_bucket("Work", lifecycle_rules=[expiry])

    @property
    def data_bucket(self) -> DataBucket:
        """The bucket for outputs without a destination, created when the first job needs it."""
        return self._data

    @cached_property
    def _data(self) -> DataBucket:
        return self._make_bucket("Data")

    @property
    def table_arn(self) -> str:
        """ARN of the table in which runs of a job know of each other."""
        return arn_of(self._table)

    @property
    def table_name(self) -> str:
        """Name of the table in which runs of a job know of each other."""
        return self._table.attribute("ref")

    @property
    def has_max_instances(self) -> bool:
        """Whether runs wait until there are instances for them."""
        return self.max_instances is not None

    @property
    def line_machine_arn(self) -> str:
        """ARN of the state machine that keeps the lines of runs that wait, created when the first job needs it."""
        return self._line_machine

    @cached_property
    def _line_machine(self) -> str:
        return make_line_machine(
            self,
            table_arn=self.table_arn,
            table_name=self.table_name,
            key_arn=self.key_arn,
            max_instances=self.max_instances,
            standards=self.role_standards,
        )

    @cached_property
    def _table(self) -> TypedResource:
        """The table of turns and newest arrivals, created when the first trigger needs it."""
        return make_table(self, self.key_arn)

    def _exported(self, cost_allocation: CostAllocation | None) -> dict[PlatformValue, str | list[str] | None]:
        """What other stacks need; the buckets, the table and the state machine for lines are made for them."""
        network, roles = self.network_config, self.role_standards
        return {
            PlatformValue.KEY_ARN: self.key_arn or place_of(stack_of(self)).arn("kms", "key/aws-owned"),
            PlatformValue.DEAD_LETTER_QUEUE_ARN: self.dead_letter_queue_arn,
            PlatformValue.DEAD_LETTER_QUEUE_URL: self.dead_letter_queue_url,
            PlatformValue.ALERT_TOPIC_ARN: self.alert_topic_arn,
            PlatformValue.LOG_GROUP_ARN: self.log_group_arn,
            PlatformValue.TABLE_ARN: self.table_arn,
            PlatformValue.TABLE_NAME: self.table_name,
            PlatformValue.LINE_MACHINE_ARN: self.line_machine_arn,
            PlatformValue.WORK_BUCKET_NAME: self.work_bucket.bucket_name,
            PlatformValue.DATA_BUCKET_NAME: self.data_bucket.bucket_name,
            PlatformValue.PERMISSIONS_BOUNDARY: roles.boundary_arn,
            PlatformValue.ROLE_PATH: roles.role_path or "/",
            PlatformValue.ROLE_PATH_MARK: digest(roles.role_path or "/")[:4],
            PlatformValue.ROLE_NAME_PREFIX: roles.role_name_prefix,
            PlatformValue.NETWORK: None if network is None else "vpc",
            PlatformValue.SUBNET_IDS: None if network is None else network.ids("subnets"),
            PlatformValue.SECURITY_GROUP_IDS: None if network is None else network.ids("security_group_ids"),
            PlatformValue.COST_ALLOCATION: None if cost_allocation is None else "required",
            PlatformValue.STANDARDS: None if self.standards is None else "required",
        }

    def _make_bucket(self, construct_id: str, **options: Any) -> DataBucket:
        from aws_cdk import RemovalPolicy

        from cdk_processing.constructs.bucket import DataBucket

        if self._removes_data:
            options |= {"removal_policy": RemovalPolicy.DESTROY, "auto_delete_objects": True}
        if self._access_logs is not None:
            options |= {
                "server_access_logs_bucket": self._access_logs,
                "server_access_logs_prefix": f"{path_of(self)}/{construct_id}/",
            }
        return DataBucket(self, construct_id, encryption_key=self.key, **options)

    def _prepare_key(self, given: Key | str | None, *, with_budgets: bool) -> str | None:
        """ARN of the key: one that is given and admits the services, or one that is made; None for AWS's own keys."""
        if given is None:
            return make_key(self, removes_data=self._removes_data, with_budgets=with_budgets)
        if isinstance(given, str):
            return None
        admit_services(given, self, with_budgets=with_budgets)
        return str(key_name(given))


def _network_problems(network: NetworkConfig) -> list[Problem]:
    """Problems of ``vpc``, ``subnets`` and ``security_group_ids``, which are arguments of the platform itself."""
    found = network.problems() or network_problems(network, "")
    return [replace(problem, fix=problem.fix.replace(" on NetworkConfig", "")) for problem in found]


def _logs_problems(bucket: object) -> Iterator[Problem]:
    if bucket is not None and not hasattr(bucket, "bucket_arn"):
        fix = 'write s3.Bucket.from_bucket_name(stack, "AccessLogs", "name")'
        yield Problem("server_access_logs_bucket", bucket, "an s3.IBucket", fix)


def _retention_problems(days: object) -> Iterator[Problem]:
    if days not in LOG_RETENTION_DAYS or isinstance(days, bool):
        longer = [each for each in LOG_RETENTION_DAYS if isinstance(days, int) and each > days]
        fix = f"write {min(longer) if longer else max(LOG_RETENTION_DAYS)}"
        yield Problem("log_retention_days", days, f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}", fix)
