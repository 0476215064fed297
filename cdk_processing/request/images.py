"""The container image of a job: AWS's own, one in a registry, one in ECR, or one built from a folder.

:mod:`cdk_processing.request.aws_images` finds AWS's own images. :mod:`cdk_processing.constructs.image` makes what an
image needs from the CDK: an asset or a CloudFormation mapping.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.aws_images import (
    AwsImage,
    check_framework_version,
    framework_image,
    image_families,
    image_py_versions,
    image_versions,
    registry_accounts,
    spark_image,
    url_suffix,
)
from cdk_processing.request.files import is_local_path
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import ImageAsset, ListOf, Repository

__all__ = [
    "AwsImage",
    "ProcessingImage",
    "check_framework_version",
    "image_families",
    "image_py_versions",
    "image_versions",
    "registry_accounts",
    "url_suffix",
]


@dataclass(frozen=True, slots=True)
class ProcessingImage:
    """An image for a processor. Make one with a ``from_...`` method; a ``str`` is a registry URI.

    Example:
        >>> ProcessingImage.from_registry("111122223333.dkr.ecr.us-west-2.amazonaws.com/prep:1").registry_uri
        '111122223333.dkr.ecr.us-west-2.amazonaws.com/prep:1'
    """

    registry_uri: str | None = None
    aws: AwsImage | None = None
    repository: Repository | None = None
    tag_or_digest: str | None = None
    directory: str | None = None
    # Passed to the CDK unchanged.
    build_options: tuple[tuple[str, Any], ...] = ()
    mistakes: tuple[Problem, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def from_registry(cls, uri: str) -> ProcessingImage:
        """An image by its URI, at most 255 characters. For an ECR URI, the job may pull from its repository."""
        return cls(registry_uri=uri)

    @classmethod
    def from_ecr_repository(
        cls, repository: Repository, *, tag: str | None = None, digest: str | None = None
    ) -> ProcessingImage:
        """An image in an ``ecr.IRepository``, by tag or ``sha256:`` digest; left out, ``latest``."""
        if tag is not None and digest is not None:
            return cls(repository=repository, tag_or_digest=f"{tag} and {digest}")
        return cls(repository=repository, tag_or_digest=digest or tag or "latest")

    @classmethod
    def from_build(cls, directory: str | os.PathLike[str], **build_options: Any) -> ProcessingImage:
        """An image that ``cdk deploy`` builds from a folder with a Dockerfile.

        Args:
            directory: The folder.
            build_options: Passed to ``ecr_assets.DockerImageAsset``: ``build_args``, ``file``, ``platform`` ...
        """
        return cls(directory=os.fspath(directory), build_options=tuple(sorted(build_options.items())))

    @classmethod
    def sklearn(cls, framework_version: str) -> ProcessingImage:
        """AWS's scikit-learn image of a version, for example ``1.4-2``."""
        # SKLearnProcessor checks the version.
        image, _ = framework_image("sklearn", framework_version, "py3", None, None, None, "SKLearnProcessor")
        return cls(aws=image)

    @classmethod
    def framework(
        cls,
        framework: str,
        framework_version: str | None = None,
        *,
        py_version: str | None = None,
        instance_type: str | ListOf[str] | None = None,
        base_framework_version: str | None = None,
        container_version: str | None = None,
        owner: str = "ProcessingImage.framework",
    ) -> ProcessingImage:
        """AWS's image of a framework: the one that the SDK's processor of that framework runs.

        Args:
            framework: ``sklearn``, ``xgboost``, ``pytorch``, ``tensorflow``, ``mxnet``, ``huggingface`` ..., see
                :func:`image_families`.
            framework_version: In full or, if AWS publishes the alias, short: ``2.1.0`` or ``2.1``. For ``huggingface``,
                the version of transformers. Leave it out if there is only one.
            py_version: For example ``py310``. Leave it out if there is only one.
            instance_type: The job's instance type, such as ``ml.g5.xlarge``. Needed if AWS publishes one image for
                CPUs and another one for GPUs.
            base_framework_version: For ``huggingface``: ``pytorch2.0.0`` or ``tensorflow2.6.3``; short if
                framework_version is short.
            container_version: The last part of the tag, for ``huggingface`` and ``pytorch-smp``, if the table has none.
            owner: The class that problems name.

        Example:
            >>> image = ProcessingImage.framework("pytorch", "2.1.0", py_version="py310", instance_type="ml.g5.xlarge")
            >>> image.aws.uri_in("eu-west-1")
            '763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.1.0-gpu-py310'

        Source: https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
        """
        image, mistakes = framework_image(
            framework, framework_version, py_version, instance_type, base_framework_version, container_version, owner
        )
        return cls(aws=image, mistakes=mistakes)

    @classmethod
    def spark(
        cls,
        framework_version: str,
        *,
        py_version: str | None = None,
        container_version: str | None = None,
        instance_type: str | ListOf[str] | None = None,
        owner: str = "ProcessingImage.spark",
    ) -> ProcessingImage:
        """AWS's Spark image, as the SDK's ``PySparkProcessor`` and ``SparkJarProcessor`` run it.

        Args:
            framework_version: For example ``3.5``.
            py_version: For example ``py312``; with container_version, or neither.
            container_version: For example ``1``; with py_version, or neither.
            instance_type: The job's instance type; one with a GPU is refused, because the image cannot use it.
            owner: The class that problems name.

        Example:
            >>> ProcessingImage.spark("3.3").aws.uri_in("us-west-2")
            '153931337802.dkr.ecr.us-west-2.amazonaws.com/sagemaker-spark-processing:3.3-cpu'
        """
        image, mistakes = spark_image(framework_version, py_version, container_version, instance_type, owner)
        return cls(aws=image, mistakes=mistakes)

    @classmethod
    def of(cls, image: ProcessingImage | ImageAsset | str | None) -> ProcessingImage:
        """The ``image_uri`` of a processor as a ProcessingImage."""
        if isinstance(image, ProcessingImage):
            return image
        if image is not None and not isinstance(image, str) and hasattr(image, "image_tag"):
            return cls(repository=image.repository, tag_or_digest=image.image_tag)
        return cls(registry_uri=cast("str | None", image))

    def problems(self) -> list[Problem]:
        """What is wrong with the image."""
        if self.aws is not None:
            return list(self.mistakes)
        if self.repository is not None:
            return self._repository_problems()
        if self.directory is not None:
            dockerfile = dict(self.build_options).get("file", "Dockerfile")
            if is_local_path(self.directory) and (Path(self.directory) / dockerfile).is_file():
                return []
            allowed = "a folder that holds a Dockerfile"
            return [Problem("directory", self.directory, allowed, "correct the path; it is relative to where cdk runs")]
        uri = self.registry_uri
        if not isinstance(uri, str) or not uri:
            fix = "pass image_uri, or ProcessingImage.from_build(folder)"
            if hasattr(uri, "repository_uri"):
                fix = 'write ProcessingImage.from_ecr_repository(repository, tag="...")'
            return [Problem("image_uri", uri, "an image URI or a ProcessingImage", fix)]
        if not is_token(uri) and (len(uri) > limits.IMAGE_URI_LENGTH or any(c.isspace() for c in uri)):
            return [Problem("image_uri", uri, "at most 255 characters without spaces", "check the URI")]
        if not is_token(uri) and "://" in uri:
            fix = f"write {uri.partition('://')[2]!r}"
            return [Problem("image_uri", uri, "registry/repository:tag, without https://", fix)]
        repository = re.split(r"[:@](?!.*/)", uri)[0]
        if not is_token(uri) and repository.lower() != repository:
            fix = f"write {uri.replace(repository, repository.lower(), 1)!r}"
            return [Problem("image_uri", uri, "a repository in lower case: registries have no other", fix)]
        return []

    def _repository_problems(self) -> list[Problem]:
        found = []
        if not hasattr(self.repository, "repository_uri"):
            fix = "pass the repository construct, or from_registry(uri)"
            found.append(Problem("repository", self.repository, "an ecr.IRepository", fix))
        if " and " in (self.tag_or_digest or ""):
            found.append(Problem("tag", self.tag_or_digest, "given without digest, or digest without tag", "drop one"))
        return found
