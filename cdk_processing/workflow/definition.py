"""The state machine of a job.

```
Prepare -> [admission.py, capacity.py] -> [WriteManifest] -> RunJob -> [Announce] -> (end)
                                                       ^  | anything went wrong
                                                       |  v
                              Backoff, NextAttempt, <- Triage -- timed out --> StopJob --+
                              NextInstanceType          |   |                            |
                                        ^               |   +-- final, see failures.py --+--> SendDeadLetter -> Failed
                                        |               v name in use                            ^
                                        |            DescribeJob -> Judge -- another run's, of other parameters
                                        +---- not of this machine ----+ | |-- another run's --------> Duplicate
                                                                        | |-- ours, completed ------> Adopted
                                        Triage <-- ours, failed --------+ |-- ours, running --------> WaitForJob
                                                                                                          |
                                                                                     DescribeJob <--------+
```
The job's name makes runs idempotent. SageMaker accepts each name only once, for ever. So of all executions with the
same run key and attempt, exactly one creates a job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cdk_processing.contract.dead_letter import EVENT_TOO_LARGE, GivenUpRun
from cdk_processing.contract.environment import JobMarks
from cdk_processing.contract.identity import identity_of
from cdk_processing.contract.outcome import COMPLETED, DUPLICATE, Outcome
from cdk_processing.contract.success_event import SUCCEEDED, SUCCESS_SOURCE, SuccessEvent
from cdk_processing.contract.tags import JOB_TAG
from cdk_processing.request.markers import values_in_tree
from cdk_processing.request.number_tokens import is_number_token
from cdk_processing.request.room import with_room
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.times import Moment
from cdk_processing.workflow.admission import ADMIT, Admission, Gate, admission_states
from cdk_processing.workflow.adoption import JOB_STATUS, MADE_BY, OUTPUTS, adoption_states
from cdk_processing.workflow.capacity import ASK_FOR_PLACE, VARIABLES, Capacity, capacity_states
from cdk_processing.workflow.failures import (
    PATIENT_RETRY,
    backoff,
    caught,
    caught_from_job,
    next_attempt,
    next_instance_type,
    triage,
)
from cdk_processing.workflow.jsonata import compile_text, compile_tree, expression, quoted
from cdk_processing.workflow.launch_policy import PATIENT, LaunchPolicy
from cdk_processing.workflow.launches import (
    FAIL_WITH_PROBLEM,
    ORIGINAL_EVENT,
    EventMapping,
    identity_expression,
    parameters_digest,
    prepare,
)
from cdk_processing.workflow.paths import PathValues

__all__ = ["Workflow", "definition"]

SERVICE_MAX_RUNTIME = 86_400
#: The longest ``MaxRuntimeInSeconds`` that SageMaker accepts for a processing job.
LONGEST_RUNTIME = 777_600

_OF_PATHS = ("FOLDER_URI", "SOURCE_FOLDER", "PARTITION")
_MANIFEST = f"{FAIL_WITH_PROBLEM}[{{'prefix': 's3://' & $run.OBJECT_BUCKET & '/'}}, $run.OBJECT_KEY]"
_JOB_NAME = "$run.name & $attempt"
# A message holds 256 KiB. 32,000 characters of an event are at most 128,000 bytes; the run takes at most 80,000.
_EVENT = f"($event := {ORIGINAL_EVENT}; $length($string($event)) <= 32000 ? $event : {quoted(EVENT_TOO_LARGE)})"


@dataclass(frozen=True, slots=True)
class Workflow:
    """The values that a definition is built from. Every string may be a CDK token.

    Attributes:
        job: The construct's path, to show to people.
        base_name: The prefix of job names.
        request: The CreateProcessingJob request, rendered by
            :class:`~cdk_processing.request.request.ProcessingRequest`.
        partition: ``aws``, ``aws-cn`` ...
        queue_url: The dead-letter queue.
        manifest_bucket: Name of the bucket for manifests, if an input is exactly one object.
        manifest_prefix: Key prefix of this job's manifests.
        policy: How often and how long to retry.
        instance_types: Instance types to try in order when there is no capacity; () if the request names its only type.
        event_mappings: How to read the events of triggers that differ from the default; the first match is used.
        admissions: The admissions that decide whether a run may create its job, in order.
        table: Name of the platform's table, if an admission needs it.
        capacity: The limits on runs or instances at once that a run waits for, after its admissions; None for none.
        announces: Whether a successful run puts an event on the event bus for other jobs.
        job_id: The job's id, or the ARN of the state machine whose runs it continues; None if it has none.
        run_time_values: Every run-time value in the request, in order.
    """

    job: str
    base_name: str
    request: dict[str, Any]
    partition: str
    queue_url: str
    manifest_bucket: str | None = None
    manifest_prefix: str = ""
    policy: LaunchPolicy = PATIENT
    instance_types: tuple[str, ...] = ()
    event_mappings: tuple[EventMapping, ...] = ()
    admissions: tuple[Admission, ...] = ()
    table: str = ""
    capacity: Capacity | None = None
    announces: bool = False
    job_id: str | None = None
    run_time_values: tuple[RunTimeValue, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run_time_values", tuple(values_in_tree(self.request)))

    @property
    def parameters(self) -> list[RunTimeValue]:
        """The request's parameters, without duplicates, in the order of the request."""
        found = {value.parameter: value for value in self.run_time_values if value.name == "PARAMETER"}
        return with_room(self.request, list(found.values()))

    @property
    def owner(self) -> str:
        """The beginning of the ids of the job's items in the platform's table."""
        return identity_of(self.job_id, self.job)

    @property
    def upstream_outputs(self) -> list[RunTimeValue]:
        """The outputs of another job's run that the request reads, without duplicates."""
        found = {value: None for value in self.run_time_values if value.name == "UPSTREAM_OUTPUT"}
        return list(found)

    @property
    def path_values(self) -> PathValues:
        """The values that the request takes from the path of an object."""
        named = {name: [value.item for value in self.run_time_values if value.name == name] for name in _OF_PATHS}
        sources, partitions = (tuple(dict.fromkeys(named[name])) for name in ("SOURCE_FOLDER", "PARTITION"))
        return PathValues(bool(named["FOLDER_URI"]), sources, partitions)

    @property
    def moments(self) -> list[Moment]:
        """The times that the request computes from the run's time, without duplicates."""
        return list(dict.fromkeys(value.moment for value in self.run_time_values if value.moment is not None))

    @property
    def task_seconds(self) -> int:
        """How long a job may take at most, including the time that its hosts take to start and stop."""
        runtime = LONGEST_RUNTIME if is_number_token(self._runtime) else int(self._runtime)
        return runtime + self.policy.provisioning_slack_seconds

    @property
    def timeout(self) -> int | str:
        """:attr:`task_seconds` for ``TimeoutSeconds``; an expression if only CloudFormation knows the number."""
        slack = self.policy.provisioning_slack_seconds
        return expression(f"{self._runtime} + {slack}") if is_number_token(self._runtime) else self.task_seconds

    @property
    def _runtime(self) -> int | float:
        runtime: int | float = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", SERVICE_MAX_RUNTIME)
        return runtime


