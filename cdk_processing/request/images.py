"""Which container image a job runs: AWS's own, one in a registry, one in ECR, or one built from a folder.

The tables of AWS's images are in ``images.json``, read from the SageMaker SDK's own tables. What an image needs from
CDK (an asset, a CloudFormation mapping) is the business of :mod:`cdk_processing.constructs.image`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.tokens import is_token

__all__ = ["AwsImage", "ProcessingImage", "image_versions", "registry_accounts", "url_suffix"]

_URL_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}


@dataclass(frozen=True, slots=True)
class AwsImage:
    """An image that AWS publishes in an account of its own, one account a region.

    Attributes:
        family: ``sklearn``.
        repository: Name of the ECR repository.
        tag: The whole tag, for example ``1.4-2-cpu-py3``.
    """

    family: str
    repository: str
    tag: str

    def uri(self, account: str, region: str, suffix: str) -> str:
        """The image's URI in a region; each part may be a CDK token."""
        return f"{account}.dkr.ecr.{region}.{suffix}/{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class ProcessingImage:
    """An image for a processor. Make one with a ``from_...`` method; a ``str`` is a registry URI.

    Example:
        >>> ProcessingImage.from_registry("111122223333.dkr.ecr.us-west-2.amazonaws.com/prep:1").registry_uri
        '111122223333.dkr.ecr.us-west-2.amazonaws.com/prep:1'
    """

    registry_uri: str | None = None
    aws: AwsImage | None = None
    repository: Any = None
    tag_or_digest: str | None = None
    directory: str | None = None
    build_options: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def from_registry(cls, uri: str) -> ProcessingImage:
        """An image by its URI, at most 255 characters. An ECR URI is given pull permissions on its repository."""
        return cls(registry_uri=uri)

    @classmethod
    def from_ecr_repository(
        cls, repository: Any, *, tag: str | None = None, digest: str | None = None
    ) -> ProcessingImage:
        """An image in an ``ecr.IRepository``, by tag (``latest`` where neither is given) or ``sha256:`` digest."""
        if tag is not None and digest is not None:
            return cls(repository=repository, tag_or_digest=f"{tag} and {digest}")
        return cls(repository=repository, tag_or_digest=digest or tag or "latest")

    @classmethod
    def from_build(cls, directory: str | os.PathLike[str], **build_options: Any) -> ProcessingImage:
        """An image that ``cdk deploy`` builds from a folder with a Dockerfile.

        Args:
            directory: The folder.
            build_options: Passed on to ``ecr_assets.DockerImageAsset``: ``build_args``, ``file``, ``platform`` ...
        """
        return cls(directory=os.fspath(directory), build_options=tuple(sorted(build_options.items())))

    @classmethod
    def sklearn(cls, framework_version: str) -> ProcessingImage:
        """AWS's scikit-learn image of a version, for example ``1.4-2``."""
        repository = _table("sklearn")["versions"].get(framework_version, {}).get("repository", "")
        return cls(aws=AwsImage("sklearn", repository, f"{framework_version}-cpu-py3"))

    @classmethod
    def of(cls, image: Any) -> ProcessingImage:
        """Whatever a processor was given as ``image_uri``, as a ProcessingImage."""
        return image if isinstance(image, ProcessingImage) else cls(registry_uri=image)

    def problems(self) -> list[Problem]:
        """What is wrong with the image."""
        if self.aws is not None:
            return []  # its version is checked where it was named
        if self.repository is not None:
            return self._repository_problems()
        if self.directory is not None:
            if (Path(self.directory) / dict(self.build_options).get("file", "Dockerfile")).is_file():
                return []
            allowed = "a folder that holds a Dockerfile"
            return [Problem("directory", self.directory, allowed, "correct the path; it is relative to where cdk runs")]
        uri = self.registry_uri
        if not isinstance(uri, str) or not uri:
            fix = "pass image_uri, or ProcessingImage.from_build(folder)"
            return [Problem("image_uri", uri, "an image URI or a ProcessingImage", fix)]
        if not is_token(uri) and (len(uri) > limits.IMAGE_URI_LENGTH or any(c.isspace() for c in uri)):
            return [Problem("image_uri", uri, "at most 255 characters without spaces", "check the URI")]
        return []

    def _repository_problems(self) -> list[Problem]:
        found = []
        if not hasattr(self.repository, "repository_uri"):
            fix = "pass the repository construct, or from_registry(uri)"
            found.append(Problem("repository", self.repository, "an ecr.IRepository", fix))
        if " and " in (self.tag_or_digest or ""):
            found.append(Problem("tag", self.tag_or_digest, "given without digest, or the other way round", "drop one"))
        return found


def image_versions(family: str) -> list[str]:
    """The versions of an image family that AWS publishes, oldest first."""
    return list(_table(family)["versions"])


def registry_accounts(family: str) -> dict[str, str]:
    """Region to the account that holds an image family there."""
    registries: dict[str, str] = _table(family)["registries"]
    return registries


def url_suffix(region: str) -> str:
    """Domain of a region's endpoints and registries."""
    return next((suffix for prefix, suffix in _URL_SUFFIXES.items() if region.startswith(prefix)), "amazonaws.com")


def check_framework_version(family: str, version: Any, owner: str) -> list[Problem]:
    """A version that AWS publishes an image of; the nearest ones are named otherwise."""
    versions = image_versions(family)
    if version in versions:
        return []
    near = get_close_matches(str(version), versions, n=2, cutoff=0.5) or versions[-2:]
    allowed = f"one of {', '.join(versions)}"
    return [Problem("framework_version", version, allowed, f"nearest: {' or '.join(near)}; set it on {owner}")]


@cache
def _table(family: str) -> dict[str, Any]:
    tables = json.loads((Path(__file__).parent / "images.json").read_text(encoding="utf-8"))
    table: dict[str, Any] = tables[family]
    return table
