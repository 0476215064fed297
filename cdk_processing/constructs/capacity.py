"""Limits on how much works at once: ``max_concurrency`` of a job and ``max_instances`` of a platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from constructs import Construct

from cdk_processing.constructs.pseudo_parameters import partition_token
from cdk_processing.constructs.resources import acknowledge, arn_of, known_as, place_of, resource, role, stack_of
from cdk_processing.constructs.roles import RoleStandards
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_number_token, is_token
from cdk_processing.workflow.capacity import Capacity
from cdk_processing.workflow.line import MOST_AT_ONCE, line_definition, line_statements

if TYPE_CHECKING:
    from cdk_processing.request.request import ProcessingRequest

__all__ = ["capacity_of", "capacity_problems", "make_line_machine", "max_instances_problems"]

_MOST_INSTANCES = 100_000
_NO_LOGS = (
    "A call writes nothing but its place in a line, and the history of the run that calls has each answer and error. "
    "Logs of all events would cost more than the calls."
)
_NO_TRACING = "It calls DynamoDB and Step Functions alone, and the run that calls knows when each call began and ended."


def _limit_problems(name: str, limit: object, most: int) -> list[Problem]:
    """What is wrong with a limit; None means no limit."""
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= most):
        return []
    fix = "leave it out for no limit"
    if is_number_token(limit) or is_token(limit):
        fix = "write the number: synth compares it with the instances of jobs"
    return [Problem(name, limit, f"a whole number from 1 to {most:,}", fix)]


def max_instances_problems(limit: object) -> list[Problem]:
    """What is wrong with a platform's limit."""
    return _limit_problems("max_instances", limit, _MOST_INSTANCES)


def capacity_problems(max_concurrency: object, platform: Any, request: ProcessingRequest) -> list[Problem]:
    """What is wrong with a job's limit, and with its instances beside the limit of its platform.

    Args:
        max_concurrency: The job's limit.
        platform: The job's platform; None for the stack's own, which has no limit.
        request: What the job runs.
    """
    found = _limit_problems("max_concurrency", max_concurrency, MOST_AT_ONCE)
    keeps_lines = hasattr(type(platform), "line_machine_arn") or "line_machine_arn" in getattr(platform, "__dict__", {})
    if max_concurrency is not None and platform is not None and not keeps_lines:
        allowed = "left out: the platform keeps no lines"
        fix = "pass a ProcessingPlatform, or add line_machine_arn to your class"
        found.append(Problem("max_concurrency", max_concurrency, allowed, fix))
    most, count = getattr(platform, "max_instances", None), request.processor.instance_count
    if most is not None and isinstance(count, int) and not is_number_token(count) and count > most:
        allowed = f"at most {most}, as max_instances of the platform says"
        found.append(Problem("instance_count", count, allowed, "lower it, or raise max_instances"))
    return found


def capacity_of(max_concurrency: int | None, platform: Any, request: ProcessingRequest) -> Capacity | None:
    """The limits that a job's runs wait for; None if there are none.

    Args:
        max_concurrency: The job's limit.
        platform: The job's platform.
        request: What the job runs.
    """
    is_limited = getattr(platform, "has_max_instances", False)
    if max_concurrency is None and not is_limited:
        return None
    instances = request.processor.instance_count if is_limited else None
    return Capacity(platform.line_machine_arn, max_concurrency, instances)


def make_line_machine(
    platform: Construct,
    *,
    table_arn: str,
    table_name: str,
    key_arn: str | None,
    max_instances: int | None,
    standards: RoleStandards,
) -> str:
    """Make the state machine that keeps lines, and its role; returns its ARN.

    Args:
        platform: The platform.
        table_arn: Its table.
        table_name: The table's name.
        key_arn: The key that encrypts the table; None if DynamoDB's own does.
        max_instances: The platform's limit; None for no limit.
        standards: What the roles of the platform have in common.
    """
    made_role = role(
        platform,
        "LineRole",
        services=["states.amazonaws.com"],
        statements=line_statements(place_of(stack_of(platform)), table_arn, key_arn),
        description=f"Keeps the lines of runs that wait, for {known_as(platform)}",
        standards=standards,
    )
    definition = line_definition(partition_token(), table_name, max_instances)
    made = resource(
        platform,
        "Line",
        "AWS::StepFunctions::StateMachine",
        {
            "StateMachineType": "EXPRESS",
            "DefinitionString": json.dumps(definition, separators=(",", ":")),
            "RoleArn": arn_of(made_role),
        },
    )
    acknowledge(made, platform, _NO_LOGS, "AwsSolutions-SF1")
    acknowledge(made, platform, _NO_TRACING, "AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray")
    return made.attribute("ref")