def definition(workflow: Workflow) -> dict[str, Any]:
    """The state machine's definition, ready for ``json.dumps``."""
    start = "RunJob" if workflow.manifest_bucket is None else "WriteManifest"
    admitted = start if workflow.capacity is None else ASK_FOR_PLACE
    prepared = prepare(
        workflow.event_mappings,
        workflow.parameters,
        base_name=workflow.base_name,
        values=_values(workflow),
        outputs=workflow.upstream_outputs,
        moments=workflow.moments,
        instance_types=workflow.instance_types,
        admissions=workflow.admissions,
        job_id=workflow.job_id,
        path_values=workflow.path_values,
    )
    if workflow.capacity is not None:
        prepared["Assign"] |= VARIABLES
    gate = Gate(
        workflow.partition,
        workflow.table,
        workflow.owner,
        identity_expression(workflow.job_id),
        admitted,
        lambda status: _no_job(workflow, status),
    )
    states = {"Prepare": {**prepared, "Next": ADMIT if workflow.admissions else admitted}}
    states |= admission_states(workflow.admissions, gate)
    states |= capacity_states(workflow.partition, workflow.capacity, start)
    if workflow.manifest_bucket is not None:
        states["WriteManifest"] = _write_manifest(workflow)
    states |= {
        "RunJob": _run_job(workflow),
        **({"Announce": _announce(workflow)} if workflow.announces else {}),
        "Triage": triage(workflow.policy, several_types=bool(workflow.instance_types)),
        "Backoff": backoff(workflow.policy),
        "NextAttempt": next_attempt(),
        **({"NextInstanceType": next_instance_type()} if workflow.instance_types else {}),
        "StopJob": _stop_job(workflow),
        **adoption_states(
            workflow.partition,
            expression(_JOB_NAME),
            dict(_outputs(workflow)),
            workflow.parameters,
            workflow.task_seconds,
            workflow.policy,
            workflow.job_id,
        ),
        "Adopted": {"Type": "Pass", "Output": _found(COMPLETED), **_after_success(workflow)},
        "Duplicate": {"Type": "Succeed", "Output": _found(DUPLICATE, JOB_STATUS, MADE_BY)},
        "SendDeadLetter": _send_dead_letter(workflow),
        "Failed": {"Type": "Fail", "Error": expression("$failure.Error"), "Cause": expression("$reason")},
    }
    return {
        "Comment": f"Runs the SageMaker processing job of {workflow.job}, once for each run key.",
        "QueryLanguage": "JSONata",
        "StartAt": "Prepare",
        "States": states,
    }


