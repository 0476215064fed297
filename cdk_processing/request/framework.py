"""The SDK's framework processors. They run a folder of code with its requirements in AWS's image of a framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cdk_processing.errors import Problem
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.compute import UNSET, Compute, NotTaken, check_command
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.location import S3Location
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import bundle_program
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.runtime import Text
from cdk_processing.request.types import Duration, ImageAsset, Key, ListOf, LocalPath, Role, WholeNumber

__all__ = [
    "FrameworkProcessor",
    "HuggingFaceProcessor",
    "MXNet",
    "MXNetProcessor",
    "PyTorch",
    "PyTorchProcessor",
    "SKLearn",
    "TensorFlow",
    "TensorFlowProcessor",
    "XGBoost",
    "XGBoostProcessor",
]


class _Framework:
    """Names a framework. The SDK takes an estimator's class here; no estimator is ever created."""

    name: ClassVar[str]


class SKLearn(_Framework):
    """scikit-learn, as ``FrameworkProcessor(estimator_cls=SKLearn, ...)``."""

    name = "sklearn"


class XGBoost(_Framework):
    """XGBoost, as ``FrameworkProcessor(estimator_cls=XGBoost, ...)``."""

    name = "xgboost"


class PyTorch(_Framework):
    """PyTorch, as ``FrameworkProcessor(estimator_cls=PyTorch, ...)``."""

    name = "pytorch"


class TensorFlow(_Framework):
    """TensorFlow, as ``FrameworkProcessor(estimator_cls=TensorFlow, ...)``."""

    name = "tensorflow"


class MXNet(_Framework):
    """MXNet, as ``FrameworkProcessor(estimator_cls=MXNet, ...)``."""

    name = "mxnet"


class _FrameworkCompute(Compute):
    """The fields and the ``run()`` of all framework processors."""

    __slots__ = ()

    image_uri: ProcessingImage | ImageAsset | str | None
    command: ListOf[str] | None
    code_location: None

    @property
    def published_image(self) -> ProcessingImage:
        """AWS's image of the framework; ``image_uri`` replaces it."""
        raise NotImplementedError

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return self.published_image if self.image_uri is None else ProcessingImage.of(self.image_uri)

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        found = Compute.problems(self) + check_command("command", self.command)
        if self.code_location is not None:
            fix = "leave it out; code is a CDK asset in the bootstrap bucket"
            found.append(Problem("code_location", self.code_location, "left out", fix))
        return found

    def run(
        self,
        code: LocalPath | S3Location,
        source_dir: LocalPath | S3Location | None = None,
        dependencies: ListOf[LocalPath] | None = None,
        git_config: NotTaken | None = UNSET,
        inputs: ListOf[ProcessingInput] | None = None,
        outputs: ListOf[ProcessingOutput] | None = None,
        arguments: ListOf[Text] | None = None,
        wait: NotTaken = UNSET,
        logs: NotTaken = UNSET,
        job_name: NotTaken = UNSET,
        experiment_config: Mapping[str, Text] | None = None,
        kms_key: NotTaken = UNSET,
        codeartifact_repo_arn: str | None = None,
    ) -> ProcessingRequest:
        """A request to run code; it starts nothing.

        Args:
            code: Path of a local script; with ``source_dir``, its path within that folder. In S3 (``s3://`` URI or
                :class:`S3Location`) the command runs a Python file, and bash runs any other file.
            source_dir: A local folder of code, or the ``s3://`` URI of a ``sourcedir.tar.gz``. If it has a
                ``requirements.txt``, the container installs that first, and the job has a network by default.
            dependencies: More local folders and files, which are put beside the code.
            git_config: Not taken.
            inputs: At most 8 :class:`ProcessingInput`; the code takes two more.
            outputs: At most 10 :class:`ProcessingOutput`.
            arguments: At most 100 strings of at most 256 characters; they may hold run-time values.
            wait: Not taken.
            logs: Not taken.
            job_name: Not taken.
            experiment_config: ``ExperimentName``, ``TrialName``, ``TrialComponentDisplayName``, ``RunName``.
            kms_key: Not taken.
            codeartifact_repo_arn: The CodeArtifact repository to install requirements from.
        """
        command = self.command if isinstance(self.command, (list, tuple)) and self.command else ["python"]
        return self._request(
            bundle_program(command, code, source_dir, dependencies, codeartifact_repo_arn),
            inputs,
            outputs,
            arguments,
            experiment_config,
            {"git_config": git_config, "wait": wait, "logs": logs, "job_name": job_name, "kms_key": kms_key},
        )


