"""A job's name is in use: whose job is it, and what is to be done about it.

Its environment names the execution that made it. Our own is adopted, because only the answer to our call was lost, and
waited for. Another execution's of this state machine makes this run a duplicate. A job of somebody outside is passed
over: every execution of this run finds its name taken, and goes on to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

from cdk_processing.contract.environment import EXECUTION_VARIABLE, PARAMETERS_VARIABLE
from cdk_processing.contract.run_keys import MANUAL_KEY
from cdk_processing.request.runtime import RunTimeValue
from cdk_processing.workflow.failures import PATIENT_RETRY, caught
from cdk_processing.workflow.jsonata import expression
from cdk_processing.workflow.launches import parameters_digest

__all__ = ["JOB_STATUS", "MADE_BY", "adoption_states"]

_FIRST_LOOK_SECONDS, _LATER_BY_SECONDS = 30, 3

#: Of a duplicate: the execution that made the job.
MADE_BY = expression(f"$existing.Environment.{EXECUTION_VARIABLE}")
#: Of a duplicate: how the job does.
JOB_STATUS = expression("$existing.ProcessingJobStatus")


def adoption_states(
    partition: str, job_name: str, parameters: Sequence[RunTimeValue], task_seconds: int
) -> dict[str, Any]:
    """The states that look into a name in use; they lead to Adopted, Duplicate, NextAttempt, Triage and SendDeadLetter.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        job_name: The name, as a state's value.
        parameters: The job's parameters, each once.
        task_seconds: How long a job may take, with its hosts' time to come and go.
    """
    return {
        "DescribeJob": _describe_job(partition, job_name),
        "Judge": _judge(parameters, task_seconds),
        "WaitForJob": _wait_for_job(),
        "AdoptFailure": _adopt_failure(),
        **({"KeyReused": _key_reused()} if parameters else {}),
    }


def _describe_job(partition: str, job_name: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::aws-sdk:sagemaker:describeProcessingJob",
        "Arguments": {"ProcessingJobName": job_name},
        "Retry": PATIENT_RETRY,
        "Catch": caught("SendDeadLetter"),
        "Assign": {"existing": expression("$states.result")},
        "Next": "Judge",
    }


def _judge(parameters: Sequence[RunTimeValue], task_seconds: int) -> dict[str, Any]:
    maker = f"$existing.Environment.{EXECUTION_VARIABLE}"
    status = "$existing.ProcessingJobStatus"
    ours = f"{maker} = $states.context.Execution.Id"
    executions = "$replace($states.context.StateMachine.Id, ':stateMachine:', ':execution:') & ':'"
    of_machine = f"$exists({maker}) and $contains({maker}, {executions})"
    choices = []
    if parameters:
        other = f"$existing.Environment.{PARAMETERS_VARIABLE} != {parameters_digest(parameters)}"
        manual = f"$contains($run.key, /^{MANUAL_KEY}/)"
        choices.append((f"$not({ours}) and {of_machine} and {manual} and {other}", "KeyReused"))
    choices += [
        # Made by an earlier execution of a run that is now redriven, and all that is left is to say so.
        (f"($run.redriven or {ours}) and {of_machine} and {status} = 'Completed'", "Adopted"),
        # Whoever made the job sees it through.
        (f"$not({ours}) and {of_machine}", "Duplicate"),
        # Somebody outside has taken the name: every execution of this run finds it taken, and goes on to the next.
        (f"$not({ours})", "NextAttempt"),
        (f"{status} in ['InProgress', 'Stopping'] and $looks < {_looks(task_seconds)}", "WaitForJob"),
    ]
    return {
        "Type": "Choice",
        "Choices": [{"Condition": expression(condition), "Next": following} for condition, following in choices],
        "Default": "AdoptFailure",
    }


def _wait_for_job() -> dict[str, Any]:
    # Longer each time: an execution's history holds 25,000 events, and a job may run for nine days.
    return {
        "Type": "Wait",
        "Seconds": expression(f"{_FIRST_LOOK_SECONDS} + {_LATER_BY_SECONDS} * $looks"),
        "Assign": {"looks": expression("$looks + 1")},
        "Next": "DescribeJob",
    }


def _looks(seconds: int) -> int:
    """How many looks, the first after 30 s and each 3 s later than the one before, take so long."""
    # n looks take 30 n + 3 n (n - 1) / 2 seconds.
    return (isqrt(57 * 57 + 24 * seconds) - 57) // 6 + 1


def _adopt_failure() -> dict[str, Any]:
    # What is told is why the job failed, not that its name was in use.
    status = "$existing.ProcessingJobStatus"
    told = f"'ProcessingJobStatus': {status}, " + ", ".join(
        f"'{field}': $existing.{field}" for field in ("FailureReason", "ExitMessage")
    )
    failed = f"""{status} in ['Failed', 'Stopped']
  ? {{'Error': 'States.TaskFailed', 'Cause': $string({{{told}}})}}
  : {{'Error': 'States.Timeout', 'Cause': 'the job is still ' & {status} & ' beyond its time'}}"""
    return {"Type": "Pass", "Assign": {"failure": expression(failed)}, "Next": "Triage"}


def _key_reused() -> dict[str, Any]:
    told = (
        "'run_key ' & $run.key & ' was used before with other parameters, by ' & "
        f"$existing.Environment.{EXECUTION_VARIABLE} & '; take another key, or the same parameters'"
    )
    failure = f"{{'Error': 'CdkProcessing.RunKeyReused', 'Cause': {told}}}"
    return {"Type": "Pass", "Assign": {"failure": expression(failure)}, "Next": "SendDeadLetter"}
