"""What went wrong with a job, as Step Functions reports it, and what is done about it.

How Step Functions names the errors of SageMaker is documented for few of them. So no name is relied on alone: name and
text are looked at together, and what fits no class is final.

| class | what it means | what is done |
|---|---|---|
| name in use | the job is there: by a lost answer, or by another execution for the same run key | look whose it is |
| timed out | the job outlived its own limit and its hosts' time to start and stop | stop it, give up |
| no capacity, another type given | | the next instance type |
| passing | no job was made: throttled, over quota, no capacity, an error of the service | the same name again, later |
| settling | a role or permission that may be too new to be known everywhere | the same, three times |
| broken | a job failed for want of capacity, or by an error inside the service | the next attempt, later |
| anything else | the user's code or input, a permission, a quota below what the job asks for | give up |

Three variables hold what went wrong: ``$failure`` is Step Functions' own error, ``$reason`` says it in words, and
``$refusal`` is the error's name and text where no job was made, else empty.
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
# How often a job was asked for, and looked at, is counted for each job.
_COUNTED_ANEW = {"tries": 0, "looks": 0}

# A failed job comes as its description in JSON; what people want of it is the reason, and what the script left in
# /opt/ml/output/message. It may be cut short, so it is searched, not parsed. (A backslash right before a bracket would
# hide the bracket from JSONata's scanner. An alternative under a star would recurse for each character in Java.)
_TEXT_OF = r"""$match($c, /"%s"\s*:\s*"([^\\"]*(?:\\.[^\\"]*)*)"/, 1).groups[0]"""
# Nobody says in which form Step Functions hands on the times of a job: seconds, milliseconds and ISO 8601 are read, and
# of any other nothing is concluded.
_MILLIS = r"""function($v) {(
    $s := $v & '';
    $contains($s, /^[0-9]{4}-[0-9-]+T[0-9:.]+Z$/) ? $toMillis($s)
      : $contains($s, /^[0-9.]+(E[0-9]+)?$/) ? ($n := $number($s); $n > 100000000000 ? $n : $n * 1000)
  )}"""
#: Why a job is Stopped, which SageMaker does not say: it had run as long as it may, or somebody stopped it. It needs
#: the variables ``$from``, ``$to`` and ``$limit``: when the job was created, when it ended, and its time limit.
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
#: How calls other than that for a job are repeated: for about a minute, whatever the error is called.
PATIENT_RETRY = [
    # Step Functions' own defaults count besides: 1 second at first, doubled each time.
    {"ErrorEquals": ["States.ALL"], "MaxAttempts": 6, "MaxDelaySeconds": 30, "JitterStrategy": "FULL"}
]

# A job's description also holds the user's own texts, so of a job that failed nothing but the reason is looked at.
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
    """A Catch of whatever goes wrong."""
    return _catch(following, reason=expression("$states.errorOutput.Cause & ''"))


def caught_from_job(following: str) -> list[dict[str, Any]]:
    """A Catch of whatever goes wrong with the job itself."""
    # What Step Functions says by itself, of a job that failed too, is called States.something.
    refusal = "$contains($e.Error, /^States[.]/) ? '' : $e.Error & ' ' & $e.Cause"
    return _catch(following, reason=expression(_REASON), refusal=expression(f"($e := $states.errorOutput; {refusal})"))


def _catch(following: str, **assigned: str) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "Assign": {"failure": _FAILURE, **assigned}, "Next": following}]


def triage(policy: LaunchPolicy, *, several_types: bool) -> dict[str, Any]:
    """The state that tells the classes apart."""
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
