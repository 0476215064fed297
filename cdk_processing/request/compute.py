"""The fields of all processors that describe the hosts, with their defaults and checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Final, TypeVar, cast

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.instances import check_instance_types, check_volume_key
from cdk_processing.request.keys import check_key
from cdk_processing.request.likely import in_place_of
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import Program
from cdk_processing.request.request import ProcessingRequest, as_words
from cdk_processing.request.runtime import Text, has_run_time_value
from cdk_processing.request.tokens import is_number_token, is_token
from cdk_processing.request.types import Duration, Key, ListOf, Role, WholeNumber

__all__ = ["UNSET", "Compute", "NotTaken", "check_base_name", "check_command"]


class NotTaken(Enum):
    """The type of an argument of the SDK that has no meaning at synth, so that type checkers refuse a value for it."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "left out"


UNSET: Final = NotTaken.UNSET
_Item = TypeVar("_Item")
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@/-]+")
_ROLE_NAME = re.compile(r"[a-zA-Z_0-9+=,.@-]{1,64}")
_BASE_NAME = re.compile(r"[a-z0-9](-*[a-z0-9])*")

#: Arguments of the SDK that start something, and what to use instead, because synth starts nothing.
_RUN_TIME_ARGUMENTS = {
    "wait": "drop it: run() starts nothing at synth. To wait for a run, use `cdk-processing start --wait`",
    "logs": "drop it: run() starts nothing at synth. To follow a run's logs, use `cdk-processing logs`",
    "job_name": "set base_job_name on the processor: every run needs its own name",
    "git_config": "check the repository out, or add it as a submodule, and pass its path: synth clones nothing",
    "kms_key": "choose the key of the bucket for code with `cdk bootstrap --bootstrap-kms-key-id`: code is a CDK asset",
}


#: An argument that comes before others in the SDK's signature, so callers pass None to skip it.
_NONE_IS_LEFT_OUT = ("git_config",)


class Compute:
    """The base of all processors: defaults and checks of the fields of the SDK's processors."""

    __slots__ = ()

    role: Role | str | None
    instance_count: WholeNumber | None
    instance_type: str | ListOf[str] | None
    volume_size_in_gb: WholeNumber
    volume_kms_key: Key | str | None
    output_kms_key: Key | str | None
    max_runtime_in_seconds: WholeNumber | Duration | None
    base_job_name: str | None
    sagemaker_session: None
    env: Mapping[str, Text] | None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None
    network_config: NetworkConfig | None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        raise NotImplementedError

    @property
    def tag_list(self) -> ListOf[Mapping[str, str]] | None:
        """The tags as the API takes them. The SDK also takes a dict, with one tag for each entry."""
        if isinstance(self.tags, Mapping):
            return [{"Key": key, "Value": value} for key, value in self.tags.items()]
        return self.tags

    @property
    def max_runtime(self) -> WholeNumber | None:
        """Seconds after which SageMaker stops a job; None for its default of 24 hours."""
        runtime = self.max_runtime_in_seconds
        return None if runtime is None else _seconds(runtime)

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
            fix = "leave it out; `cdk deploy` has its own credentials"
            found.append(Problem("sagemaker_session", self.sagemaker_session, "left out: synth calls nothing", fix))
        found += limits.check_environment(self.env, reserved=1, owner=owner)
        found += limits.check_tags(self.tag_list, reserved=1, owner=owner)
        if isinstance(self.network_config, NetworkConfig):
            found += [problem.inside("network_config") for problem in self.network_config.problems()]
        elif self.network_config is not None:
            given = self.network_config
            fix = (
                "write NetworkConfig(vpc=vpc)"
                if hasattr(given, "vpc_id")
                else "import NetworkConfig from cdk_processing"
            )
            if isinstance(given, Mapping):
                fix = f"write NetworkConfig({', '.join(f'{name}={value!r}' for name, value in given.items())})"
            found.append(Problem("network_config", self.network_config, "a NetworkConfig", fix))
        return found

    def _runtime_problems(self, owner: str) -> list[Problem]:
        runtime = self.max_runtime_in_seconds
        if runtime is None:
            return []
        if not hasattr(type(runtime), "to_seconds"):
            return limits.check_range("max_runtime_in_seconds", runtime, limits.MAX_RUNTIME_IN_SECONDS, owner)
        try:
            seconds = _seconds(runtime)
        except RuntimeError:  # from jsii: the Duration has a fraction of a second, or is a token in minutes or longer
            fix = f"write Duration.seconds(3600) on {owner}"
            shown = str(getattr(runtime, "to_string", runtime.__str__)())
            return [Problem("max_runtime_in_seconds", shown, "a whole number of seconds", fix)]
        return limits.check_range("max_runtime_in_seconds", seconds, limits.MAX_RUNTIME_IN_SECONDS, owner)

    def _request(
        self,
        program: Program,
        inputs: ListOf[ProcessingInput] | None,
        outputs: ListOf[ProcessingOutput] | None,
        arguments: ListOf[Text] | None,
        experiment_config: Mapping[str, Text] | None,
        not_taken: Mapping[str, NotTaken | None],
    ) -> ProcessingRequest:
        mistakes = [
            Problem(name, value, "left out", _RUN_TIME_ARGUMENTS[name]).on(f"{type(self).__name__}.run")
            for name, value in not_taken.items()
            if value is not UNSET and not (value is None and name in _NONE_IS_LEFT_OUT)
        ]
        return ProcessingRequest(
            processor=self,
            program=replace(program, mistakes=(*program.mistakes, *mistakes)),
            inputs=() if inputs is None else _as_tuple(inputs),
            outputs=() if outputs is None else _as_tuple(outputs),
            arguments=None if arguments is None else _as_tuple(arguments),
            experiment_config=experiment_config,
        )