def _values(workflow: Workflow) -> set[str]:
    """Names of the run-time values that the states use."""
    named = {value.name for value in workflow.run_time_values}
    return named | ({"OBJECT_KEY", "OBJECT_BUCKET"} if workflow.manifest_bucket is not None else set())


def manifest_key(workflow: Workflow) -> str:
    """Key of a run's manifest, as a JSONata expression's body."""
    return f"{quoted(workflow.manifest_prefix)} & $run.id & '.manifest'"


def _write_manifest(workflow: Workflow) -> dict[str, Any]:
    # S3Prefix is a string prefix: "in/1.csv" also matches "in/1.csv.bak". A manifest names exactly one object.
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::aws-sdk:s3:putObject",
        "Arguments": {
            "Bucket": workflow.manifest_bucket,
            "Key": expression(manifest_key(workflow)),
            "Body": expression(_MANIFEST),
            "ContentType": "application/json",
        },
        "Retry": PATIENT_RETRY,
        "Catch": caught("SendDeadLetter"),
        "Next": "RunJob",
    }


def _run_job(workflow: Workflow) -> dict[str, Any]:
    arguments = compile_tree(workflow.request)
    if workflow.manifest_bucket is not None:
        _read_manifest(arguments, workflow)
    digest = expression(parameters_digest(workflow.parameters)) if workflow.parameters else None
    identity = None if workflow.job_id is None else workflow.owner
    marks = JobMarks(expression("$states.context.Execution.Id"), digest, identity).render()
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::sagemaker:createProcessingJob.sync",
        "Arguments": {
            "ProcessingJobName": expression(f"{FAIL_WITH_PROBLEM}{_JOB_NAME}"),
            **arguments,
            "Environment": {**arguments.get("Environment", {}), **marks},
            "Tags": [*arguments.get("Tags", []), {"Key": JOB_TAG, "Value": workflow.job}],
        },
        "TimeoutSeconds": workflow.timeout,
        "Catch": caught_from_job("Triage"),
        "Output": _completed(workflow),
        **_after_success(workflow),
    }


