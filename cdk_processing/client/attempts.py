"""Attempts of a run: the SageMaker processing jobs that it created, ``<base>-<RUN_ID>-<attempt>``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cdk_processing.client.account import Account
from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AwsCallError
from cdk_processing.client.history import RunIdentity, identify
from cdk_processing.client.jobs import Job
from cdk_processing.client.runs import Run
from cdk_processing.contract.environment import JobMarks
from cdk_processing.contract.identity import continued_executions
from cdk_processing.contract.names import JobName

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeProcessingJobResponseTypeDef

__all__ = ["DEFAULT_MAX_RUNTIME_SECONDS", "Attempt", "attempts_from", "list_attempts"]

#: The time limit of a processing job that sets none: one day.
DEFAULT_MAX_RUNTIME_SECONDS = 86_400


@dataclass(frozen=True)
class Attempt:
    """One processing job of a run.

    Attributes:
        name: The processing job's name.
        number: The attempt number, from 1.
        status: ``ProcessingJobStatus``: ``InProgress``, ``Completed``, ``Failed``, ``Stopping``, ``Stopped``.
        failure_reason: ``FailureReason``. It begins with a class such as ``AlgorithmError``.
        exit_message: The first KiB of what the container wrote to ``/opt/ml/output/message``.
        created: When it was created.
        ended: When it ended, or None while it runs.
        outputs: The S3 URI of each output, by name.
        execution_arn: The execution that created it; None if no run of a deployed job did.
        parameters_digest: The MD5 of its parameter values; None if it has no parameters.
        identity: The identity of the job whose run created it; None if that has no ``job_id``.
        max_runtime_seconds: Its time limit, ``max_runtime_in_seconds`` of its processor.
    """

    name: str
    number: int
    status: str
    failure_reason: str | None
    exit_message: str | None
    created: datetime
    ended: datetime | None
    outputs: dict[str, str]
    execution_arn: str | None
    parameters_digest: str | None = None
    identity: str | None = None
    max_runtime_seconds: int = DEFAULT_MAX_RUNTIME_SECONDS

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.status in ("Completed", "Failed", "Stopped")

    @property
    def duration(self) -> timedelta | None:
        """The time from its creation to its end; None while it runs."""
        return None if self.ended is None else self.ended - self.created

    @property
    def reached_time_limit(self) -> bool:
        """Whether it stopped at its time limit, and not by a stop request.

        SageMaker reports ``Stopped`` for both, without a reason.
        """
        duration = self.duration
        return (
            self.status == "Stopped" and duration is not None and duration.total_seconds() >= self.max_runtime_seconds
        )

    def is_of(self, job: Job) -> bool:
        """Whether a run of that job created it. Somebody else may have used the same name."""
        if self.execution_arn is None:
            return False
        known = tuple(prefix for prefix in (job.executions, continued_executions(job.job_id)) if prefix is not None)
        return self.execution_arn.startswith(known) or (job.job_id is not None and self.identity == job.identity)


def list_attempts(account: Account, run: Run, identity: RunIdentity | None = None) -> list[Attempt]:
    """List the processing jobs that a run created, oldest first. A duplicate has none.

    Args:
        account: The account and region of the run.
        run: The run.
        identity: The run's identity; left out, it is read.
    """
    first = (identity or identify(account, run)).first
    found = attempts_from(account, first, first.attempt) if first is not None else iter(())
    return [attempt for attempt in found if attempt.execution_arn == run.arn]


def attempts_from(account: Account, name: JobName, first: int) -> Iterator[Attempt]:
    """Yield the processing jobs of a run id from an attempt on, including other people's. Attempts have no gaps."""
    number = first
    while (attempt := _read(account, str(name.with_attempt(number)), number)) is not None:
        yield attempt
        number += 1


def _read(account: Account, name: str, number: int) -> Attempt | None:
    try:
        with aws_errors_as_ours(f"describe the processing job {name}"):
            return _attempt(account.sagemaker.describe_processing_job(ProcessingJobName=name), number)
    except AwsCallError as error:
        # The model says ResourceNotFound; the service has been seen to answer "Could not find requested job".
        if error.code in ("ValidationException", "ResourceNotFound"):
            return None
        raise


def _attempt(description: DescribeProcessingJobResponseTypeDef, number: int) -> Attempt:
    outputs = description.get("ProcessingOutputConfig", {}).get("Outputs", [])
    marks = JobMarks.parse(description.get("Environment", {}))
    return Attempt(
        name=description["ProcessingJobName"],
        number=number,
        status=description["ProcessingJobStatus"],
        failure_reason=description.get("FailureReason"),
        exit_message=description.get("ExitMessage"),
        created=description["CreationTime"],
        ended=description.get("ProcessingEndTime"),
        outputs={output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output},
        execution_arn=marks.execution,
        parameters_digest=marks.parameters,
        identity=marks.identity,
        max_runtime_seconds=description.get("StoppingCondition", {}).get(
            "MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_SECONDS
        ),
    )
