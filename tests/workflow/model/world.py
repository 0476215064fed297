"""What the tasks of a state machine meet: the AWS services that they call, with the faults that AWS documents.

A call does its work at once and is answered later, so that others act in between. Faults are armed by whoever drives
the world, and are met by the next call of their service, once each:

* ``throttled``, ``server_error``: refused, nothing was done;
* ``lost``: done, but the caller is told of a network error; ``server_error_after``: done, but told 500;
* ``repeated``: done, then asked for once more by the service itself, which answers with the second outcome;
* of SageMaker's creation ``quota``, ``no_quota``, ``capacity``, ``denied`` and ``taken`` (somebody else has the name);
* of what is read ``stale``: as it was a moment ago.

Error names and texts are those of cdk_processing/local/aws/stepfunctions, which says where they are known from.
"""

import json
import re
from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.workflow.model.machine import Clock, Execution, StateError
from tests.workflow.model.table import ConditionFailedError, Table

ENDED = ("Completed", "Failed", "Stopped")
OWNER = "CDK_PROCESSING_EXECUTION"
#: What can happen to a call, by service.
FAULTS = {
    "create": [
        "lost",
        "repeated",
        "throttled",
        "quota",
        "no_quota",
        "capacity",
        "server_error",
        "server_error_after",
        "lost",
        "repeated",
        "taken",
        "denied",
    ],
    "describe": ["throttled", "server_error", "lost"],
    "stop": ["throttled", "server_error", "lost"],
    "s3": ["throttled", "server_error", "lost", "repeated"],
    "sqs": ["throttled", "server_error", "lost", "repeated"],
    "dynamodb": ["lost", "throttled", "server_error", "lost", "repeated", "stale"],
    "sfn": ["throttled", "server_error", "lost", "stale"],
    "events": ["throttled", "server_error", "lost", "repeated", "failed_entry"],
    "sync": ["throttled", "server_error", "lost", "lost", "repeated"],
}
_QUOTA = (
    "The account-level service limit 'ml.m5.xlarge for processing job usage' is {} Instances, with current utilization "
    "of {} Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this "
    "quota."
)


class ViolationError(AssertionError):
    """What must never happen has happened."""


@dataclass
class Job:
    """A processing job.

    Attributes:
        request: CreateProcessingJob's.
        maker: The execution that made it, None for a stranger's.
        status: SageMaker's word.
        reason: ``FailureReason``.
    """

    request: dict[str, Any]
    maker: Any = None
    status: str = "InProgress"
    reason: str | None = None

    @property
    def name(self):
        """``ProcessingJobName``."""
        return self.request["ProcessingJobName"]

    @property
    def ended(self):
        """Whether nothing more will happen in it."""
        return self.status in ENDED

    def describe(self):
        """DescribeProcessingJob."""
        told = {key: value for key, value in self.request.items() if key != "Tags"}
        reason = {} if self.reason is None else {"FailureReason": self.reason}
        arn = f"arn:aws:sagemaker:us-east-1:111122223333:processing-job/{self.name}"
        return {**told, **reason, "ProcessingJobArn": arn, "ProcessingJobStatus": self.status}

    def end(self, status, reason=None):
        """Let it end, unless it has."""
        if not self.ended:
            self.status, self.reason = status, reason


class Answer:
    """A call that has its answer."""

    answered = True

    def __init__(self, result=None, error=None):
        self._result, self._error = result, error

    def answer(self):
        """What the call came to.

        Raises:
            StateError: What it came to, where that is an error.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def cancel(self):
        """There is nothing to end."""


class Following(Answer):
    """``createProcessingJob.sync`` after the job is made: it is answered when the job has ended."""

    def __init__(self, job, execution):
        super().__init__()
        self.job, self._execution = job, execution

    @property
    def answered(self):
        """Whether the job has ended."""
        return self.job.ended

    def answer(self):
        """The job's description, or that it failed."""
        description = _noted(self._execution, self.job)
        if self.job.status != "Completed":
            raise StateError("States.TaskFailed", json.dumps(description))
        return description

    def cancel(self):
        """Nobody waits for the job any more: Step Functions tries to stop it, "best effort"."""
        if self._execution.world.cancels and not self.job.ended:
            self.job.status = "Stopping"


class Called(Answer):
    """``startSyncExecution``: it is answered when the other execution has ended. Nobody can cancel that."""

    def __init__(self, execution):
        super().__init__()
        self._execution = execution

    @property
    def answered(self):
        """Whether the other execution has ended."""
        return not self._execution.running

    def answer(self):
        """How it ended."""
        ended = self._execution
        if ended.status == "SUCCEEDED":
            return {"Status": ended.status, "Output": json.dumps(ended.output)}
        ended.caller.troubled = True
        return {"Status": ended.status, "Error": ended.error, "Cause": ended.cause}


