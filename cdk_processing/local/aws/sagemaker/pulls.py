"""Permissions that an execution role needs before the container starts: to pull the image and publish metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdk_processing.local.job_runner import AccessDeniedError, RoleSession

__all__ = ["ImageRepository", "check_role", "repository_of"]

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>amazonaws\.com(?:\.cn)?)"
    r"/(?P<name>[^:@]+)(?:[:@].*)?"
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
_NAMESPACE = "/aws/sagemaker/ProcessingJobs"


@dataclass(frozen=True)
class ImageRepository:
    """The ECR repository of an image."""

    account: str
    region: str
    partition: str
    name: str

    @property
    def arn(self) -> str:
        """ARN of the repository."""
        return f"arn:{self.partition}:ecr:{self.region}:{self.account}:repository/{self.name}"


def repository_of(image_uri: str) -> ImageRepository | None:
    """The ECR repository of an image; None for an image that is not in ECR."""
    match = _ECR.fullmatch(image_uri)
    if match is None:
        return None
    region = match["region"]
    partition = "aws-cn" if match["suffix"].endswith(".cn") else "aws-us-gov" if "gov" in region else "aws"
    return ImageRepository(match["account"], region, partition, match["name"])


def check_role(session: RoleSession, image_uri: str) -> None:
    """Check the role's permission to pull the image and to publish the job's metrics.

    Raises:
        AccessDeniedError: A permission is missing. For the pull, the message is AWS's message for a failed pull.
    """
    repository = repository_of(image_uri)
    if repository is not None:
        try:
            session.authorize("ecr:GetAuthorizationToken", "*")
            for action in _PULL:
                session.authorize(action, repository.arn)
        except AccessDeniedError as denied:
            raise AccessDeniedError(
                f"Unable to pull the image {image_uri}: {denied}. Please ensure that the execution role "
                f"{session.role_arn} can pull from {repository.arn}"
            ) from denied
    session.authorize("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": _NAMESPACE})
