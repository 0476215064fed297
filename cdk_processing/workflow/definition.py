"""The state machine of a job.

```
Prepare -> [WriteManifest] -> RunJob -> (end)
                                | anything went wrong
                              Triage -- name in use --> DescribeJob -> Judge -- somebody else's --> Duplicate
                                |                           ^            |---- ours, completed --> Adopted
                                | anything else             |            |---- ours, running ----> WaitForJob
                                v                           +------------|---------------------------+
                          SendDeadLetter <-- AdoptFailure <--------------+---- ours, failed
                                v
                              Failed
```
Where the job may try several instance types, Triage also leads to NextInstanceType and from there to RunJob, and
AdoptFailure to Triage.

The job's name is the idempotency store: SageMaker takes a name once, for ever, so of any number of executions for one
run key and attempt exactly one makes a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdk_processing.workflow.failures import LACKS_CAPACITY, NAME_IN_USE, REASON, next_instance_type
from cdk_processing.workflow.jsonata import compile_text, compile_tree, expression, quoted

__all__ = ["EXECUTION_VARIABLE", "JOB_TAG", "LaunchPolicy", "Workflow", "definition"]

#: Environment variable of every job: the execution that made it, by which a job is known as one's own.
EXECUTION_VARIABLE = "CDK_PROCESSING_EXECUTION"
#: Tag of every job and state machine: the construct's path.
JOB_TAG = "cdk-processing:job"

SERVICE_MAX_RUNTIME = 86_400

#: Names under which Step Functions has been seen to report what passes by itself. Where one is wrong it never matches.
_PASSING = [
    "SageMaker.ResourceLimitExceededException",
    "SageMaker.ResourceLimitExceeded",
    "SageMaker.ThrottlingException",
    "SageMaker.Throttling",
    "SageMaker.SdkClientException",
]
_SMALL_RETRY = [
    {
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 1,
        "MaxAttempts": 3,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 10,
        "JitterStrategy": "FULL",
    }
]

# The run key: what makes a run the same run. Object: bucket, key and version (else sequencer); schedule: schedule and
# scheduled time; otherwise what the caller gives, else the execution's own id.
_PREPARE = """(
  $input := $states.input;
  $event := $exists($input.redrive) ? $input.redrive.event : $input;
  $object := $event.detail.object;
  $key := $exists($input.redrive) ? $input.redrive.run_key
    : $event.source = 'aws.s3'
      ? 's3://' & $event.detail.bucket.name & '/' & $object.key & '@'
        & ($exists($object.`version-id`) ? $object.`version-id` : $object.sequencer)
    : $event.source = 'aws.scheduler' ? $event.schedule & '@' & $event.time
    : $exists($event.run_key) ? 'manual:' & $string($event.run_key)
    : $states.context.Execution.Id;
  {
    'key': $key,
    'id': $hash($states.context.StateMachine.Id & $key, 'MD5'),
    'time': $exists($event.time) ? $event.time : $states.context.Execution.StartTime
  }
)"""
_EVENT = "$exists($states.input.redrive) ? $states.input.redrive.event : $states.input"
_ATTEMPT = "$exists($states.input.redrive) ? $states.input.redrive.attempt : 1"

_MANIFEST = """$exists($event.detail.object.key)
  ? [{'prefix': 's3://' & $event.detail.bucket.name & '/'}, $event.detail.object.key]
  : $error('the job reads the object that launched it: start it with the event of one')"""


@dataclass(frozen=True, slots=True)
class LaunchPolicy:
    """How patiently a job is launched.

    Attributes:
        provisioning_slack_seconds: Beyond the job's own time limit, how long the hosts may take to come and go.
        retry_seconds: First wait after throttling or a quota, doubled from then on.
        retry_limit_seconds: The longest such wait.
        retries: How often.
    """

    provisioning_slack_seconds: int = 3600
    retry_seconds: int = 30
    retry_limit_seconds: int = 900
    retries: int = 20


@dataclass(frozen=True, slots=True)
class Workflow:
    """All that a definition is made from; every text may be a CDK token.

    Attributes:
        job: The construct's path, for people.
        base_name: What job names begin with.
        request: CreateProcessingJob as :class:`~cdk_processing.request.request.ProcessingRequest` renders it.
        partition: ``aws``, ``aws-cn`` ...
        queue_url: The dead-letter queue.
        manifest_bucket: Name of the bucket for manifests, where an input means exactly one object.
        manifest_prefix: Key prefix of this job's manifests.
        policy: How patiently it is launched.
        instance_types: What is tried in turn where capacity lacks; () where the request names its one type.
    """

    job: str
    base_name: str
    request: dict[str, Any]
    partition: str
    queue_url: str
    manifest_bucket: str | None = None
    manifest_prefix: str = ""
    policy: LaunchPolicy = LaunchPolicy()
    instance_types: tuple[str, ...] = ()


def definition(workflow: Workflow) -> dict[str, Any]:
    """The state machine's definition, to be written as JSON."""
    first = "RunJob" if workflow.manifest_bucket is None else "WriteManifest"
    states = {"Prepare": _prepare(workflow, first)}
    if workflow.manifest_bucket is not None:
        states["WriteManifest"] = _write_manifest(workflow)
    states |= {
        "RunJob": _run_job(workflow),
        "Triage": _triage(workflow),
        "DescribeJob": _describe_job(workflow),
        "Judge": _judge(),
        "WaitForJob": {"Type": "Wait", "Seconds": 30, "Next": "DescribeJob"},
        "Adopted": {"Type": "Succeed", "Output": _outcome(workflow, "Completed")},
        "Duplicate": {"Type": "Succeed", "Output": _outcome(workflow, "Duplicate")},
        "AdoptFailure": _adopt_failure(workflow),
        "SendDeadLetter": _send_dead_letter(workflow),
        "Failed": {"Type": "Fail", "Error": expression("$failure.Error"), "Cause": expression(REASON)},
    }
    if workflow.instance_types:
        states["NextInstanceType"] = next_instance_type()
    return {
        "Comment": f"Runs the SageMaker processing job of {workflow.job}, once for each run key.",
        "QueryLanguage": "JSONata",
        "StartAt": "Prepare",
        "States": states,
    }


