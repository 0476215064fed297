"""What went wrong with a job, told from what Step Functions reports of it, and what is done about it.

How Step Functions names the errors of SageMaker is documented for few of them. So no name is relied on alone: the name
and the text that comes with it are looked at together, and what fits no class is final.

| class | what it means | what is done |
|---|---|---|
| name in use | the job is there: by a lost answer, or by another execution for the same run key | look whose it is |
| timed out | the job outlived its own limit and its hosts' time to come and go | stop it, give up |
| no capacity, another type given | | the next instance type |
| passing | no job was made: throttled, over quota, no capacity, an error of the service | the same name again, later |
| settling | a role or permission that may be too new to be known everywhere | the same, three times |
| broken | a job failed for want of capacity, or by an error inside the service | the next attempt, later |
| anything else | the user's code or input, a permission, a quota below what the job asks for | give up |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdk_processing.workflow.jsonata import expression

__all__ = [
    "PATIENT",
    "PATIENT_RETRY",
    "REASON",
    "LaunchPolicy",
    "backoff",
    "caught",
    "next_attempt",
    "next_instance_type",
    "triage",
]

_SETTLING_TRIES = 3
# How often a job was asked for, and looked at, is counted for each job.
_COUNTED_ANEW = {"tries": 0, "looks": 0}


@dataclass(frozen=True, slots=True)
class LaunchPolicy:
    """How patiently a job is launched; all waits are drawn at random between 0 and what is given (full jitter).

    Attributes:
        provisioning_slack_seconds: Beyond the job's own time limit, how long its hosts may take to come and go. After
            that the job is stopped and the run given up.
        retry_seconds: First wait after throttling, a used-up quota or an error inside the service; doubled each time.
        retry_limit_seconds: The longest such wait.
        retries: How often a job is asked for again under the same name.
        attempts: How many jobs one execution makes at most, where one after the other fails for want of capacity or by
            an error inside the service.
    """

    provisioning_slack_seconds: int = 3600
    retry_seconds: int = 30
    retry_limit_seconds: int = 900
    retries: int = 40
    attempts: int = 3


#: How patiently a job is launched whose declaration does not say.
PATIENT = LaunchPolicy()

# A failed job is told as its description in JSON; what people want of it is the reason, and what the script left in
# /opt/ml/output/message. It may be cut short, so it is searched, not parsed. (A backslash right before a bracket would
# hide the bracket from JSONata's scanner.)
_TEXT_OF = r"""/"%s"\s*:\s*"((?:[^\\"]|\\.)*)"/"""
REASON = rf"""(
  $cause := $exists($failure.Cause) ? $failure.Cause : '';
  $reason := $match($cause, {_TEXT_OF % "FailureReason"}, 1);
  $message := $match($cause, {_TEXT_OF % "ExitMessage"}, 1);
  $exists($reason)
    ? $parse('"' & $reason.groups[0] & '"')
      & ($exists($message) ? ' (' & $parse('"' & $message.groups[0] & '"') & ')' : '')
    : $contains($cause, /"ProcessingJobStatus"\s*:\s*"Stopped"/) ? 'the job was stopped'
    : $cause
)"""
#: How calls other than that for a job are repeated: for about a minute, whatever the error is called.
PATIENT_RETRY = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "MaxAttempts": 6,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 30,
        "JitterStrategy": "FULL",
    }
]

_TEXT = "$failure.Error & ' ' & $failure.Cause"
# A job's description also holds the user's own texts, so of a job that failed nothing but the reason is looked at.
_JOB_FAILED = "$failure.Error = 'States.TaskFailed'"
_NOT_MADE = "$not($contains($failure.Error, /^States[.]/))"

