"""Types that a job runner takes and returns, without logic.

The SageMaker service handles requests, names, states and IAM. The job runner handles downloads, containers and uploads.
They share only the types below, so that each can be tested without the other.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = ["AccessDeniedError", "JobResult", "Listeners", "NameService", "ProgressObserver", "RoleSession", "RunJob"]


class AccessDeniedError(Exception):
    """The execution role does not allow an action. The message is AWS's."""


@dataclass(frozen=True, slots=True)
class NameService:
    """Where AWS's own host names lead in a job.

    Attributes:
        address: The address of a name server. AWS's names lead to the same address, where TLS is served.
        authority: The certificate of the authority that signs for AWS's names, as PEM.
    """

    address: str
    authority: str


@dataclass(frozen=True, slots=True)
class Listeners:
    """Sockets that listen in the network of one job.

    Attributes:
        endpoint: For the job's endpoint, on the same address and port as on the host.
        address: The address of the other two.
        questions: For questions about names (UDP, port 53).
        tls: For TLS under AWS's names (port 443).
    """

    endpoint: socket.socket
    address: str
    questions: socket.socket
    tls: socket.socket


class RoleSession(Protocol):
    """The assumed execution role of one job. IAM checks every call through it against the role's policies."""

    @property
    def role_arn(self) -> str:
        """ARN of the execution role."""

    @property
    def region(self) -> str:
        """Region of the job."""

    @property
    def endpoint_url(self) -> str:
        """The URL of the embedded AWS, for example ``http://127.0.0.1:40123``."""

    @property
    def names(self) -> NameService | None:
        """Where AWS's own host names lead on the host. None: the embedded AWS may not listen on the ports it takes."""

    def serve_in(self, network: Listeners) -> NameService:
        """Serve the job's endpoint and AWS's names in the job's own network, too. The sockets can then be closed."""

    def client(self, service: str) -> Any:
        """A boto3 client that signs with the role's temporary credentials (cached per role, thread-safe)."""

    def environment(self) -> Mapping[str, str]:
        """``AWS_*`` variables that give a process in the container the role's credentials and the endpoint."""

    def authorize(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
        """Check the permission for an action that makes no real call here (an ECR pull, say).

        Raises:
            AccessDeniedError: The role's policies do not allow it.
        """


class ProgressObserver(Protocol):
    """Follows a job. Methods return at once and never raise."""

    def phase(self, phase: Literal["Preparing", "Downloading", "Processing", "Uploading"], doing: str = "") -> None:
        """A new phase has begun, or the current phase begins a new step that takes long.

        Args:
            phase: The phase.
            doing: The step, for human readers: ``building the environment of ...``. Empty if the phase alone is enough.
        """

    def transferred(self, done: int, total: int) -> None:
        """The bytes transferred in the current phase so far, and the total."""

    def log(self, line: str) -> None:
        """A line that a container wrote (to either stream)."""


@dataclass(frozen=True)
class JobResult:
    """How a processing job ended.

    Attributes:
        status: ``Completed``, ``Failed`` or ``Stopped``.
        failure_reason: The service's message, beginning with a class such as ``AlgorithmError:`` or ``ClientError:``.
        exit_message: The first KiB of ``/opt/ml/output/message``, if the container wrote one.
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
        """Run the job. ``stop`` is set when the job must end early."""
