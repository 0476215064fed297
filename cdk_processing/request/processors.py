"""The processors of the SageMaker SDK, argument for argument: an image, a command and the compute to run it on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.images import ProcessingImage, check_framework_version
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.tokens import is_token

__all__ = ["Processor", "SKLearnProcessor", "ScriptProcessor"]

_UNSET: Final = object()
_ISOLATED = NetworkConfig(enable_network_isolation=True)
_BASE_NAME = re.compile(r"[a-z0-9](-*[a-z0-9])*")

#: What a start at synth time cannot do, and what does it instead.
_RUN_TIME_ARGUMENTS = {
    "wait": "nothing starts at synth, so there is nothing to wait for; wait with `cdk-processing start --wait`",
    "logs": "nothing starts at synth; follow a run's logs with `cdk-processing logs`",
    "job_name": "job names are unique for ever and every run needs one of its own; set base_job_name on the processor",
    "kms_key": "code is a CDK asset; its bucket's key is chosen with `cdk bootstrap --bootstrap-kms-key-id`",
}


class _Compute:
    """What every processor shares: checks and defaults over the fields that the SDK's processors have."""

    __slots__ = ()

    role: Any
    instance_count: int | None
    instance_type: str | None
    volume_size_in_gb: int
    volume_kms_key: Any
    output_kms_key: Any
    max_runtime_in_seconds: Any
    base_job_name: str | None
    sagemaker_session: None
    env: dict[str, str] | None
    tags: Sequence[dict[str, str]] | None
    network_config: NetworkConfig | None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        raise NotImplementedError

    @property
    def network(self) -> NetworkConfig:
        """The network options in force: isolated, where none are given."""
        return _ISOLATED if self.network_config is None else self.network_config

    @property
    def max_runtime(self) -> int | None:
        """Seconds after which SageMaker stops a job; None leaves the service's 24 hours."""
        runtime = self.max_runtime_in_seconds
        if hasattr(runtime, "to_seconds"):  # aws_cdk.Duration
            return int(runtime.to_seconds())
        return runtime if runtime is None else int(runtime)

    def entrypoint_for(self, code_path: str | None) -> list[str] | None:
        """The container's entrypoint, once it is known where the script lies; None leaves the image's own."""
        raise NotImplementedError

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        owner = type(self).__name__
        found = self.image.problems()
        found += limits.check_range("instance_count", self.instance_count, limits.INSTANCE_COUNT, owner)
        if not isinstance(self.instance_type, str) or not (
            is_token(self.instance_type) or limits.INSTANCE_TYPE.fullmatch(self.instance_type)
        ):
            allowed = "a SageMaker instance type such as 'ml.m5.xlarge'"
            found.append(Problem("instance_type", self.instance_type, allowed, f"set instance_type on {owner}"))
        found += limits.check_range("volume_size_in_gb", self.volume_size_in_gb, limits.VOLUME_SIZE_IN_GB, owner)
        found += self._runtime_problems(owner)
        if self.base_job_name is not None:
            found += check_base_name(self.base_job_name, owner)
        if self.sagemaker_session is not None:
            fix = "leave it out; credentials are those of `cdk deploy`"
            found.append(
                Problem("sagemaker_session", self.sagemaker_session, "left out: nothing is called at synth", fix)
            )
        found += limits.check_environment(self.env, reserved=1, owner=owner)
        found += limits.check_tags(self.tags, reserved=1, owner=owner)
        if isinstance(self.network_config, NetworkConfig):
            found += [problem.inside("network_config") for problem in self.network_config.problems()]
        elif self.network_config is not None:
            fix = "import NetworkConfig from cdk_processing"
            found.append(Problem("network_config", self.network_config, "a NetworkConfig", fix))
        return found

    def _runtime_problems(self, owner: str) -> list[Problem]:
        runtime = self.max_runtime_in_seconds
        if runtime is None or is_token(runtime):
            return []
        seconds = self.max_runtime if hasattr(runtime, "to_seconds") else runtime
        return limits.check_range("max_runtime_in_seconds", seconds, limits.MAX_RUNTIME_IN_SECONDS, owner)

    def _request(
        self, code: Any, inputs: Any, outputs: Any, arguments: Any, experiment_config: Any, **run_time: object
    ) -> ProcessingRequest:
        for name, value in run_time.items():
            if value is not _UNSET:
                raise TypeError(f"{type(self).__name__}.run() takes no {name}=: {_RUN_TIME_ARGUMENTS[name]}")
        return ProcessingRequest(
            processor=self,
            code=code,
            inputs=_as_tuple(inputs),
            outputs=_as_tuple(outputs),
            arguments=None if arguments is None else _as_tuple(arguments),
            experiment_config=experiment_config,
        )


