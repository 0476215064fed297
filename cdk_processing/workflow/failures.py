"""How a run classifies and handles the errors of a job, as Step Functions reports them.

Step Functions documents only a few of its names for SageMaker's errors. So the name alone is not enough: this module
checks name and text together. An error that fits no class is final.

| class | meaning | action |
|---|---|---|
| name in use | the job exists: a response was lost, or another execution has the same run key | check who created it |
| timed out | the job exceeded its time limit plus the time for its hosts to start and stop | stop it, give up |
| no capacity | no host is free, and the job has another instance type | try the next instance type |
| passing | no job was created: throttling, quota in use, no capacity, service error | retry the same name later |
| settling | a new role or permission may not have propagated yet | retry the same name, three times |
| broken | a job failed: no capacity, or an error inside the service | next attempt, later |
| anything else | the user's code or input, a permission, a quota smaller than the job | give up |

Three variables describe the error. ``$failure`` is the error output of Step Functions. ``$reason`` is the reason in
words. ``$refusal`` is the error's name and text if no job was created, else empty.
"""

from __future__ import annotations

from typing import Any

from cdk_processing.workflow.jsonata import expression
from cdk_processing.workflow.launch_policy import LaunchPolicy

__all__ = [
    "PATIENT_RETRY",
    "STOPPED",
    "backoff",
    "caught",
    "caught_from_job",
    "next_attempt",
    "next_instance_type",
    "triage",
]

_SETTLING_TRIES = 3
# Each job has its own count of tries and looks.
_COUNTED_ANEW = {"tries": 0, "looks": 0}

# For a failed job, the Cause is the job's description in JSON. We extract the failure reason and the exit message (what
# the script wrote to /opt/ml/output/message). The JSON may be truncated, so we search it and do not parse it. (In the
# regular expression, a backslash right before a bracket would hide the bracket from JSONata's scanner. An alternative
# under a star would recurse for each character in Java.)
_TEXT_OF = r"""$match($c, /"%s"\s*:\s*"([^\\"]*(?:\\.[^\\"]*)*)"/, 1).groups[0]"""
# The format in which Step Functions passes the times of a job is not documented. This reads seconds, milliseconds and
# ISO 8601. Any other format gives no value.
_MILLIS = r"""function($v) {(
    $s := $v & '';
    $contains($s, /^[0-9]{4}-[0-9-]+T[0-9:.]+Z$/) ? $toMillis($s)
      : $contains($s, /^[0-9.]+(E[0-9]+)?$/) ? ($n := $number($s); $n > 100000000000 ? $n : $n * 1000)
  )}"""
#: Why a job is Stopped: it reached its time limit, or somebody stopped it. SageMaker does not report which. Needs the
#: variables ``$from`` (creation time), ``$to`` (end time) and ``$limit`` (time limit in seconds).
STOPPED = f"""(
    $millis := {_MILLIS};
    $millis($to) - $millis($from) >= $number($limit) * 1000
      ? 'the job reached its time limit: max_runtime_in_seconds is ' & $limit
      : 'the job was stopped'
  )"""
_VALUE_OF = r"""$match($c, /"%s"\s*:\s*"?([0-9TZE:.-]+)/, 1).groups[0]"""
_REASON = rf"""(
  $c := $states.errorOutput.Cause & '';
  $reason := {_TEXT_OF % "FailureReason"};
  $message := {_TEXT_OF % "ExitMessage"};
  $exists($reason)
    ? $parse('"' & $reason & '"') & ($exists($message) ? ' (' & $parse('"' & $message & '"') & ')')
    : $contains($c, /"ProcessingJobStatus"\s*:\s*"Stopped"/) ? (
      $from := {_VALUE_OF % "CreationTime"};
      $to := {_VALUE_OF % "ProcessingEndTime"};
      $limit := {_VALUE_OF % "MaxRuntimeInSeconds"};
      {STOPPED}
    )
    : $c
)"""
_FAILURE = expression("$states.errorOutput")
#: Retry for all tasks except ``RunJob``: on any error, for about a minute.
PATIENT_RETRY = [
    # Step Functions' defaults also apply: 1 second at first, doubled each time.
    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 6, "MaxDelaySeconds": 30, "JitterStrategy": "FULL"}
]

# A job's description also contains the user's own text. So for a failed job, these conditions read only the reason.
_JOB_FAILED = "$failure.Error = 'States.TaskFailed'"
_NAME_IN_USE = "$contains($refusal, /ResourceInUse|already exists/)"
_TIMED_OUT = "$failure.Error = 'States.Timeout'"
_LACKS_CAPACITY = f"""$contains($refusal, /CapacityError|InsufficientCapacity/)
  or {_JOB_FAILED} and $contains($reason, /^CapacityError/)"""
