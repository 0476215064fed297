"""What a job needs of a platform, whoever made it; and what is wrong with something that is given as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from constructs import Construct

from cdk_processing.constructs.imported_platform import foreign_stack_problems
from cdk_processing.constructs.roles import RoleStandards
from cdk_processing.errors import Problem
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.types import Bucket

__all__ = ["IProcessingPlatform", "is_platform", "platform_problems"]


class IProcessingPlatform(Protocol):
    """What a job needs of a platform, created in this app or imported.

    A class of your own that has these members is a platform: ``ProcessingJob(..., platform=CompanyPlatform(...))``. Its
    queue's policy must admit ``events.amazonaws.com`` (``sqs:SendMessage``), its topic's ``cloudwatch.amazonaws.com``
    (``sns:Publish``), and its key's both of them (``kms:Decrypt``, ``kms:GenerateDataKey``), as those of
    :class:`ProcessingPlatform` do. Members that no job asks for may raise.
    """

    @property
    def key_arn(self) -> str | None:
        """ARN of the key that encrypts the queue, the topic, the logs and the table; None if AWS's own keys do."""

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

    @property
    def network_config(self) -> NetworkConfig | None:
        """Subnets and security groups of the jobs that name none; None for no VPC. No more of it counts."""

    @property
    def job_tags(self) -> Mapping[str, str]:
        """Tags of all jobs, of their resources and of their processing jobs; ``{}`` for none."""


def is_platform(given: object) -> bool:
    """Whether something has what a job needs of a platform."""
    return not _missing_members(given)


def platform_problems(platform: object, job: Construct) -> list[Problem]:
    """What is wrong with the platform that a job is given; None means the stack's own."""
    if platform is None:
        return []
    missing = _missing_members(platform)
    if not missing:
        return foreign_stack_problems(platform, job) or _queue_problems(platform)
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