class _ScriptCompute(_Compute):
    """What the processors share that run a script."""

    __slots__ = ()

    def run(
        self,
        code: Any,
        inputs: Sequence[Any] | None = None,
        outputs: Sequence[Any] | None = None,
        arguments: Sequence[Any] | None = None,
        wait: object = _UNSET,
        logs: object = _UNSET,
        job_name: object = _UNSET,
        experiment_config: dict[str, str] | None = None,
        kms_key: object = _UNSET,
    ) -> ProcessingRequest:
        """Say what is to run; nothing is started.

        Args:
            code: Path of a local script (it becomes an asset), or the ``s3://`` URI of one.
            inputs: At most 9 :class:`ProcessingInput`; the script is the tenth.
            outputs: At most 10 :class:`ProcessingOutput`.
            arguments: At most 100 strings of at most 256 characters; run-time values are welcome.
            wait: Not taken.
            logs: Not taken.
            job_name: Not taken.
            experiment_config: ``ExperimentName``, ``TrialName``, ``TrialComponentDisplayName``, ``RunName``.
            kms_key: Not taken.

        Raises:
            TypeError: ``wait``, ``logs``, ``job_name`` or ``kms_key`` is given; the text says what to use instead.
        """
        return self._request(
            code,
            inputs,
            outputs,
            arguments,
            experiment_config,
            wait=wait,
            logs=logs,
            job_name=job_name,
            kms_key=kms_key,
        )


@dataclass(frozen=True, slots=True)
class Processor(_Compute):
    """Runs an image as it is: its own entrypoint, or the one given.

    Args:
        role: ``iam.IRole`` or ARN of the execution role. Left out, a role with just what the job needs is made.
        image_uri: A :class:`ProcessingImage`, or an image's URI.
        instance_count: 1-100 hosts.
        instance_type: For example ``ml.m5.xlarge``.
        entrypoint: 1-100 strings of at most 256 characters. Left out, the image's own.
        volume_size_in_gb: 1-16,384 GB of storage a host.
        volume_kms_key: ``kms.IKey`` or ARN that encrypts that storage.
        output_kms_key: ``kms.IKey`` or ARN that encrypts the outputs. Left out, the bucket's own encryption.
        max_runtime_in_seconds: 1-777,600, or a ``Duration``. Left out, SageMaker stops a job after 24 hours.
        base_job_name: At most 24 lower-case letters, digits and hyphens that job names begin with. Left out, it is
            made from the construct's path.
        env: At most 99 environment variables of at most 256 characters.
        tags: At most 49 tags, ``[{"Key": ..., "Value": ...}]``.
        network_config: Left out, the container is cut off from every network.

    Source: https://sagemaker.readthedocs.io/en/v2/api/training/processing.html
    """

    role: Any = None
    image_uri: Any = None
    instance_count: int | None = None
    instance_type: str | None = None
    entrypoint: Sequence[str] | None = None
    volume_size_in_gb: int = 30
    volume_kms_key: Any = None
    output_kms_key: Any = None
    max_runtime_in_seconds: Any = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: dict[str, str] | None = None
    tags: Sequence[dict[str, str]] | None = None
    network_config: NetworkConfig | None = None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return ProcessingImage.of(self.image_uri)

    def entrypoint_for(self, code_path: str | None) -> list[str] | None:
        """The entrypoint given, if any."""
        return list(self.entrypoint) if self.entrypoint else None

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        # super() without arguments does not survive dataclass(slots=True), which makes the class anew.
        return _Compute.problems(self) + _command_problems("entrypoint", self.entrypoint)

    def run(
        self,
        inputs: Sequence[Any] | None = None,
        outputs: Sequence[Any] | None = None,
        arguments: Sequence[Any] | None = None,
        wait: object = _UNSET,
        logs: object = _UNSET,
        job_name: object = _UNSET,
        experiment_config: dict[str, str] | None = None,
        kms_key: object = _UNSET,
    ) -> ProcessingRequest:
        """Say what the image is to run on; nothing is started.

        Raises:
            TypeError: ``wait``, ``logs``, ``job_name`` or ``kms_key`` is given; the text says what to use instead.
        """
        return self._request(
            None,
            inputs,
            outputs,
            arguments,
            experiment_config,
            wait=wait,
            logs=logs,
            job_name=job_name,
            kms_key=kms_key,
        )