def manifest_key(workflow: Workflow) -> str:
    """Key of a run's manifest, as a JSONata expression's body."""
    return f"{quoted(workflow.manifest_prefix)} & $run.id & '.manifest'"


def _prepare(workflow: Workflow, following: str) -> dict[str, Any]:
    assign: dict[str, Any] = {
        "event": expression(_EVENT),
        "run": expression(_PREPARE),
        "attempt": expression(_ATTEMPT),
    }
    if workflow.instance_types:
        assign["instance_types"] = list(workflow.instance_types)
    return {"Type": "Pass", "Assign": assign, "Next": following}


def _write_manifest(workflow: Workflow) -> dict[str, Any]:
    # S3Prefix is a string prefix: "in/1.csv" also brings "in/1.csv.bak". A manifest names one object exactly.
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::aws-sdk:s3:putObject",
        "Arguments": {
            "Bucket": workflow.manifest_bucket,
            "Key": expression(manifest_key(workflow)),
            "Body": expression(_MANIFEST),
            "ContentType": "application/json",
        },
        "Retry": _SMALL_RETRY,
        "Catch": _catch("SendDeadLetter"),
        "Next": "RunJob",
    }


def _run_job(workflow: Workflow) -> dict[str, Any]:
    arguments = compile_tree(workflow.request)
    if workflow.manifest_bucket is not None:
        _read_manifest(arguments, workflow)
    runtime = workflow.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", SERVICE_MAX_RUNTIME)
    policy = workflow.policy
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::sagemaker:createProcessingJob.sync",
        "Arguments": {
            "ProcessingJobName": _job_name(workflow),
            **arguments,
            "Environment": {
                **arguments.get("Environment", {}),
                EXECUTION_VARIABLE: expression("$states.context.Execution.Id"),
            },
            "Tags": [*arguments.get("Tags", []), {"Key": JOB_TAG, "Value": workflow.job}],
        },
        "TimeoutSeconds": runtime + policy.provisioning_slack_seconds,
        "Retry": [
            {
                "ErrorEquals": _PASSING,
                "IntervalSeconds": policy.retry_seconds,
                "MaxAttempts": policy.retries,
                "BackoffRate": 2.0,
                "MaxDelaySeconds": policy.retry_limit_seconds,
                "JitterStrategy": "FULL",
            }
        ],
        "Catch": _catch("Triage"),
        "Output": _outcome(workflow, "Completed"),
        "End": True,
    }


