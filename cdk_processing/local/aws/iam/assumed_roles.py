"""Roles that the embedded AWS assumes: the execution role of a job, the role of a state machine for its tasks.

The credentials are real temporary credentials of MiniStack, so IAM checks every call against the role's policies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from cdk_processing.local import ministack
from cdk_processing.local.api_models.loader import shared_loader
from cdk_processing.local.aws.iam.credentials import credentials_for_role, current_role_id
from cdk_processing.local.aws.iam.principals import Principal, role_principal
from cdk_processing.local.job_runner import AccessDeniedError, Listeners

__all__ = ["AssumedRole", "AssumedRoles"]

_RENEW_BEFORE = 3600.0


class AssumedRole:
    """A role that a service has assumed; implements :class:`~cdk_processing.local.job_runner.RoleSession`."""

    names: None = None
    """An assumed role is for the service's own calls; a job's container gets a session of its own."""

    def serve_in(self, network: Listeners) -> NoReturn:
        """An assumed role has no endpoint."""
        raise TypeError(f"{self.role_arn} is assumed for the service's own calls, so it has no endpoint of its own")

    def __init__(self, role_arn: str, region: str, endpoint_url: str, session_name: str) -> None:
        self.role_arn = role_arn
        self.region = region
        self.endpoint_url = endpoint_url
        self._session_name = session_name
        self._credentials = credentials_for_role(role_arn, session_name)
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()

    @property
    def usable(self) -> bool:
        """Whether the credentials expire late enough and belong to the current role of this name."""
        fresh = self._credentials.expires - time.time() > _RENEW_BEFORE
        return fresh and self._credentials.role_id == (current_role_id(self.role_arn) or "")

    def client(self, service: str) -> Any:
        """A boto3 client that signs with the role's credentials."""
        client = self._clients.get(service)
        if client is None:
            with self._lock:
                client = self._clients.get(service)
                if client is None:
                    client = self._clients[service] = self._make_client(service)
        return client

    def _make_client(self, service: str) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        if self._session is None:
            core = botocore.session.Session()
            core.register_component("data_loader", shared_loader())
            self._session = boto3.Session(
                botocore_session=core,
                aws_access_key_id=self._credentials.access_key,
                aws_secret_access_key=self._credentials.secret_key,
                aws_session_token=self._credentials.token,
                region_name=self.region,
            )
        config = Config(
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=32,
            s3={"addressing_style": "path"},
            parameter_validation=True,
            # The host of a synchronous execution is "sync-states..."; here there is one host.
            inject_host_prefix=False,
        )
        return self._session.client(service, endpoint_url=self.endpoint_url, config=config)

    def environment(self) -> Mapping[str, str]:
        """The role's credentials as ``AWS_*`` variables."""
        return {
            "AWS_ACCESS_KEY_ID": self._credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self._credentials.secret_key,
            "AWS_SESSION_TOKEN": self._credentials.token,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def principal(self) -> Principal:
        """The role with its current policies."""
        return role_principal(self.role_arn, self._session_name)

    def authorize(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
        """Raise :class:`AccessDeniedError` if the role's policies do not allow an action."""
        account = self.role_arn.split(":")[4]
        with ministack.request_scope(account, self.region):
            denial = self.principal.denial(action, resource, context)
        if denial is not None:
            raise AccessDeniedError(denial)


class AssumedRoles:
    """The currently assumed roles: one session for each role, region and session name."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._roles: dict[tuple[str, str, str], AssumedRole] = {}
        self._lock = threading.Lock()

    def assume(self, role_arn: str, region: str, session_name: str) -> AssumedRole:
        """The role's session. It is a new one if the old one expires soon or the role was recreated."""
        key = (role_arn, region, session_name)
        with self._lock:
            role = self._roles.get(key)
            if role is None or not role.usable:
                role = self._roles[key] = AssumedRole(role_arn, region, self.endpoint_url, session_name)
            return role

    def reset(self) -> None:
        """Forget every session."""
        with self._lock:
            self._roles.clear()