@dataclass(frozen=True, slots=True)
class ScriptProcessor(_ScriptCompute):
    """Runs a script in an image of one's own. Takes what :class:`Processor` takes, and the command.

    Args:
        command: What runs the script, for example ``["python3"]``: 1-99 strings.
    """

    role: Any = None
    image_uri: Any = None
    command: Sequence[str] | None = None
    instance_count: int | None = None
    instance_type: str | None = None
    volume_size_in_gb: int = 30
    volume_kms_key: Any = None
    output_kms_key: Any = None
    max_runtime_in_seconds: Any = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: dict[str, str] | None = None
    tags: Sequence[dict[str, str]] | None = None
    network_config: NetworkConfig | None = None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return ProcessingImage.of(self.image_uri)

    def entrypoint_for(self, code_path: str | None) -> list[str] | None:
        """The command, followed by the script."""
        return [*(self.command or ()), code_path or ""]

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        found = _Compute.problems(self)
        if not self.command:
            allowed = "a list such as ['python3']"
            found.append(Problem("command", self.command, allowed, "set command on ScriptProcessor"))
        return found + _command_problems("command", self.command)


@dataclass(frozen=True, slots=True)
class SKLearnProcessor(_ScriptCompute):
    """Runs a script in AWS's scikit-learn image. Takes what :class:`ScriptProcessor` takes, and the version.

    Args:
        framework_version: For example ``1.4-2``, which is scikit-learn 1.4.2.
        command: Left out, ``["python3"]``.

    Example:
        >>> processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        >>> processor.run(code="s3://code/prep.py").processor.framework_version
        '1.4-2'
    """

    framework_version: str
    role: Any = None
    instance_count: int | None = None
    instance_type: str | None = None
    command: Sequence[str] | None = None
    volume_size_in_gb: int = 30
    volume_kms_key: Any = None
    output_kms_key: Any = None
    max_runtime_in_seconds: Any = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: dict[str, str] | None = None
    tags: Sequence[dict[str, str]] | None = None
    network_config: NetworkConfig | None = None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        return ProcessingImage.sklearn(self.framework_version)

    def entrypoint_for(self, code_path: str | None) -> list[str] | None:
        """The command, followed by the script."""
        return [*(self.command or ("python3",)), code_path or ""]

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        found = check_framework_version("sklearn", self.framework_version, "SKLearnProcessor")
        return found + _Compute.problems(self) + _command_problems("command", self.command)


def check_base_name(name: Any, owner: str) -> list[Problem]:
    """A name that SageMaker takes, in lower case because its ARNs are, and short enough for what follows it."""
    if isinstance(name, str) and _BASE_NAME.fullmatch(name) and len(name) <= limits.BASE_NAME_LENGTH:
        return []
    allowed = f"1-{limits.BASE_NAME_LENGTH} lower-case letters, digits and inner hyphens"
    legal = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[: limits.BASE_NAME_LENGTH].strip("-")
    return [Problem("base_job_name", name, allowed, f"write base_job_name={legal or 'job'!r} on {owner}")]


def _command_problems(field: str, command: Any) -> list[Problem]:
    if command is None:
        return []
    if not isinstance(command, (list, tuple)) or not all(isinstance(word, str) for word in command):
        words = [str(word) for word in command] if isinstance(command, (list, tuple)) else str(command).split()
        return [Problem(field, command, "a list of str", f"write {words!r}")]
    found = []
    if len(command) > limits.ARGUMENT_LIMIT:
        found.append(Problem(field, len(command), "at most 100 strings", "put the command into a script"))
    for index, word in enumerate(command):
        fix = "put the command into a script"
        found += limits.check_text(f"{field}[{index}]", word, limits.ARGUMENT_LENGTH, fix, shortest=0)
    return found


def _as_tuple(value: Any) -> Any:
    """A frozen copy of a list; anything else is kept for the checks to name."""
    return tuple(value) if isinstance(value, (list, tuple)) else () if value is None else value
