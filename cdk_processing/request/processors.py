"""The processors of the SageMaker SDK that run an image or a script, with the SDK's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdk_processing.errors import Problem
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.compute import UNSET, Compute, NotTaken, check_command
from cdk_processing.request.images import ProcessingImage, check_framework_version
from cdk_processing.request.location import S3Location
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import bundle_program, image_program, script_program
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.runtime import Text
from cdk_processing.request.types import Duration, ImageAsset, Key, ListOf, LocalPath, Role, WholeNumber

__all__ = ["Processor", "SKLearnProcessor", "ScriptProcessor"]


class ScriptCompute(Compute):
    """The ``run()`` of the processors that run a script."""

    __slots__ = ()

    command: ListOf[str] | None

    @property
    def words(self) -> list[str]:
        """The command that runs the script; () if it is no list of words."""
        return list(self.command) if isinstance(self.command, (list, tuple)) else []

    def run(
        self,
        code: LocalPath | S3Location,
        inputs: ListOf[ProcessingInput] | None = None,
        outputs: ListOf[ProcessingOutput] | None = None,
        arguments: ListOf[Text] | None = None,
        wait: NotTaken = UNSET,
        logs: NotTaken = UNSET,
        job_name: NotTaken = UNSET,
        experiment_config: Mapping[str, Text] | None = None,
        kms_key: NotTaken = UNSET,
        *,
        source_dir: LocalPath | S3Location | None = None,
        dependencies: ListOf[LocalPath] | None = None,
        codeartifact_repo_arn: str | None = None,
    ) -> ProcessingRequest:
        """A request to run code; it starts nothing.

        Args:
            code: Path of a local script (it becomes an asset), or the ``s3://`` URI of one. With ``source_dir``, the
                script's path within that folder.
            inputs: :class:`ProcessingInput`; 10 with those that bring the code.
            outputs: At most 10 :class:`ProcessingOutput`.
            arguments: At most 100 strings of at most 256 characters; they may hold run-time values.
            wait: Not taken.
            logs: Not taken.
            job_name: Not taken.
            experiment_config: ``ExperimentName``, ``TrialName``, ``TrialComponentDisplayName``, ``RunName``.
            kms_key: Not taken.
            source_dir: A local folder of code, or the ``s3://`` URI of a ``sourcedir.tar.gz``. A ``requirements.txt``
                in it is installed before the script runs, and the job has a network by default.
            dependencies: More local folders and files, which are put beside the code.
            codeartifact_repo_arn: The CodeArtifact repository to install requirements from.
        """
        if source_dir is None and dependencies in (None, [], ()) and codeartifact_repo_arn is None:
            program = script_program(self.words, code)
        else:
            program = bundle_program(self.words, code, source_dir, dependencies, codeartifact_repo_arn)
        return self._request(
            program,
            inputs,
            outputs,
            arguments,
            experiment_config,
            {"wait": wait, "logs": logs, "job_name": job_name, "kms_key": kms_key},
        )


@dataclass(frozen=True, slots=True)
class Processor(Compute):
    """Runs an image, with its own entrypoint or another.

    Args:
        role: ``iam.IRole`` or ARN of the execution role. Left out, the job gets a least-privilege role.
        image_uri: A :class:`ProcessingImage`, an image's URI, or an ``ecr_assets.DockerImageAsset``.
        instance_count: 1-100 hosts. If only CloudFormation knows a number (``CfnParameter.value_as_number``), SageMaker
            checks it when it creates the job.
        instance_type: For example ``ml.m5.xlarge``. Of a list of up to 5, a run tries the next one if there is no
            capacity.
        entrypoint: 1-100 strings of at most 256 characters. Left out, the image's own.
        volume_size_in_gb: 1-16,384 GB of storage for each host.
        volume_kms_key: ``kms.IKey``, ARN or id that encrypts that storage; not for types with local NVMe storage.
        output_kms_key: ``kms.IKey``, ARN, id or alias that encrypts the outputs. Left out, the bucket
            encrypts them its own way.
        max_runtime_in_seconds: 1-777,600, or a ``Duration``. Left out, SageMaker stops a job after 24 hours.
        base_job_name: The beginning of job names: at most 24 lower-case letters, digits and hyphens. Left out, it comes
            from the construct's path.
        env: At most 99 environment variables of at most 256 characters.
        tags: At most 49 tags, ``[{"Key": ..., "Value": ...}]``.
        network_config: Left out, the container has no network.

    Source: https://sagemaker.readthedocs.io/en/v2/api/training/processing.html
    """

    role: Role | str | None = None
    image_uri: ProcessingImage | ImageAsset | str | None = None
    instance_count: WholeNumber | None = None
    instance_type: str | ListOf[str] | None = None
    entrypoint: ListOf[str] | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return ProcessingImage.of(self.image_uri)

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        # dataclass(slots=True) makes a new class, so super() without arguments fails.
        return Compute.problems(self) + check_command("entrypoint", self.entrypoint)

    def run(
        self,
        inputs: ListOf[ProcessingInput] | None = None,
        outputs: ListOf[ProcessingOutput] | None = None,
        arguments: ListOf[Text] | None = None,
        wait: NotTaken = UNSET,
        logs: NotTaken = UNSET,
        job_name: NotTaken = UNSET,
        experiment_config: Mapping[str, Text] | None = None,
        kms_key: NotTaken = UNSET,
    ) -> ProcessingRequest:
        """A request to run the image; it starts nothing."""
        return self._request(
            image_program(self.entrypoint),
            inputs,
            outputs,
            arguments,
            experiment_config,
            {"wait": wait, "logs": logs, "job_name": job_name, "kms_key": kms_key},
        )


@dataclass(frozen=True, slots=True)
class ScriptProcessor(ScriptCompute):
    """Runs a script in an image of your own. It takes the arguments of :class:`Processor`, and the command.

    Args:
        command: What runs the script, for example ``["python3"]``: 1-99 strings.
    """

    role: Role | str | None = None
    image_uri: ProcessingImage | ImageAsset | str | None = None
    command: ListOf[str] | None = None
    instance_count: WholeNumber | None = None
    instance_type: str | ListOf[str] | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return ProcessingImage.of(self.image_uri)

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        found = Compute.problems(self)
        if not self.command:
            allowed = "a list such as ['python3']"
            found.append(Problem("command", self.command, allowed, "set command on ScriptProcessor"))
        return found + check_command("command", self.command)


@dataclass(frozen=True, slots=True)
class SKLearnProcessor(ScriptCompute):
    """Runs a script in AWS's scikit-learn image. It takes the arguments of :class:`ScriptProcessor`, and the version.

    Args:
        framework_version: For example ``1.4-2``, which is scikit-learn 1.4.2.
        command: Left out, ``["python3"]``.

    Example:
        >>> processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        >>> processor.run(code="s3://code/prep.py").processor.framework_version
        '1.4-2'
    """

    framework_version: str
    role: Role | str | None = None
    instance_count: WholeNumber | None = None
    instance_type: str | ListOf[str] | None = None
    command: ListOf[str] | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    @property
    def words(self) -> list[str]:
        """The command that runs the script."""
        return list(self.command) if isinstance(self.command, (list, tuple)) and self.command else ["python3"]

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return ProcessingImage.sklearn(self.framework_version)

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        found = check_framework_version("sklearn", self.framework_version, "SKLearnProcessor")
        return found + Compute.problems(self) + check_command("command", self.command)
