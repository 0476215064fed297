"""A job's name is in use: whose job is it, and what is to be done about it.

Its environment names the execution that made it. A job of this execution is adopted: only the answer to our call was
lost. A job of another execution of this state machine makes this run a duplicate. A job of somebody outside is passed
over: every execution of this run finds its name taken, and goes on to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdk_processing.contract.environment import EXECUTION_VARIABLE, PARAMETERS_VARIABLE
from cdk_processing.contract.run_keys import MANUAL_KEY
from cdk_processing.request.runtime import RunTimeValue
from cdk_processing.workflow.failures import PATIENT_RETRY, STOPPED, caught
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.launch_policy import FIRST_LOOK_SECONDS, LaunchPolicy
from cdk_processing.workflow.launches import parameters_digest

__all__ = ["JOB_STATUS", "MADE_BY", "adoption_states"]

#: Of a duplicate: the execution that made the job.
MADE_BY = expression("$existing.made_by")
#: Of a duplicate: how the job does.
JOB_STATUS = expression("$existing.status")

_EXISTING = f"""(
  $made_by := $states.result.Environment.{EXECUTION_VARIABLE} & '';
  $runs := $replace($states.context.StateMachine.Id, ':stateMachine:', ':execution:') & ':';
  {{
    'status': $states.result.ProcessingJobStatus,
    'made_by': $made_by,
    'parameters': $states.result.Environment.{PARAMETERS_VARIABLE},
    'maker': $made_by = $states.context.Execution.Id ? 'this run' : $contains($made_by, $runs) ? 'another run' : 'other'
  }}
)"""
# Where it is the end of this run: a job that failed, or one that goes on beyond its time.
_FAILURE = (
    "{'Error': 'States.' & ($states.result.ProcessingJobStatus in ['Failed', 'Stopped'] ? 'TaskFailed' : 'Timeout')}"
)
_REASON = f"""(
  $job := $states.result;
  $exists($job.FailureReason)
    ? $job.FailureReason & ($exists($job.ExitMessage) ? ' (' & $job.ExitMessage & ')')
    : $job.ProcessingJobStatus = 'Stopped' ? (
      $from := $job.CreationTime;
      $to := $job.ProcessingEndTime;
      $limit := $job.StoppingCondition.MaxRuntimeInSeconds;
      {STOPPED}
    )
    : 'the job is ' & $job.ProcessingJobStatus & ' beyond its time'
)"""


def adoption_states(
    partition: str, job_name: str, parameters: Sequence[RunTimeValue], task_seconds: int, policy: LaunchPolicy
) -> dict[str, Any]:
    """The states that look into a name in use; they lead to Adopted, Duplicate, NextAttempt, Triage and SendDeadLetter.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        job_name: The name, as a state's value.
        parameters: The job's parameters, each once.
        task_seconds: How long a job may take, with its hosts' time to start and stop.
        policy: How patiently the job is launched.
    """
    return {
        "DescribeJob": _describe_job(partition, job_name),
        "Judge": _judge(parameters, policy.looks(task_seconds)),
        "WaitForJob": _wait_for_job(policy.later_by(task_seconds)),
    }


def _describe_job(partition: str, job_name: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::aws-sdk:sagemaker:describeProcessingJob",
        "Arguments": {"ProcessingJobName": job_name},
        "Retry": PATIENT_RETRY,
        "Catch": caught("SendDeadLetter"),
        "Assign": {
            "existing": expression(_EXISTING),
            "failure": expression(_FAILURE),
            "reason": expression(_REASON),
            "refusal": "",
        },
        "Next": "Judge",
    }


def _judge(parameters: Sequence[RunTimeValue], looks: int) -> dict[str, Any]:
    choices = []
    if parameters:
        other = f"$existing.parameters != {parameters_digest(parameters)}"
        manual = f"$contains($run.key, /^{MANUAL_KEY}/)"
        reused = _rule(f"$existing.maker = 'another run' and {manual} and {other}", "SendDeadLetter")
        choices.append({**reused, "Assign": _key_reused()})
    choices += [
        # Made by an earlier execution of a run that is now redriven, and all that is left is to say so.
        _rule(
            "$existing.status = 'Completed' and "
            "($existing.maker = 'this run' or $run.redriven and $existing.maker = 'another run')",
            "Adopted",
        ),
        # Whoever made the job sees it through.
        _rule("$existing.maker = 'another run'", "Duplicate"),
        # Somebody outside has taken the name: every execution of this run finds it taken, and goes on to the next.
        _rule("$existing.maker = 'other'", "NextAttempt"),
        _rule(f"$existing.status in ['InProgress', 'Stopping'] and $looks < {looks}", "WaitForJob"),
    ]
    return {"Type": "Choice", "Choices": choices, "Default": "Triage"}


def _rule(condition: str, following: str) -> dict[str, Any]:
    return {"Condition": expression(condition), "Next": following}


def _wait_for_job(later_by: int) -> dict[str, Any]:
    # Longer each time: an execution's history holds 25,000 events, and a job may run for nine days.
    return {
        "Type": "Wait",
        "Seconds": expression(f"{FIRST_LOOK_SECONDS} + {later_by} * $looks"),
        "Assign": {"looks": expression("$looks + 1")},
        "Next": "DescribeJob",
    }


def _key_reused() -> dict[str, Any]:
    advice = quoted("; take another key, or the same parameters")
    reason = f"'run_key ' & $run.key & ' was used before with other parameters, by ' & $existing.made_by & {advice}"
    return {"failure": {"Error": "CdkProcessing.RunKeyReused"}, "reason": expression(reason)}