@dataclass
class World:
    """All services, and everything that executions did to them.

    Attributes:
        executions: By ARN.
        jobs: Processing jobs by name; a name is taken for ever.
        letters: What was sent to the dead-letter queue: the execution, and the message's body.
        refused_letters: Executions that the queue refused a letter of.
        objects: What was put into S3, by bucket and key.
        published: Events put on a bus: the execution, and the entry.
        faults: What the next calls of a service meet.
        storm: What every call meets for which there is no fault of its own.
        queue_is_down: Whether every message is refused.
        machines: Definitions of the state machines that are called synchronously, by ARN.
        called: The executions of these.
        cancels: Whether Step Functions stops the job of a task that is ended before it.
    """

    clock: Clock = field(default_factory=Clock)
    executions: dict[str, Any] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    letters: list[tuple[Any, Any]] = field(default_factory=list)
    refused_letters: list[Any] = field(default_factory=list)
    objects: dict[tuple[str, str], Any] = field(default_factory=dict)
    published: list[tuple[Any, Any]] = field(default_factory=list)
    faults: dict[str, deque] = field(default_factory=lambda: {service: deque() for service in FAULTS})
    storm: str | None = None
    queue_is_down: bool = False
    cancels: bool = True
    table: Table = field(default_factory=Table)
    machines: dict[str, Any] = field(default_factory=dict)
    called: list[Any] = field(default_factory=list)
    on_job: Any = lambda job: None
    on_letter: Any = lambda execution, body: None
    met: list[str] = field(default_factory=list)

    def call(self, execution, resource, arguments):
        """A task's call; its effect is there when this returns, its answer is in what this returns."""
        name = re.sub(r"^arn:.+:states:::", "", resource)
        service, do, errors = _SERVICES[name]
        fault = self.faults[service].popleft() if self.faults[service] else self.storm
        if fault is not None:
            self.met.append(f"{service}:{fault}")
            execution.troubled = True
            if execution.caller is not None:
                execution.caller.troubled = True
        refusal = _refusal(service, fault, errors)
        if refusal is not None:
            if service == "sqs":
                self.refused_letters.append(execution)
            return Answer(error=refusal)
        return self._outcome(fault, errors, lambda: do(self, execution, deepcopy(arguments), fault))

    @staticmethod
    def _outcome(fault, errors, do):
        answer = _answered(do)
        if fault == "repeated":
            return _answered(do)
        if fault == "lost":
            return Answer(error=StateError(f"{errors.prefix}.SdkClientException", "Unable to execute HTTP request"))
        if fault == "server_error_after":
            return Answer(error=errors.error(500, "InternalFailure", "The request processing has failed."))
        return answer

    # -- SageMaker

    def _create(self, execution, request, fault):
        name = request["ProcessingJobName"]
        if fault == "taken" and name not in self.jobs:
            environment = {OWNER: "arn:aws:states:us-east-1:111122223333:execution:Other:e1"} if len(name) % 2 else {}
            self.jobs[name] = Job({"ProcessingJobName": name, "Environment": environment})
        if name in self.jobs:
            raise _SYNC.error(
                400,
                "ResourceInUse",
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({self.jobs[name].describe()['ProcessingJobArn']})",
            )
        job = self.jobs[name] = Job(request, execution)
        self.on_job(job)
        return Following(job, execution)

    def _describe(self, execution, request, fault):
        job = self.jobs.get(request["ProcessingJobName"])
        if job is None:
            raise _SDK_SAGEMAKER.error(400, "ResourceNotFound", "Could not find requested job")
        # What is lost on the way, nobody has seen.
        return job.describe() if fault in ("lost", "server_error_after") else _noted(execution, job)

    def _stop(self, _execution, request, _fault):
        job = self.jobs.get(request["ProcessingJobName"])
        if job is None:
            raise _SDK_SAGEMAKER.error(400, "ResourceNotFound", "Could not find requested job")
        if job.status != "InProgress":
            message = f"The request was rejected because the processing job is in status {job.status}."
            raise _SDK_SAGEMAKER.error(400, "ValidationException", message)
        job.status = "Stopping"
        return {}

    # -- the others

    def _put_object(self, _execution, request, _fault):
        self.objects[request["Bucket"], request["Key"]] = request["Body"]
        return {"ETag": '"0"'}

    def _send_message(self, execution, request, _fault):
        if self.queue_is_down:
            execution.troubled = True
            self.refused_letters.append(execution)
            raise _SQS.error(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        self.letters.append((execution, request["MessageBody"]))
        self.on_letter(execution, request["MessageBody"])
        return {"MessageId": str(len(self.letters))}

    def _put_events(self, execution, request, fault):
        if fault == "failed_entry":
            raise StateError("EventBridge.FailedEntry", '[{"ErrorCode":"InternalFailure"}]')
        self.published += [(execution, entry) for entry in request["Entries"]]
        return {"Entries": [{"EventId": "0"} for _ in request["Entries"]], "FailedEntryCount": 0}

    def _describe_execution(self, _execution, request, fault):
        found = self.executions.get(request["ExecutionArn"])
        if found is None:
            raise _SFN.error(400, "ExecutionDoesNotExist", f"Execution Does Not Exist: '{request['ExecutionArn']}'")
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html: eventually
        # consistent.
        return {"ExecutionArn": found.arn, "Status": "RUNNING" if fault == "stale" else found.status}

    def _start_sync(self, execution, request, _fault):
        arn, name = request["StateMachineArn"], f"s{len(self.called) + 1}"
        made = Execution(self.machines[arn], arn, name, json.loads(request["Input"]), self, caller=execution)
        self.called.append(made)
        return Called(made)

    def _get_item(self, _execution, request, fault):
        return self.table.get(request, stale=fault == "stale")

    def _update_item(self, _execution, request, _fault):
        try:
            return self.table.update(request)
        except ConditionFailedError:
            code = "ConditionalCheckFailedException"
            raise _DYNAMODB.error(400, code, "The conditional request failed") from None


@dataclass(frozen=True)
class _Errors:
    """How Step Functions tells of a service's errors: the prefix, the class of what has none, and the classes."""

    prefix: str
    otherwise: str
    service: str
    classes: dict[str, str] = field(default_factory=dict)
    sdk: bool = False

    def error(self, status, code, message):
        if self.sdk:
            cause = f"{message} (Service: {self.service}, Status Code: {status}, Request ID: 0)"
        else:
            cause = f"{message} (Service: {self.service}; Status Code: {status}; Error Code: {code}; Request ID: 0)"
        return StateError(f"{self.prefix}.{self.classes.get(code, self.otherwise)}", cause)


_CLASSES = {
    "ResourceInUse": "ResourceInUseException",
    "ResourceLimitExceeded": "ResourceLimitExceededException",
    "ResourceNotFound": "ResourceNotFoundException",
}
_SYNC = _Errors("SageMaker", "AmazonSageMakerException", "AmazonSageMaker", _CLASSES)
_SDK_SAGEMAKER = _Errors("SageMaker", "SageMakerException", "SageMaker", _CLASSES, sdk=True)
_S3 = _Errors("S3", "S3Exception", "S3", sdk=True)
_SQS = _Errors("SQS", "AmazonSQSException", "AmazonSQS")
_DYNAMODB = _Errors(
    "DynamoDB",
    "AmazonDynamoDBException",
    "AmazonDynamoDBv2",
    {"ConditionalCheckFailedException": "ConditionalCheckFailedException"},
)
_SFN = _Errors("Sfn", "SfnException", "Sfn", {"ExecutionDoesNotExist": "ExecutionDoesNotExistException"}, sdk=True)
_EVENTS = _Errors("EventBridge", "AmazonEventBridgeException", "AmazonEventBridge")
_SERVICES = {
    "sagemaker:createProcessingJob.sync": ("create", World._create, _SYNC),
    "aws-sdk:sagemaker:describeProcessingJob": ("describe", World._describe, _SDK_SAGEMAKER),
    "aws-sdk:sagemaker:stopProcessingJob": ("stop", World._stop, _SDK_SAGEMAKER),
    "aws-sdk:s3:putObject": ("s3", World._put_object, _S3),
    "sqs:sendMessage": ("sqs", World._send_message, _SQS),
    "dynamodb:getItem": ("dynamodb", World._get_item, _DYNAMODB),
    "dynamodb:updateItem": ("dynamodb", World._update_item, _DYNAMODB),
    "aws-sdk:sfn:describeExecution": ("sfn", World._describe_execution, _SFN),
    "aws-sdk:sfn:startSyncExecution": ("sync", World._start_sync, _SFN),
    "events:putEvents": ("events", World._put_events, _EVENTS),
}


def _refusal(service, fault, errors):
    """What a call is told that was not even begun."""
    if fault == "throttled":
        return errors.error(400, "ThrottlingException", "Rate exceeded")
    if fault == "server_error":
        return errors.error(500, "InternalFailure", "The request processing has failed because of an unknown error.")
    if fault == "quota":
        return errors.error(400, "ResourceLimitExceeded", _QUOTA.format(2, 2))
    if fault == "no_quota":
        return errors.error(400, "ResourceLimitExceeded", _QUOTA.format(0, 0))
    if fault == "capacity":
        return errors.error(400, "CapacityError", "Unable to provision requested ML compute capacity.")
    if fault == "denied":
        return errors.error(400, "AccessDeniedException", "User is not authorized to perform: iam:PassRole")
    return None


def _noted(execution, job):
    """A job's description, as an execution gets to know it."""
    if job.maker is execution:
        execution.job_completed |= job.status == "Completed"
        execution.troubled |= job.status in ("Failed", "Stopped")
    return job.describe()


def _answered(do):
    try:
        result = do()
    except StateError as error:
        return Answer(error=error)
    return result if isinstance(result, Answer) else Answer(result)
