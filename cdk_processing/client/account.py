"""An account and region, and the clients for them, each created at its first use."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from cdk_processing.client.aws_calls import aws_errors_as_ours, endpoint_problem, is_on_this_machine
from cdk_processing.client.errors import AwsCallError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.session import Session as BotocoreSession
    from types_boto3_events.client import EventBridgeClient
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_s3.client import S3Client
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_scheduler.client import EventBridgeSchedulerClient
    from types_boto3_sqs.client import SQSClient
    from types_boto3_stepfunctions.client import SFNClient

__all__ = ["Account"]


class Account:
    """An account and region, with one boto3 session.

    Args:
        session: A boto3 session; left out, boto3 makes one from the environment (``AWS_PROFILE``,
            ``AWS_REGION``, ``AWS_ENDPOINT_URL`` ...).
        profile: A profile of the AWS configuration, if you pass no session.
        region: The region; left out, the session's own.
        endpoint_url: The URL of an embedded AWS; left out, ``AWS_ENDPOINT_URL`` or AWS itself.
    """

    def __init__(
        self,
        session: Session | None = None,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        self._session = session
        self._profile = profile
        self._region = region
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}

    @cached_property
    def region(self) -> str | None:
        """The region's name; None if none is configured."""
        if self._region is not None:
            return self._region
        if self._session is not None:
            return self._session.region_name
        # botocore reads only AWS_DEFAULT_REGION; every other SDK reads AWS_REGION.
        return os.environ.get("AWS_REGION") or cast("str | None", self._core.get_config_variable("region"))

    @cached_property
    def _core(self) -> BotocoreSession:
        # boto3's session wraps this one. Importing boto3 would take a third of the time until a command's first line.
        import botocore.session

        return botocore.session.Session(profile=self._profile)

    def client(self, service: str) -> Any:
        """The client of a service for this account and region, as boto3 makes it.

        Raises:
            AwsCallError: The profile or region does not exist, no region is set, or the endpoint is no URL.
        """
        from botocore.config import Config

        if service in self._clients:
            return self._clients[service]
        if self._place and (problem := endpoint_problem(self._place)):
            raise AwsCallError(f"Could not reach AWS: {problem}", problem=problem)
        with aws_errors_as_ours("reach AWS"):
            create: Any = self._core.create_client if self._session is None else self._session.client
            self._clients[service] = create(
                service,
                region_name=self.region,
                endpoint_url=self._endpoint_url,
                config=Config(
                    # Wait when AWS throttles. Do not wait for an embedded AWS that has ended.
                    retries={"mode": "standard", "max_attempts": 2 if self._is_local else 6},
                    user_agent_extra="cdk-processing",
                ),
            )
        return self._clients[service]

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        for client in self._clients.values():
            client.close()

    @property
    def states(self) -> SFNClient:
        """Step Functions."""
        return cast("SFNClient", self.client("stepfunctions"))

    @property
    def sagemaker(self) -> SageMakerClient:
        """SageMaker."""
        return cast("SageMakerClient", self.client("sagemaker"))

    @property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        return cast("CloudWatchLogsClient", self.client("logs"))

    @property
    def queues(self) -> SQSClient:
        """SQS."""
        return cast("SQSClient", self.client("sqs"))

    @property
    def s3(self) -> S3Client:
        """S3."""
        return cast("S3Client", self.client("s3"))

    @property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        return cast("EventBridgeClient", self.client("events"))

    @property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler."""
        return cast("EventBridgeSchedulerClient", self.client("scheduler"))

    def __str__(self) -> str:
        return f"{self.region} ({self._place})" if self._is_local else str(self.region)

    @property
    def _place(self) -> str:
        return self._endpoint_url or os.environ.get("AWS_ENDPOINT_URL", "")

    @property
    def _is_local(self) -> bool:
        return is_on_this_machine(self._place)
