"""Processing jobs: their names, states and times, and the threads that run them."""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from typing import Any, Literal

from cdk_processing.local import ministack
from cdk_processing.local.aws.events.bus import put_event
from cdk_processing.local.aws.iam.assumed_roles import AssumedRoles
from cdk_processing.local.aws.iam.trust import service_may_assume
from cdk_processing.local.aws.sagemaker import pulls
from cdk_processing.local.aws.sagemaker.errors import in_use, not_found, validation
from cdk_processing.local.aws.sagemaker.job_session import job_session
from cdk_processing.local.aws.sagemaker.logs import LogStream
from cdk_processing.local.faults import Fault, JobFails, JobStuck
from cdk_processing.local.injection import Faults
from cdk_processing.local.job_runner import AccessDeniedError, JobResult, RunJob
from cdk_processing.local.signals import Signal
from cdk_processing.local.wire.job_doors import JobDoors

__all__ = ["ProcessingJobs", "SageMakerJob", "job_arn"]

logger = logging.getLogger(__name__)

DEFAULT_MAX_RUNTIME = 86_400
_LONGEST_REASON = 1024
_LONGEST_EXIT_MESSAGE = 1024
_TIMES = ("CreationTime", "ProcessingStartTime", "ProcessingEndTime", "LastModifiedTime")
TERMINAL = ("Completed", "Failed", "Stopped")


def job_arn(account: str, region: str, name: str) -> str:
    """ARN of a job. SageMaker writes the name in lower case."""
    return f"arn:aws:sagemaker:{region}:{account}:processing-job/{name.lower()}"