# "The account-level service limit 'ml.m5.xlarge for processing job usage' is 0 Instances, with current utilization of 0
# Instances and a request delta of 1 Instances."
_BEYOND_QUOTA = """(
  $quota := $match($refusal, /service limit .* is ([0-9]+) Instances.* request delta of ([0-9]+) Instances/, 1).groups;
  $exists($quota) and $number($quota[0]) < $number($quota[1])
)"""
_PASSING = (
    "/Throttl|Rate exceeded|TooManyRequests|RequestLimitExceeded|ResourceLimitExceeded|CapacityError|"
    "InsufficientCapacity|ServiceUnavailable|InternalFailure|InternalServer|InternalError|SdkClientException|"
    "Status Code: 5[0-9][0-9]|[Tt]imed? ?out/"
)
_SETTLING = "/AccessDenied|not authorized to perform|Could not assume role/"
_BROKEN = f"{_JOB_FAILED} and $contains($reason, /^(CapacityError|InternalServerError)/)"


def caught(following: str) -> list[dict[str, Any]]:
    """A Catch for all errors."""
    return _catch(following, reason=expression("$states.errorOutput.Cause & ''"))


def caught_from_job(following: str) -> list[dict[str, Any]]:
    """A Catch for all errors of ``RunJob``."""
    # Step Functions' own errors are named States.*, also the error for a job that failed.
    refusal = "$contains($e.Error, /^States[.]/) ? '' : $e.Error & ' ' & $e.Cause"
    return _catch(following, reason=expression(_REASON), refusal=expression(f"($e := $states.errorOutput; {refusal})"))


def _catch(following: str, **assigned: str) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "Assign": {"failure": _FAILURE, **assigned}, "Next": following}]


def triage(policy: LaunchPolicy, *, several_types: bool) -> dict[str, Any]:
    """The Choice state that classifies an error."""
    classes = [(_NAME_IN_USE, "DescribeJob"), (_TIMED_OUT, "StopJob")]
    if several_types:
        classes.append((f"$count($instance_types) > 1 and ({_LACKS_CAPACITY})", "NextInstanceType"))
    again = f"$contains($refusal, {_PASSING}) and $tries < {policy.retries}"
    settling = f"$contains($refusal, {_SETTLING}) and $tries < {_SETTLING_TRIES}"
    classes += [
        (_BEYOND_QUOTA, "SendDeadLetter"),
        (f"{again} or {settling}", "Backoff"),
        (f"{_BROKEN} and $attempt - $run.attempt < {policy.attempts - 1}", "NextAttempt"),
    ]
    choices = [{"Condition": expression(condition), "Next": following} for condition, following in classes]
    return {"Type": "Choice", "Choices": choices, "Default": "SendDeadLetter"}


def backoff(policy: LaunchPolicy) -> dict[str, Any]:
    """The Wait state before a retry. Waits grow, and are random so that many runs do not retry at once.

    This is not a Retry of the task: a Retry matches only the error's name, and SageMaker has few distinct names.
    """
    longest = f"$min([{policy.retry_limit_seconds}, {policy.retry_seconds} * $power(2, $min([$tries, 20]))])"
    return {
        "Type": "Wait",
        "Seconds": expression(f"$floor($random() * {longest})"),
        "Assign": {"tries": expression("$tries + 1")},
        "Next": "RunJob",
    }


def next_attempt() -> dict[str, Any]:
    """The state that moves on to the next job name: the name of a created job stays taken for ever.

    It is a separate state because it is not documented whether a Retry evaluates the arguments again.
    """
    return {"Type": "Pass", "Assign": {"attempt": expression("$attempt + 1"), **_COUNTED_ANEW}, "Next": "Backoff"}


def next_instance_type() -> dict[str, Any]:
    """The state that removes the instance type that has no capacity.

    It moves on to the next attempt only if a job was created. Otherwise the first name would stay free, and a duplicate
    of the event would create a second job under it.
    """
    left = "[$instance_types[[1..$count($instance_types) - 1]]]"
    attempt = f"{_JOB_FAILED} ? $attempt + 1 : $attempt"
    assign = {"attempt": expression(attempt), "instance_types": expression(left), **_COUNTED_ANEW}
    return {"Type": "Pass", "Assign": assign, "Next": "RunJob"}
