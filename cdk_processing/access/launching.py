"""Permissions to launch a job: of the state machine's role, and of the role that triggers use to start executions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdk_processing.access.keys import key_statements, through_service
from cdk_processing.access.statement import Place, Statement, literal
from cdk_processing.contract.names import job_pattern

__all__ = [
    "LaunchAccess",
    "common_workflow_statements",
    "send_dead_letters",
    "start_statements",
    "workflow_statements",
]

#: Step Functions creates this rule itself, to be notified when a job ends.
SYNC_RULE = "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"


@dataclass(frozen=True, slots=True)
class LaunchAccess:
    """The values that the policies of the launching roles are built from.

    Attributes:
        place: Where the job runs.
        base_name: The prefix of its job names.
        execution_role_arn: The role that the job runs as.
        queue_arn: The dead-letter queue.
        key_arn: The key that encrypts the queue and the table; None if AWS's own keys do.
        manifests: Where the state machine writes manifests: a bucket's ARN and a prefix; None if it writes none.
        manifest_key: The key that encrypts the manifests; None if S3 manages it.
        admitting: The statements that the job's admissions need.
        announces: Whether a successful run puts an event on the event bus for other jobs.
    """

    place: Place
    base_name: str
    execution_role_arn: str
    queue_arn: str
    key_arn: str | None
    manifests: str | None = None
    manifest_key: str | None = None
    admitting: Sequence[Statement] = ()
    announces: bool = False


def workflow_statements(access: LaunchAccess) -> list[Statement]:
    """The statements of the state machine's role.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html#connect-sagemaker-iam
    """
    return [
        *_run_jobs(access),
        *_write_manifests(access),
        *access.admitting,
        *_announce(access),
        *common_workflow_statements(access),
    ]


def common_workflow_statements(access: LaunchAccess) -> list[Statement]:
    """The statements that the roles of all state machines of a platform have alike."""
    return [_list_tags(), _hear_jobs_end(access.place), *send_dead_letters(access), _deliver_logs()]


def start_statements(state_machine_arn: str) -> list[Statement]:
    """The statements of the role that EventBridge and EventBridge Scheduler use to start executions."""
    return [Statement("StartRuns", ["states:StartExecution"], [state_machine_arn])]


def send_dead_letters(access: LaunchAccess) -> Iterator[Statement]:
    """The statements to send messages to the encrypted dead-letter queue."""
    yield Statement("SendDeadLetters", ["sqs:SendMessage"], [access.queue_arn])
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    if access.key_arn is not None:
        actions = ["kms:GenerateDataKey", "kms:Decrypt"]
        yield Statement("EncryptDeadLetters", actions, [access.key_arn], through_service("sqs"))


def _run_jobs(access: LaunchAccess) -> Iterator[Statement]:
    yield Statement(
        "RunJobs",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateProcessingJob",
            "sagemaker:DescribeProcessingJob",
            "sagemaker:StopProcessingJob",
        ],
        [access.place.arn("sagemaker", f"processing-job/{job_pattern(access.base_name)}")],
        wildcard_reason="Every run is a job with a name of its own; the pattern covers this job's names only.",
    )
    yield Statement(
        "PassExecutionRole",
        ["iam:PassRole"],
        [access.execution_role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def _list_tags() -> Statement:
    return Statement(
        "ListTags",
        ["sagemaker:ListTags"],
        ["*"],
        wildcard_reason="Step Functions documents * for its .sync integration; the action only reads tags.",
    )


def _hear_jobs_end(place: Place) -> Statement:
    actions = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
    return Statement("HearJobsEnd", actions, [place.arn("events", SYNC_RULE)])


def _write_manifests(access: LaunchAccess) -> Iterator[Statement]:
    if access.manifests is not None:
        yield Statement(
            "WriteManifests",
            ["s3:PutObject"],
            [f"{literal(access.manifests)}*"],
            wildcard_reason="Each run writes a manifest of its own, below this job's prefix.",
        )
        keys = [access.manifest_key] if access.manifest_key else []
        through_s3 = through_service("s3")
        yield from key_statements(access.place, "EncryptManifests", ["kms:GenerateDataKey"], keys, through_s3)


def _announce(access: LaunchAccess) -> Iterator[Statement]:
    if access.announces:
        yield Statement("Announce", ["events:PutEvents"], [access.place.arn("events", "event-bus/default")])


def _deliver_logs() -> Statement:
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
    return Statement(
        "DeliverLogs",
        [
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
        ["*"],
        wildcard_reason="CloudWatch's log delivery API takes no resource; this is the policy that AWS documents.",
    )
