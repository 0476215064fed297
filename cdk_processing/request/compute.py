"""What every processor shares: the fields of the SDK's processors that say what to run on, and their checks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.instances import check_instance_types, check_volume_key
from cdk_processing.request.keys import check_key
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import Program
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token

__all__ = ["UNSET", "Compute", "check_base_name", "check_command"]

UNSET: Final = object()
_BASE_NAME = re.compile(r"[a-z0-9](-*[a-z0-9])*")

#: What a start at synth time cannot do, and what does it instead.
_RUN_TIME_ARGUMENTS = {
    "wait": "nothing starts at synth, so there is nothing to wait for; wait with `cdk-processing start --wait`",
    "logs": "nothing starts at synth; follow a run's logs with `cdk-processing logs`",
    "job_name": "job names are unique for ever and every run needs one of its own; set base_job_name on the processor",
    "git_config": "nothing is cloned at synth; check the repository out, or add it as a submodule, and name its path",
    "kms_key": "code is a CDK asset; its bucket's key is chosen with `cdk bootstrap --bootstrap-kms-key-id`",
}


#: An argument that stands before others in the SDK's signature, so that None is how to pass it by.
_NONE_IS_LEFT_OUT = ("git_config",)


class Compute:
    """What every processor shares: checks and defaults over the fields that the SDK's processors have."""

    __slots__ = ()

    role: Any
    instance_count: int | None
    instance_type: str | Sequence[str] | None
    volume_size_in_gb: int
    volume_kms_key: Any
    output_kms_key: Any
    max_runtime_in_seconds: Any
    base_job_name: str | None
    sagemaker_session: None
    env: dict[str, str] | None
    tags: Sequence[dict[str, str]] | dict[str, str] | None
    network_config: NetworkConfig | None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        raise NotImplementedError

    @property
    def tag_list(self) -> Any:
        """The tags as the API takes them; a dict, which the SDK takes too, is one tag an entry."""
        if isinstance(self.tags, dict):
            return [{"Key": key, "Value": value} for key, value in self.tags.items()]
        return self.tags

    @property
    def max_runtime(self) -> int | None:
        """Seconds after which SageMaker stops a job; None leaves the service's 24 hours."""
        runtime = self.max_runtime_in_seconds
        if hasattr(runtime, "to_seconds"):  # aws_cdk.Duration
            return int(runtime.to_seconds())
        return runtime if runtime is None else int(runtime)

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        owner = type(self).__name__
        found = self.image.problems()
        found += limits.check_range("instance_count", self.instance_count, limits.INSTANCE_COUNT, owner)
        found += check_instance_types(self.instance_type, owner)
        found += check_key("volume_kms_key", self.volume_kms_key, owner)
        found += check_volume_key(self.volume_kms_key, self.instance_type, owner)
        found += check_key("output_kms_key", self.output_kms_key, owner)
        found += limits.check_range("volume_size_in_gb", self.volume_size_in_gb, limits.VOLUME_SIZE_IN_GB, owner)
        found += self._runtime_problems(owner)
        found += _check_role(self.role, owner)
        if self.base_job_name is not None:
            found += check_base_name(self.base_job_name, owner)
        if self.sagemaker_session is not None:
            fix = "leave it out; credentials are those of `cdk deploy`"
            found.append(
                Problem("sagemaker_session", self.sagemaker_session, "left out: nothing is called at synth", fix)
            )
        found += limits.check_environment(self.env, reserved=1, owner=owner)
        found += limits.check_tags(self.tag_list, reserved=1, owner=owner)
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
        self,
        program: Program,
        inputs: Any,
        outputs: Any,
        arguments: Any,
        experiment_config: Any,
        **run_time: object,
    ) -> ProcessingRequest:
        for name, value in run_time.items():
            if value is not UNSET and not (value is None and name in _NONE_IS_LEFT_OUT):
                raise TypeError(f"{type(self).__name__}.run() takes no {name}=: {_RUN_TIME_ARGUMENTS[name]}")
        return ProcessingRequest(
            processor=self,
            program=program,
            inputs=_as_tuple(inputs),
            outputs=_as_tuple(outputs),
            arguments=None if arguments is None else _as_tuple(arguments),
            experiment_config=experiment_config,
        )


def _check_role(role: Any, owner: str) -> list[Problem]:
    """An ``iam.IRole`` or an ARN; how an ARN must look, the service's model knows."""
    # The class is asked first: asking a construct for its ARN is a call into Node.
    if role is None or hasattr(type(role), "role_arn") or hasattr(role, "role_arn"):
        return []
    if isinstance(role, str) and not has_run_time_value(role):
        return []
    allowed = "an iam.IRole, or the ARN of a role, known at synth"
    return [Problem("role", role, allowed, f"pass the construct, or leave role out on {owner} and have one made")]


def check_base_name(name: Any, owner: str) -> list[Problem]:
    """A name that SageMaker takes, in lower case because its ARNs are, and short enough for what follows it."""
    if isinstance(name, str) and _BASE_NAME.fullmatch(name) and len(name) <= limits.BASE_NAME_LENGTH:
        return []
    allowed = f"1-{limits.BASE_NAME_LENGTH} lower-case letters, digits and inner hyphens"
    legal = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[: limits.BASE_NAME_LENGTH].strip("-")
    return [Problem("base_job_name", name, allowed, f"write base_job_name={legal or 'job'!r} on {owner}")]


def check_command(field: str, command: Any) -> list[Problem]:
    """Words of a command: at most 100, of at most 256 characters."""
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