def _read_manifest(arguments: dict[str, Any], workflow: Workflow) -> None:
    """Point each input that means exactly one object at the run's manifest."""
    uri = expression(f"{quoted(f's3://{workflow.manifest_bucket}/')} & {manifest_key(workflow)}")
    exact = compile_text("{{run:OBJECT_URI}}")
    for channel in arguments["ProcessingInputs"]:
        if channel.get("S3Input", {}).get("S3Uri") == exact:
            channel["S3Input"]["S3Uri"] = uri


def _triage(workflow: Workflow) -> dict[str, Any]:
    choices = [{"Condition": expression(NAME_IN_USE), "Next": "DescribeJob"}]
    if workflow.instance_types:
        choices.append({"Condition": expression(LACKS_CAPACITY), "Next": "NextInstanceType"})
    return {"Type": "Choice", "Choices": choices, "Default": "SendDeadLetter"}


def _describe_job(workflow: Workflow) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::aws-sdk:sagemaker:describeProcessingJob",
        "Arguments": {"ProcessingJobName": _job_name(workflow)},
        "Retry": _SMALL_RETRY,
        "Catch": _catch("SendDeadLetter"),
        "Assign": {"existing": expression("$states.result")},
        "Next": "Judge",
    }


def _judge() -> dict[str, Any]:
    # Not ours: this event is a duplicate, and whoever made the job sees it through.
    foreign = f"$not($existing.Environment.{EXECUTION_VARIABLE} = $states.context.Execution.Id)"
    status = "$existing.ProcessingJobStatus"
    return {
        "Type": "Choice",
        "Choices": [
            {"Condition": expression(foreign), "Next": "Duplicate"},
            {"Condition": expression(f"{status} = 'Completed'"), "Next": "Adopted"},
            {"Condition": expression(f"{status} in ['InProgress', 'Stopping']"), "Next": "WaitForJob"},
        ],
        "Default": "AdoptFailure",
    }


def _adopt_failure(workflow: Workflow) -> dict[str, Any]:
    # What is told is why the job failed, not that its name was in use.
    error = "{'Error': 'States.TaskFailed', 'Cause': $string($existing.FailureReason)}"
    following = "Triage" if workflow.instance_types else "SendDeadLetter"
    return {"Type": "Pass", "Assign": {"failure": expression(error)}, "Next": following}


def _send_dead_letter(workflow: Workflow) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::sqs:sendMessage",
        "Arguments": {
            "QueueUrl": workflow.queue_url,
            "MessageBody": {
                "job": workflow.job,
                "state_machine": expression("$states.context.StateMachine.Id"),
                "execution": expression("$states.context.Execution.Id"),
                "run_id": expression("$run.id"),
                "run_key": expression("$run.key"),
                "attempt": expression("$attempt"),
                "job_name": _job_name(workflow),
                "error": expression("$failure.Error"),
                "reason": expression(REASON),
                "event": expression("$event"),
            },
        },
        "Retry": _SMALL_RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Next": "Failed",
    }


def _catch(following: str) -> list[dict[str, Any]]:
    return [
        {"ErrorEquals": ["States.ALL"], "Assign": {"failure": expression("$states.errorOutput")}, "Next": following}
    ]


def _job_name(workflow: Workflow) -> str:
    return expression(f"{quoted(workflow.base_name + '-')} & $run.id & '-' & $string($attempt)")


def _outcome(workflow: Workflow, status: str) -> dict[str, Any]:
    outputs = workflow.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    places = {output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output}
    return {
        "status": status,
        "run_id": expression("$run.id"),
        "job_name": _job_name(workflow),
        "outputs": {name: compile_text(uri) for name, uri in places.items()},
    }
