"""``arn:aws:states:::sagemaker:createProcessingJob``: start a job, and with ``.sync`` follow it to its end."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import Principal
from cdk_processing.local.aws.sagemaker.errors import ServiceError
from cdk_processing.local.aws.sagemaker.jobs import SageMakerJob, job_arn
from cdk_processing.local.aws.sagemaker.service import AnswerLostError, SageMaker
from cdk_processing.local.aws.stepfunctions.execution import current_execution, execution_error, wait_or_be_stopped
from cdk_processing.local.aws.stepfunctions.history import integration, write
from cdk_processing.local.aws.stepfunctions.permissions import sync_denial

__all__ = ["RESOURCE", "ProcessingTasks"]

RESOURCE = "arn:aws:states:::sagemaker:createProcessingJob"
# Step Functions names an error after its class in the SageMaker SDK (Java, v1), or after the parent class if it has
# none. No published example shows `ResourceInUseException` for this call; it follows from the class of that name.
_CLASSES = {
    "ResourceInUse": "SageMaker.ResourceInUseException",
    "ResourceLimitExceeded": "SageMaker.ResourceLimitExceededException",
    "ResourceNotFound": "SageMaker.ResourceNotFoundException",
}
_ANY_OTHER = "SageMaker.AmazonSageMakerException"
# The Java SDK's name of an error that is no answer of a service. No published example shows it for this call; AWS
# lists `Lambda.SdkClientException` among the errors that a state should retry.
_NO_ANSWER = "SageMaker.SdkClientException"


class ProcessingTasks:
    """The integration, which calls the service directly: no HTTP call, no polling."""

    def __init__(self, sagemaker: SageMaker) -> None:
        self._sagemaker = sagemaker

    def task(self, resource: str, arguments: Any) -> dict[str, Any]:
        """Create a job; with ``.sync``, follow it to its end."""
        execution = current_execution()
        if execution is None:
            raise execution_error("States.Runtime", f"{resource} needs an execution with a role")
        sync = resource.endswith(".sync")
        try:
            if sync:
                denial = sync_denial(execution.principal, _arn(arguments))
                if denial is not None:
                    raise ServiceError("AccessDeniedException", denial)
            answer = self._create(arguments, execution.principal)
        except ServiceError as error:
            raise execution_error(_CLASSES.get(error.code, _ANY_OTHER), _cause(error)) from error
        except AnswerLostError as error:
            raise execution_error(_NO_ANSWER, "Unable to execute HTTP request: Connection reset") from error
        if not sync:
            return answer
        service, action = integration(resource)
        submitted = {"resourceType": service, "resource": action, "output": json.dumps(answer, separators=(",", ":"))}
        job = self._sagemaker.jobs.get(arguments["ProcessingJobName"])
        try:
            write(execution.record, "TaskSubmitted", submitted)
        except BaseException:
            # The execution was stopped meanwhile, or its history is full: nobody follows the job any more.
            self._stop(job, execution.principal)
            raise
        return self._follow(job, execution.principal)

    def _create(self, arguments: Any, principal: Principal) -> dict[str, Any]:
        while True:
            try:
                return self._sagemaker.call("CreateProcessingJob", arguments, principal)
            except AnswerLostError as lost:
                if not lost.retried:
                    raise

    def _follow(self, job: SageMakerJob, principal: Principal) -> dict[str, Any]:
        if not wait_or_be_stopped(job.ended):
            # The state timed out or the execution was stopped: AWS stops the job then, and does not wait for its end.
            self._stop(job, principal)
            raise execution_error("States.TaskFailed", "the task was ended before the job")
        description = job.describe_in_milliseconds()
        if description["ProcessingJobStatus"] != "Completed":
            raise execution_error("States.TaskFailed", json.dumps(description))
        return description

    def _stop(self, job: SageMakerJob, principal: Principal) -> None:
        # Step Functions tries once. If that fails, nobody hears of it, and the job goes on.
        # https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
        with contextlib.suppress(ServiceError, AnswerLostError):
            self._sagemaker.call("StopProcessingJob", {"ProcessingJobName": job.name}, principal)


def _arn(arguments: Any) -> str:
    account, region = ministack.scope()
    name = arguments.get("ProcessingJobName") if isinstance(arguments, dict) else None
    return job_arn(account, region, str(name or ""))


def _cause(error: ServiceError) -> str:
    return (
        f"{error.message} (Service: AmazonSageMaker; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {uuid.uuid4()}; Proxy: null)"
    )