def _read_manifest(arguments: dict[str, Any], workflow: Workflow) -> None:
    """Let each input that is exactly one object read the run's manifest."""
    uri = expression(f"{quoted(f's3://{workflow.manifest_bucket}/')} & {manifest_key(workflow)}")
    exact = compile_text("{{run:OBJECT_URI}}")
    for channel in arguments["ProcessingInputs"]:
        if channel.get("S3Input", {}).get("S3Uri") == exact:
            channel["S3Input"]["S3Uri"] = uri


def _after_success(workflow: Workflow) -> dict[str, Any]:
    return {"Next": "Announce"} if workflow.announces else {"End": True}


def _announce(workflow: Workflow) -> dict[str, Any]:
    # Our own event has retries and a dead letter. SageMaker and Step Functions send theirs on a best-effort basis.
    event = SuccessEvent(
        job=workflow.job,
        state_machine=expression("$states.context.StateMachine.Id"),
        execution=expression("$states.context.Execution.Id"),
        run_id=expression("$states.input.run_id"),
        run_key=expression("$run.key"),
        trigger_time=expression("$run.time"),
        attempt=expression("$attempt"),
        job_name=expression("$states.input.job_name"),
        outputs=expression("$states.input.outputs"),
        parameters=expression("$run.parameters") if workflow.parameters else {},
        identity=None if workflow.job_id is None else workflow.owner,
    )
    entry = {"Source": SUCCESS_SOURCE, "DetailType": SUCCEEDED, "Detail": event.render()}
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::events:putEvents",
        "Arguments": {"Entries": [entry]},
        "Retry": PATIENT_RETRY,
        "Catch": caught("SendDeadLetter"),
        "Output": expression("$states.input"),
        "End": True,
    }


def _stop_job(workflow: Workflow) -> dict[str, Any]:
    # Step Functions also tries to stop the job, but the job may go on. The Catch is for a job that has already ended:
    # SageMaker cannot stop it.
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::aws-sdk:sagemaker:stopProcessingJob",
        "Arguments": {"ProcessingJobName": expression(_JOB_NAME)},
        "Retry": PATIENT_RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "SendDeadLetter"}],
        "Next": "SendDeadLetter",
    }


def _send_dead_letter(workflow: Workflow) -> dict[str, Any]:
    letter = GivenUpRun(
        job=workflow.job,
        state_machine=expression("$states.context.StateMachine.Id"),
        execution=expression("$states.context.Execution.Id"),
        run_id=expression("$run.id"),
        run_key=expression("$run.key"),
        attempt=expression("$attempt"),
        job_name=expression(_JOB_NAME),
        error=expression("$failure.Error"),
        reason=expression("$reason"),
        event=expression(_EVENT),
    )
    return {
        "Type": "Task",
        "Resource": f"arn:{workflow.partition}:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": workflow.queue_url, "MessageBody": letter.render()},
        "Retry": PATIENT_RETRY,
        # The execution fails anyway, which raises the alarm, and its input still holds the event.
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Next": "Failed",
    }


def _no_job(workflow: Workflow, status: str) -> dict[str, Any]:
    return Outcome(status, expression("$run.id"), expression(_JOB_NAME)).render()


def _completed(workflow: Workflow) -> dict[str, Any]:
    return Outcome(COMPLETED, expression("$run.id"), expression(_JOB_NAME), outputs=_outputs(workflow)).render()


def _found(status: str, job_status: str | None = None, made_by: str | None = None) -> dict[str, Any]:
    """The outcome of a run whose job was there already."""
    outcome = Outcome(status, expression("$run.id"), expression(_JOB_NAME), job_status, made_by)
    return {**outcome.render(), "outputs": OUTPUTS}


def _outputs(workflow: Workflow) -> tuple[tuple[str, str], ...]:
    outputs = workflow.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return tuple(
        (output["OutputName"], compile_text(output["S3Output"]["S3Uri"])) for output in outputs if "S3Output" in output
    )