_NAME_IN_USE = f"{_NOT_MADE} and $contains({_TEXT}, /ResourceInUse|already exists/)"
_TIMED_OUT = "$failure.Error = 'States.Timeout'"
_LACKS_CAPACITY = (
    f"({_JOB_FAILED} and $contains({REASON}, /^CapacityError/)) or "
    f"({_NOT_MADE} and $contains({_TEXT}, /CapacityError|InsufficientCapacity/))"
)
# "The account-level service limit 'ml.m5.xlarge for processing job usage' is 0 Instances, with current utilization of 0
# Instances and a request delta of 1 Instances."
_BEYOND_QUOTA = f"""{_NOT_MADE} and (
  $quota := $match({_TEXT}, /service limit .* is ([0-9]+) Instances.* request delta of ([0-9]+) Instances/, 1);
  $exists($quota) and $number($quota.groups[0]) < $number($quota.groups[1])
)"""
_PASSING = (
    "/Throttl|Rate exceeded|TooManyRequests|RequestLimitExceeded|ResourceLimitExceeded|CapacityError|"
    "InsufficientCapacity|ServiceUnavailable|InternalFailure|InternalServer|InternalError|SdkClientException|"
    "Status Code: 5[0-9][0-9]|[Tt]imed? ?out/"
)
_SETTLING = "/AccessDenied|not authorized to perform|Could not assume role/"
_BROKEN = f"{_JOB_FAILED} and $contains({REASON}, /^(CapacityError|InternalServerError)/)"


def caught(following: str) -> list[dict[str, Any]]:
    """A Catch of whatever goes wrong, which keeps it as ``$failure``."""
    return [
        {"ErrorEquals": ["States.ALL"], "Assign": {"failure": expression("$states.errorOutput")}, "Next": following}
    ]


def triage(policy: LaunchPolicy, *, several_types: bool) -> dict[str, Any]:
    """The state that tells the classes apart."""
    classes = [(_NAME_IN_USE, "DescribeJob"), (_TIMED_OUT, "StopJob")]
    if several_types:
        classes.append((f"$count($instance_types) > 1 and ({_LACKS_CAPACITY})", "NextInstanceType"))
    again = f"$contains({_TEXT}, {_PASSING}) and $tries < {policy.retries}"
    settling = f"$contains({_TEXT}, {_SETTLING}) and $tries < {_SETTLING_TRIES}"
    classes += [
        (_BEYOND_QUOTA, "SendDeadLetter"),
        (f"{_NOT_MADE} and (({again}) or ({settling}))", "Backoff"),
        (f"{_BROKEN} and $attempt - $run.attempt < {policy.attempts - 1}", "NextAttempt"),
    ]
    choices = [{"Condition": expression(condition), "Next": following} for condition, following in classes]
    return {"Type": "Choice", "Choices": choices, "Default": "SendDeadLetter"}


def backoff(policy: LaunchPolicy) -> dict[str, Any]:
    """The state that waits, longer each time, at random so that many runs do not come back at once.

    Not a Retry of the task: that sees an error's name alone, and the service's own names are few.
    """
    longest = f"$min([{policy.retry_limit_seconds}, {policy.retry_seconds} * $power(2, $min([$tries, 20]))])"
    return {
        "Type": "Wait",
        "Seconds": expression(f"$floor($random() * {longest})"),
        "Assign": {"tries": expression("$tries + 1")},
        "Next": "RunJob",
    }


def next_attempt() -> dict[str, Any]:
    """The state that moves on to the next name: a job that was made keeps its own for ever.

    A state of its own, because nobody says whether arguments are evaluated anew on a Retry.
    """
    return {"Type": "Pass", "Assign": {"attempt": expression("$attempt + 1"), **_COUNTED_ANEW}, "Next": "Backoff"}


def next_instance_type() -> dict[str, Any]:
    """The state that drops the instance type without capacity.

    Only where a job was made is the next type the next attempt: were there no job of the first name, a duplicate of the
    event would make one.
    """
    left = "[$instance_types[[1..$count($instance_types) - 1]]]"
    attempt = f"{_JOB_FAILED} ? $attempt + 1 : $attempt"
    assign = {"attempt": expression(attempt), "instance_types": expression(left), **_COUNTED_ANEW}
    return {"Type": "Pass", "Assign": assign, "Next": "RunJob"}