@dataclass(frozen=True, slots=True)
class FrameworkProcessor(_FrameworkCompute):
    """Runs a folder of code in AWS's image of a framework.

    Args:
        estimator_cls: :class:`SKLearn`, :class:`XGBoost`, :class:`PyTorch`, :class:`TensorFlow` or :class:`MXNet`.
        framework_version: Version of the framework. AWS must publish an image of it.
        role: ``iam.IRole`` or ARN of the execution role. Left out, the job gets a least-privilege role.
        instance_count: 1-100 hosts.
        instance_type: For example ``ml.m5.xlarge``. It decides between the image for CPUs and the one for GPUs. Of a
            list of up to 5, a run tries the next one if there is no capacity.
        py_version: Python version of the image: ``py3``, ``py310`` ...
        image_uri: An image to run instead of the framework's.
        command: What runs the script. Left out, ``["python"]``.
        volume_size_in_gb: 1-16,384 GB of storage for each host.
        volume_kms_key: ``kms.IKey``, ARN or id that encrypts that storage; not for types with local NVMe storage.
        output_kms_key: ``kms.IKey``, ARN, id or alias that encrypts the outputs.
        code_location: Not taken: code is a CDK asset.
        max_runtime_in_seconds: 1-777,600, or a ``Duration``. Left out, SageMaker stops a job after 24 hours.
        base_job_name: The beginning of job names: at most 24 lower-case letters, digits and hyphens.
        sagemaker_session: Not taken.
        env: At most 99 environment variables.
        tags: At most 49 tags.
        network_config: Left out, the container has no network, unless it installs requirements.
    """

    estimator_cls: type[object]
    framework_version: str
    role: Role | str | None = None
    instance_count: WholeNumber | None = None
    instance_type: str | ListOf[str] | None = None
    py_version: str = "py3"
    image_uri: ProcessingImage | ImageAsset | str | None = None
    command: ListOf[str] | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    code_location: None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    @property
    def published_image(self) -> ProcessingImage:
        """AWS's image of the framework."""
        # The SDK's own estimator classes have this name too, so a snippet that imports them from the SDK works.
        name = getattr(self.estimator_cls, "name", None) or getattr(self.estimator_cls, "_framework_name", None)
        return ProcessingImage.framework(
            str(name or self.estimator_cls),
            self.framework_version,
            py_version=self.py_version,
            instance_type=self.instance_type,
            owner=type(self).__name__,
        )


@dataclass(frozen=True, slots=True)
class _NamedFrameworkProcessor(_FrameworkCompute):
    """Runs a folder of code in AWS's image of one framework. It takes the arguments of :class:`FrameworkProcessor`."""

    framework_version: str
    role: Role | str | None = None
    instance_count: WholeNumber | None = None
    instance_type: str | ListOf[str] | None = None
    py_version: str = "py3"
    image_uri: ProcessingImage | ImageAsset | str | None = None
    command: ListOf[str] | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    code_location: None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    framework: ClassVar[str] = ""

    @property
    def published_image(self) -> ProcessingImage:
        """AWS's image of the framework."""
        return ProcessingImage.framework(
            self.framework,
            self.framework_version,
            py_version=self.py_version,
            instance_type=self.instance_type,
            owner=type(self).__name__,
        )


class PyTorchProcessor(_NamedFrameworkProcessor):
    """Runs a folder of code in AWS's PyTorch image."""

    __slots__ = ()
    framework = "pytorch"


class TensorFlowProcessor(_NamedFrameworkProcessor):
    """Runs a folder of code in AWS's TensorFlow image."""

    __slots__ = ()
    framework = "tensorflow"


class MXNetProcessor(_NamedFrameworkProcessor):
    """Runs a folder of code in AWS's MXNet image."""

    __slots__ = ()
    framework = "mxnet"


class XGBoostProcessor(_NamedFrameworkProcessor):
    """Runs a folder of code in AWS's XGBoost image."""

    __slots__ = ()
    framework = "xgboost"


@dataclass(frozen=True, slots=True)
class HuggingFaceProcessor(_FrameworkCompute):
    """Runs a folder of code in AWS's Hugging Face image. It takes the arguments of :class:`FrameworkProcessor`.

    Args:
        transformers_version: Version of Transformers.
        tensorflow_version: Version of TensorFlow, or
        pytorch_version: version of PyTorch, that the image is built on.
    """

    role: Role | str | None = None
    instance_count: WholeNumber | None = None
    instance_type: str | ListOf[str] | None = None
    transformers_version: str | None = None
    tensorflow_version: str | None = None
    pytorch_version: str | None = None
    py_version: str = "py36"
    image_uri: ProcessingImage | ImageAsset | str | None = None
    command: ListOf[str] | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    code_location: None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    @property
    def published_image(self) -> ProcessingImage:
        """AWS's image of Transformers with TensorFlow or PyTorch."""
        base = f"pytorch{self.pytorch_version}" if self.pytorch_version else f"tensorflow{self.tensorflow_version}"
        return ProcessingImage.framework(
            "huggingface",
            str(self.transformers_version),
            py_version=self.py_version,
            instance_type=self.instance_type,
            base_framework_version=base,
            owner=type(self).__name__,
        )

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        found = _FrameworkCompute.problems(self)
        if self.image_uri is None and (self.tensorflow_version is None) == (self.pytorch_version is None):
            given = {"tensorflow_version": self.tensorflow_version, "pytorch_version": self.pytorch_version}
            fix = "set pytorch_version or tensorflow_version on HuggingFaceProcessor"
            found.append(Problem("pytorch_version", given, "given, or else tensorflow_version", fix))
        return found
