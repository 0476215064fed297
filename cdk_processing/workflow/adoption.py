"""What a run does when the name of its processing job is already in use. It depends on who created that job.

The job's environment names the execution that created it:

- This execution: the run adopts the job. Only the response to our call was lost.
- Another execution of this state machine, or of an earlier state machine of this job (``job_id``): this run is a
  duplicate.
- Anything else: the run tries the next name. Every execution of this run finds the name taken and does the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdk_processing.contract.environment import EXECUTION_VARIABLE, IDENTITY_VARIABLE, PARAMETERS_VARIABLE
from cdk_processing.contract.identity import continued_executions, identity_of
from cdk_processing.contract.run_keys import MANUAL_KEY
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.workflow.failures import PATIENT_RETRY, STOPPED, caught
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.launch_policy import FIRST_LOOK_SECONDS, LaunchPolicy
from cdk_processing.workflow.launches import parameters_digest

__all__ = ["JOB_STATUS", "MADE_BY", "OUTPUTS", "adoption_states"]

#: In a duplicate's output: the execution that created the job.
MADE_BY = expression("$existing.made_by")
#: The outputs of a job that is there already.
OUTPUTS = expression("$outputs")
#: In a duplicate's output: the status of the job.
JOB_STATUS = expression("$existing.status")

# The error of a run that ends here: its job failed, was stopped, or still runs after its time limit.
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
    partition: str,
    job_name: str,
    outputs: Mapping[str, str],
    parameters: Sequence[RunTimeValue],
    task_seconds: int,
    policy: LaunchPolicy,
    job_id: str | None = None,
) -> dict[str, Any]:
    """The states that handle a name in use. They go on to Adopted, Duplicate, NextAttempt, Triage or SendDeadLetter.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        job_name: The name, as the value of a state's field.
        outputs: The URI of each output, by its name, as values of a state's fields.
        parameters: The job's parameters, without duplicates.
        task_seconds: How long a job may take, including the time that its hosts take to start and stop.
        policy: How often and how long to retry.
        job_id: The job's id, or the state machine whose runs it continues; None if it has none.
    """
    return {
        "DescribeJob": _describe_job(partition, job_name, outputs, job_id),
        "Judge": _judge(parameters, policy.looks(task_seconds)),
        "WaitForJob": _wait_for_job(policy.later_by(task_seconds)),
    }


def _existing(job_id: str | None) -> str:
    another = "$contains($made_by, $runs)"
    if job_id is not None:
        another += f" or $states.result.Environment.{IDENTITY_VARIABLE} = {quoted(identity_of(job_id, ''))}"
    if (continued := continued_executions(job_id)) is not None:
        another += f" or $contains($made_by, {quoted(continued)})"
    return f"""(
  $made_by := $states.result.Environment.{EXECUTION_VARIABLE} & '';
  $runs := $replace($states.context.StateMachine.Id, ':stateMachine:', ':execution:') & ':';
  {{
    'status': $states.result.ProcessingJobStatus,
    'made_by': $made_by,
    'parameters': $states.result.Environment.{PARAMETERS_VARIABLE},
    'maker': $made_by = $states.context.Execution.Id ? 'this run' : {another} ? 'another run' : 'other'
  }}
)"""


def _describe_job(partition: str, job_name: str, outputs: Mapping[str, str], job_id: str | None) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::aws-sdk:sagemaker:describeProcessingJob",
        # First what differs from job to job: what follows is the same in many definitions, up to the next of these.
        "Assign": {
            "outputs": dict(outputs),
            "existing": expression(_existing(job_id)),
            "failure": expression(_FAILURE),
            "reason": expression(_REASON),
            "refusal": "",
        },
        "Arguments": {"ProcessingJobName": job_name},
        "Retry": PATIENT_RETRY,
        "Catch": caught("SendDeadLetter"),
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
        # This execution created the job, or an earlier execution of a run that is now redriven. Only report success.
        _rule(
            "$existing.status = 'Completed' and "
            "($existing.maker = 'this run' or $run.redriven and $existing.maker = 'another run')",
            "Adopted",
        ),
        # The execution that created the job also handles its result.
        _rule("$existing.maker = 'another run'", "Duplicate"),
        # Something else took the name. Every execution of this run finds it taken and tries the next name.
        _rule("$existing.maker = 'other'", "NextAttempt"),
        _rule(f"$existing.status in ['InProgress', 'Stopping'] and $looks < {looks}", "WaitForJob"),
    ]
    return {"Type": "Choice", "Choices": choices, "Default": "Triage"}


def _rule(condition: str, following: str) -> dict[str, Any]:
    return {"Condition": expression(condition), "Next": following}


def _wait_for_job(later_by: int) -> dict[str, Any]:
    # Each wait is longer: an execution's history holds 25,000 events, and a job may run for nine days.
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
