"""``arn:aws:states:::sagemaker:createProcessingJob``: start a job, and with ``.sync`` follow it to its end."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.principals import Principal
from cdk_processing.local.aws.sagemaker.errors import ServiceError
from cdk_processing.local.aws.sagemaker.jobs import SageMakerJob, job_arn
from cdk_processing.local.aws.sagemaker.service import AnswerLostError, SageMaker
from cdk_processing.local.aws.stepfunctions.execution import current_execution, execution_error, wait_or_be_stopped
from cdk_processing.local.aws.stepfunctions.permissions import sync_denial

__all__ = ["RESOURCE", "ProcessingTasks"]

RESOURCE = "arn:aws:states:::sagemaker:createProcessingJob"
# Step Functions names what the SageMaker SDK (Java, v1) has a class for after the class, and all else after its parent.
# `ResourceInUseException` is not seen in public for this call, it follows from the class of that name.
_CLASSES = {
    "ResourceInUse": "SageMaker.ResourceInUseException",
    "ResourceLimitExceeded": "SageMaker.ResourceLimitExceededException",
    "ResourceNotFound": "SageMaker.ResourceNotFoundException",
}
_ANY_OTHER = "SageMaker.AmazonSageMakerException"
# What the Java SDK calls an error that no service answered with. Not seen in public for this call; AWS names
# `Lambda.SdkClientException` among those a state should retry.
_NO_ANSWER = "SageMaker.SdkClientException"


class ProcessingTasks:
    """The integration, on the service itself: no call over the wire, no polling."""

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
        return self._follow(self._sagemaker.jobs.get(arguments["ProcessingJobName"]), execution.principal)

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
        # Tried once and no more: nobody is told where it fails, and the job then goes on.
        # https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
        with contextlib.suppress(ServiceError, AnswerLostError):
            self._sagemaker.call("StopProcessingJob", {"ProcessingJobName": job.name}, principal)


def _arn(arguments: Any) -> str:
    account, region = ministack.scope()
    name = arguments.get("ProcessingJobName") if isinstance(arguments, dict) else None
    return job_arn(account, region, str(name or ""))


def _cause(error: ServiceError) -> str:
    return f"{error.message} (Service: AmazonSageMaker; Status Code: {error.status}; Error Code: {error.code})"