def _seconds(runtime: WholeNumber | Duration) -> int | float:
    """A time limit in seconds. A number token stays a token, which is a float."""
    # Recognizes a Duration by its method, because this folder does not import aws_cdk.
    seconds = runtime if isinstance(runtime, (int, float)) else runtime.to_seconds()
    return seconds if is_number_token(seconds) else int(seconds)


def _check_role(role: object, owner: str) -> list[Problem]:
    """An ``iam.IRole`` or an ARN; the service's model knows the form of an ARN."""
    # Looks at the class first, because to read a construct's ARN calls Node.
    if role is None or hasattr(type(role), "role_arn") or hasattr(role, "role_arn"):
        return []
    allowed = "an iam.IRole, or the ARN of a role, known at synth"
    fix = in_place_of(role) or f"pass the construct, or leave role out on {owner} and the job gets one"
    if isinstance(role, str) and not has_run_time_value(role):
        if is_token(role) or _ROLE_ARN.fullmatch(role):
            return []
        if role.startswith("arn:"):
            fix = f"write arn:aws:iam::111122223333:role/NAME, or leave role out on {owner} and the job gets one"
        elif _ROLE_NAME.fullmatch(role):
            fix = f'write role=iam.Role.from_role_name(self, "Role", {role!r}), or leave it out and the job gets one'
    return [Problem("role", role, allowed, fix)]


def check_base_name(name: object, owner: str) -> list[Problem]:
    """Checks a base name: lower case as in SageMaker's ARNs, and short enough for the rest of a job name."""
    if isinstance(name, str) and _BASE_NAME.fullmatch(name) and len(name) <= limits.BASE_NAME_LENGTH:
        return []
    allowed = f"1-{limits.BASE_NAME_LENGTH} lower-case letters, digits and inner hyphens"
    legal = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[: limits.BASE_NAME_LENGTH].strip("-")
    return [Problem("base_job_name", name, allowed, f"write base_job_name={legal or 'job'!r} on {owner}")]


def check_command(field: str, command: object) -> list[Problem]:
    """Checks the words of a command: at most 100, of 1-256 characters."""
    if command is None:
        return []
    if not isinstance(command, (list, tuple)):
        return [Problem(field, command, "a list of str", f"write {as_words(command)!r}")]
    if not all(isinstance(word, str) for word in command):
        return [Problem(field, command, "a list of str", f"write {[str(word) for word in command]!r}")]
    found = []
    if len(command) > limits.ARGUMENT_LIMIT:
        found.append(Problem(field, len(command), "at most 100 strings", "put the command into a script"))
    for index, word in enumerate(command):
        fix = "put the command into a script" if word else "drop it: SageMaker refuses empty words"
        found += limits.check_text(f"{field}[{index}]", word, limits.ARGUMENT_LENGTH, fix)
    return found


def _as_tuple(value: ListOf[_Item]) -> tuple[_Item, ...]:
    """A frozen copy of a list. Anything else stays as it is, so that the checks can name it."""
    return tuple(value) if isinstance(value, (list, tuple)) else cast("tuple[_Item, ...]", value)
