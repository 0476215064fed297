"""The permissions of a state machine's role beyond the calls of its tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import Principal
from cdk_processing.local.aws.iam.trust import service_may_assume

__all__ = ["start_denial", "sync_denial"]

# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
_LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
_SYNC_RULE = "StepFunctionsGetEventsForSageMakerProcessingJobsRule"


def start_denial(machine: Mapping[str, Any], role: Principal) -> str | None:
    """Why AWS would not create a state machine: its role's trust policy, or log delivery. None if it would."""
    account, region = ministack.scope()
    role_arn, arn = machine["roleArn"], machine["stateMachineArn"]
    services = ("states.amazonaws.com", f"states.{region}.amazonaws.com")
    if not any(service_may_assume(role_arn, service, account, arn) for service in services):
        return (
            "AccessDeniedException: Neither the global service principal states.amazonaws.com, nor the regional one is "
            f"authorized to assume the provided role {role_arn}."
        )
    logging = machine.get("loggingConfiguration") or {}
    # MiniStack keeps CloudFormation's spelling.
    if logging.get("destinations") or logging.get("Destinations"):
        for action in _LOG_DELIVERY:
            denial = role.denial(action, "*")
            if denial is not None:
                return (
                    "AccessDeniedException: The state machine IAM Role is not authorized to access the Log "
                    f"Destination. {denial}"
                )
    return None


def sync_denial(role: Principal, job_arn: str) -> str | None:
    """What ``createProcessingJob.sync`` needs beyond creating the job: to describe and stop it, and a managed rule."""
    for action, resource in _sync_needs(job_arn):
        denial = role.denial(action, resource)
        if denial is not None:
            return denial
    return None


def _sync_needs(job_arn: str) -> Iterator[tuple[str, str]]:
    account, region = ministack.scope()
    rule = f"arn:aws:events:{region}:{account}:rule/{_SYNC_RULE}"
    yield from ((f"sagemaker:{verb}ProcessingJob", job_arn) for verb in ("Describe", "Stop"))
    yield "sagemaker:AddTags", job_arn
    yield "sagemaker:ListTags", "*"
    yield from ((f"events:{verb}", rule) for verb in ("PutTargets", "PutRule", "DescribeRule"))
