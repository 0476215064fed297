"""The execution role of one job. Containers with a network get their own credentials and endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cdk_processing.local.aws.iam.assumed_roles import AssumedRole
from cdk_processing.local.aws.iam.credentials import Credentials, credentials_for_role
from cdk_processing.local.job_runner import Listeners, NameService, RoleSession
from cdk_processing.local.wire.job_doors import JobDoor, JobDoors

__all__ = ["job_session"]


class _JobSession:
    """Uses the role's session for the service's own calls, and gives containers the job's credentials and endpoint."""

    def __init__(self, role: AssumedRole, credentials: Credentials, door: JobDoor) -> None:
        self._role = role
        self._credentials = credentials
        self._door = door
        names = door.names
        self.names = None if names is None else NameService(names.address, names.authority)
        self.role_arn = role.role_arn
        self.region = role.region
        self.endpoint_url = role.endpoint_url

    def client(self, service: str) -> Any:
        """A boto3 client for the service's own calls."""
        return self._role.client(service)

    def authorize(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
        """Check the permission for an action that makes no real call here."""
        self._role.authorize(action, resource, context)

    def serve_in(self, network: Listeners) -> NameService:
        """Serve the job's endpoint and AWS's names in the job's own network, too."""
        names = self._door.serve_in(network)
        return NameService(names.address, names.authority)

    def environment(self) -> Mapping[str, str]:
        """The job's own credentials and endpoint."""
        return {
            **self._role.environment(),
            "AWS_ACCESS_KEY_ID": self._credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self._credentials.secret_key,
            "AWS_SESSION_TOKEN": self._credentials.token,
            "AWS_ENDPOINT_URL": self._door.url,
        }


@contextmanager
def job_session(doors: JobDoors, role: AssumedRole, description: Mapping[str, Any]) -> Iterator[RoleSession]:
    """The session that a job runs with. Its credentials and its endpoint end with the job."""
    if (description.get("NetworkConfig") or {}).get("EnableNetworkIsolation"):
        yield role  # its containers have no network, so they get no credentials
        return
    credentials = credentials_for_role(role.role_arn, "SageMaker")
    door = doors.open(credentials.access_key)
    try:
        yield _JobSession(role, credentials, door)
    finally:
        door.close()