class SageMakerJob:
    """One processing job. It is also the observer to which its runner reports progress."""

    def __init__(self, request: Mapping[str, Any], account: str, region: str) -> None:
        now = _now()
        self.account = account
        self.region = region
        self.arn = job_arn(account, region, request["ProcessingJobName"])
        self.tags: dict[str, str] = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
        self.ended = Signal()
        self.stop = threading.Event()
        self.current_phase: str | None = None
        self.doing = ""
        self.bytes_done = 0
        self.bytes_total = 0
        self.stream: LogStream | None = None
        self.turn: Future[None] | None = None
        self.fault: Fault | None = None
        self._lock = threading.Lock()
        self._fields: dict[str, Any] = {
            **{key: deepcopy(value) for key, value in request.items() if key != "Tags"},
            "StoppingCondition": {
                "MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME,
                **(request.get("StoppingCondition") or {}),
            },
            "ProcessingJobArn": self.arn,
            "ProcessingJobStatus": "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }

    @property
    def name(self) -> str:
        """The name as the request gives it."""
        return str(self._fields["ProcessingJobName"])

    @property
    def status(self) -> str:
        """The current status."""
        return str(self._fields["ProcessingJobStatus"])

    def describe(self) -> dict[str, Any]:
        """The DescribeProcessingJob response, with times in seconds, as in the API."""
        with self._lock:
            return deepcopy(self._fields)

    def describe_in_milliseconds(self) -> dict[str, Any]:
        """The description as in Step Functions and EventBridge, with times in whole milliseconds."""
        description = self.describe()
        for field in _TIMES:
            if field in description:
                description[field] = round(description[field] * 1000)
        return description

    def update(self, **fields: Any) -> bool:
        """Set fields, unless the job has ended. Return whether the fields were set."""
        with self._lock:
            if self.status in TERMINAL:
                return False
            self._fields.update({key: value for key, value in fields.items() if value is not None})
            self._fields["LastModifiedTime"] = _now()
            return True

    def phase(self, phase: Literal["Preparing", "Downloading", "Processing", "Uploading"], doing: str = "") -> None:
        """Record a new phase. The container starts with ``Processing``."""
        self.current_phase, self.doing = phase, doing
        self.bytes_done = self.bytes_total = 0
        if phase == "Processing" and "ProcessingStartTime" not in self._fields:
            self.update(ProcessingStartTime=_now())

    def transferred(self, done: int, total: int) -> None:
        """Record the progress of a transfer."""
        self.bytes_done, self.bytes_total = done, total

    def log(self, line: str) -> None:
        """Write a line from the container to the log stream."""
        if self.stream is not None:
            self.stream.write(line)


class ProcessingJobs:
    """All jobs so far, by account and region, and the threads that run them."""

    def __init__(
        self, roles: AssumedRoles, run_job: RunJob, faults: Faults, doors: JobDoors, at_once: int | None = None
    ) -> None:
        self.roles = roles
        self._doors = doors
        self._faults = faults
        self._run_job = run_job
        self._jobs: dict[tuple[str, str, str], SageMakerJob] = {}
        self._lock = threading.Lock()
        # SageMaker has an instance for every job, but a laptop has few cores. Further jobs wait with status InProgress.
        self._threads = ThreadPoolExecutor(at_once or max(4, 2 * (os.cpu_count() or 1)), "processing-job")

    def add(self, request: Mapping[str, Any]) -> SageMakerJob:
        """Add a job from a valid request. The job is then ``InProgress``, and its name is taken for good.

        Raises:
            ServiceError: ``ResourceInUse`` for a name that is taken, ``ValidationException`` for a role that SageMaker
                cannot assume.
        """
        account, region = ministack.scope()
        job = SageMakerJob(request, account, region)
        key = (account, region, job.name.lower())
        with self._lock:
            if key in self._jobs:
                raise in_use(self._jobs[key].arn)
            if not service_may_assume(request["RoleArn"], "sagemaker.amazonaws.com", account, job.arn):
                raise validation(
                    f"Could not assume role {request['RoleArn']}. Please ensure that the role exists and allows "
                    "principal 'sagemaker.amazonaws.com' to assume the role."
                )
            job.fault = self._fault_of(request)
            self._jobs[key] = job
        self._announce(job)
        if isinstance(job.fault, JobStuck):
            # It takes no thread away from other jobs. Only StopProcessingJob ends it.
            return job
        job.turn = self._threads.submit(contextvars.copy_context().run, self._run, job)
        return job

    def _fault_of(self, request: Mapping[str, Any]) -> Fault | None:
        """The fault that strikes an accepted job, if any."""
        if not self._faults:
            return None
        struck = self._faults.for_job(request["ProcessingResources"]["ClusterConfig"].get("InstanceType"))
        return struck.fault if struck else None

    def get(self, name: str) -> SageMakerJob:
        """A job of the current account and region.

        Raises:
            ServiceError: ``ResourceNotFound``.
        """
        account, region = ministack.scope()
        job = self._jobs.get((account, region, name.lower()))
        if job is None:
            raise not_found(f"Could not find requested job with name: {name}")
        return job

    def stop(self, name: str) -> None:
        """Stop a job.

        Raises:
            ServiceError: ``ResourceNotFound``, or ``ValidationException`` for a job that is not in progress.
        """
        job = self.get(name)
        if job.status == "Stopping" or not job.update(ProcessingJobStatus="Stopping"):
            raise validation(f"The request was rejected because the processing job is in status {job.status}.")
        self._announce(job)
        job.stop.set()
        if isinstance(job.fault, JobStuck) or (job.turn is not None and job.turn.cancel()):
            # The job has no thread yet (or never gets one). End it now instead of when a thread is free.
            self._end(job, JobResult("Stopped"))

    def here(self) -> Iterator[SageMakerJob]:
        """The jobs of the current account and region."""
        place = ministack.scope()
        for key, job in list(self._jobs.items()):
            if key[:2] == place:
                yield job

    def everywhere(self) -> list[SageMakerJob]:
        """The jobs of all accounts and regions, in the order of their creation."""
        return list(self._jobs.values())

    def close(self, timeout: float) -> None:
        """Stop every job and wait up to ``timeout`` seconds for all to end."""
        deadline = time.monotonic() + timeout
        for job in self.everywhere():
            job.stop.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for job in self.everywhere():
            if job.current_phase is not None:
                job.ended.wait(max(0.0, deadline - time.monotonic()))

    def reset(self) -> None:
        """Stop the running jobs and forget all jobs."""
        for job in self.everywhere():
            job.stop.set()
        with self._lock:
            self._jobs.clear()

    def _run(self, job: SageMakerJob) -> None:
        try:
            result = self._result_of(job)
        except Exception:
            logger.exception("the runner failed on %s", job.arn)
            result = JobResult("Failed", "InternalServerError: We encountered an internal error. Please try again.")
        try:
            if job.stream is not None:
                job.stream.close()
                if job.stream.denial is not None and result.status == "Completed":
                    result = _refused(job.stream.denial)
        except Exception:
            logger.exception("the log stream of %s could not be closed", job.arn)
        self._end(job, result)

    def _result_of(self, job: SageMakerJob) -> JobResult:
        if job.stop.is_set():
            return JobResult("Stopped")
        if isinstance(job.fault, JobFails):
            return JobResult("Failed", job.fault.reason)
        job.phase("Preparing")
        description = job.describe()
        session = self.roles.assume(description["RoleArn"], job.region, "SageMaker")
        try:
            pulls.check_role(session, description["AppSpecification"]["ImageUri"])
            stream = LogStream(session, job.name)
            stream.open()
        except AccessDeniedError as denied:
            return _refused(denied)
        job.stream = stream
        try:
            with job_session(self._doors, session, description) as own:
                return self._run_job(description, own, job, job.stop)
        except AccessDeniedError as denied:
            return _refused(denied)

    def _end(self, job: SageMakerJob, result: JobResult) -> None:
        reason = result.failure_reason
        job.update(
            ProcessingJobStatus=result.status,
            ProcessingEndTime=_now(),
            FailureReason=reason[:_LONGEST_REASON] if reason else None,
            ExitMessage=result.exit_message[:_LONGEST_EXIT_MESSAGE] if result.exit_message else None,
        )
        self._announce(job)
        job.ended.set()

    def _announce(self, job: SageMakerJob) -> None:
        detail = {**job.describe_in_milliseconds(), "Tags": job.tags}
        with ministack.request_scope(job.account, job.region):
            put_event("aws.sagemaker", "SageMaker Processing Job State Change", detail, [job.arn])


def _refused(denied: AccessDeniedError) -> JobResult:
    text = str(denied)
    return JobResult("Failed", text if text.startswith("ClientError") else f"ClientError: {text}")


def _now() -> float:
    return round(time.time(), 3)
