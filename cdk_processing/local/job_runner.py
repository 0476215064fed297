"""What a job runner takes and returns; no logic lives here.

The SageMaker service knows requests, names, states and IAM. The job runner knows downloads, containers and uploads.
They meet in the types below, so that each is tested without the other.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = ["AccessDeniedError", "JobResult", "ProgressObserver", "RoleSession", "RunJob"]


class AccessDeniedError(Exception):
    """The execution role may not do something; the text is the one AWS gives."""


class RoleSession(Protocol):
    """The execution role of one job, assumed: whatever is done through it is held to the role's policies."""

    @property
    def role_arn(self) -> str:
        """ARN of the execution role."""

    @property
    def region(self) -> str:
        """Region of the job."""

    @property
    def endpoint_url(self) -> str:
        """Where the embedded AWS listens, for example ``http://127.0.0.1:40123``."""

    def client(self, service: str) -> Any:
        """A boto3 client that signs with the role's temporary credentials (cached per role, thread-safe)."""

    def environment(self) -> Mapping[str, str]:
        """``AWS_*`` variables that give a process in the container the role's credentials and the endpoint."""

    def authorize(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
        """Evaluate an action that has no real call here (an ECR pull, say).

        Raises:
            AccessDeniedError: The role's policies do not allow it.
        """


class ProgressObserver(Protocol):
    """Follows a job. Methods return at once and never raise."""

    def phase(self, phase: Literal["Preparing", "Downloading", "Processing", "Uploading"], doing: str = "") -> None:
        """A new phase has begun, or the phase comes to something new that takes long.

        Args:
            phase: The phase.
            doing: What is done, for people: ``building the environment of ...``. Empty where the phase says it all.
        """

    def transferred(self, done: int, total: int) -> None:
        """Bytes of the current phase's transfer, so far and in all."""

    def log(self, line: str) -> None:
        """A line that a container wrote (to either stream)."""


@dataclass(frozen=True)
class JobResult:
    """How a processing job ended.

    Attributes:
        status: ``Completed``, ``Failed`` or ``Stopped``.
        failure_reason: The service's words, beginning with a class such as ``AlgorithmError:`` or ``ClientError:``.
        exit_message: The first KiB of ``/opt/ml/output/message``, where the container wrote one.
    """

    status: Literal["Completed", "Failed", "Stopped"]
    failure_reason: str | None = None
    exit_message: str | None = None


class RunJob(Protocol):
    """Runs one job to its end."""

    def __call__(
        self,
        description: Mapping[str, Any],
        session: RoleSession,
        observer: ProgressObserver,
        stop: threading.Event,
    ) -> JobResult:
        """Run it; ``stop`` is set when it shall end early."""
