"""What went wrong with a job, told from what Step Functions reports of it."""

from __future__ import annotations

from typing import Any

from cdk_processing.workflow.jsonata import expression

__all__ = ["LACKS_CAPACITY", "NAME_IN_USE", "REASON", "next_instance_type"]

NAME_IN_USE = (
    "$failure.Error != 'States.TaskFailed' and $contains($failure.Error & ' ' & $failure.Cause, 'ResourceInUse')"
)
# A failed job is told as its description in JSON; what people want of it is the reason. (A backslash right before a
# bracket would hide the bracket from JSONata's scanner.)
REASON = r"""(
  $cause := $exists($failure.Cause) ? $failure.Cause : '';
  $reason := $match($cause, /"FailureReason"\s*:\s*"((?:[^\\"]|\\.)*)"/, 1);
  $exists($reason) ? $parse('"' & $reason.groups[0] & '"') : $cause
)"""
# SageMaker's reasons begin with their class ("CapacityError: Unable to provision requested ML compute capacity ..."). A
# job's description also holds the user's own texts, so that of it nothing but the reason is looked at.
LACKS_CAPACITY = (
    f"$count($instance_types) > 1 and ($contains({REASON}, /^CapacityError/) or "
    "($failure.Error != 'States.TaskFailed' and $contains($failure.Error & ' ' & $failure.Cause, 'CapacityError')))"
)


def next_instance_type() -> dict[str, Any]:
    """The state that drops the instance type without capacity.

    A job that failed keeps its name for ever, so the next type is the next attempt.
    """
    left = "[$instance_types[[1..$count($instance_types) - 1]]]"
    assign = {"attempt": expression("$attempt + 1"), "instance_types": expression(left)}
    return {"Type": "Pass", "Assign": assign, "Next": "RunJob"}
