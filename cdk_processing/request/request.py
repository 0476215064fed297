"""A processor and what it runs, from which a CreateProcessingJob request is rendered."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.conformity import KNOWN_LATER, conformity_problems, known_network
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.likely import flat_words, in_place_of, nearest
from cdk_processing.request.location import S3Location
from cdk_processing.request.manifests import missing_objects
from cdk_processing.request.markers import INSTANCE_TYPE, values_in
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import Program
from cdk_processing.request.room import default_problems, with_room
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.runtime import ExecutionVariable, ExecutionVariables, Parameter, Text, text_of
from cdk_processing.request.tokens import is_known, is_list_token, is_number_token
from cdk_processing.request.types import Json, Key, ListOf, Role, WholeNumber

__all__ = ["AnyProcessor", "Bindings", "ProcessingRequest", "as_words"]

_NO_PROGRAM = Program()
_LISTS = ("tag_list", "command", "entrypoint")
_EXPERIMENT_FIELDS = ("ExperimentName", "TrialName", "TrialComponentDisplayName", "RunName")


class AnyProcessor(Protocol):
    """The fields of a processor that a request reads."""

    @property
    def role(self) -> Role | str | None: ...  # noqa: D102
    @property
    def instance_count(self) -> WholeNumber | None: ...  # noqa: D102
    @property
    def instance_type(self) -> str | ListOf[str] | None: ...  # noqa: D102
    @property
    def volume_size_in_gb(self) -> WholeNumber: ...  # noqa: D102
    @property
    def volume_kms_key(self) -> Key | str | None: ...  # noqa: D102
    @property
    def output_kms_key(self) -> Key | str | None: ...  # noqa: D102
    @property
    def base_job_name(self) -> str | None: ...  # noqa: D102
    @property
    def env(self) -> Mapping[str, Text] | None: ...  # noqa: D102
    @property
    def tag_list(self) -> ListOf[Mapping[str, str]] | None: ...  # noqa: D102
    @property
    def image(self) -> ProcessingImage: ...  # noqa: D102
    @property
    def network_config(self) -> NetworkConfig | None: ...  # noqa: D102
    @property
    def max_runtime(self) -> WholeNumber | None: ...  # noqa: D102
    def problems(self) -> list[Problem]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Bindings:
    """What only the CDK knows: the URIs and ARNs of images, assets and keys. Each text may be a token.

    Attributes:
        image_uri: The image's URI.
        role_arn: The execution role's ARN.
        input_uris: ``s3://`` URI of each input, in the order of ``request.channels``.
        volume_key: ARN or id of the key for the hosts' storage.
        output_key: ARN or id of the key for the outputs.
        network: The network options with ids; None if the request's own hold no constructs.
    """

    image_uri: str
    role_arn: str
    input_uris: tuple[str, ...] = ()
    volume_key: str | None = None
    output_key: str | None = None
    network: NetworkConfig | None = None


@dataclass(frozen=True, slots=True)
class ProcessingRequest:
    """A processor and what it runs: ``processor.run(...)`` returns it, and a ``ProcessingJob`` takes it.

    Attributes:
        processor: The processor.
        program: What the container runs, with the channels that bring it.
        inputs: The user's input channels.
        outputs: The user's output channels.
        arguments: Arguments of the script; None leaves the field out.
        experiment_config: Names for SageMaker Experiments.
    """

    processor: AnyProcessor
    program: Program = _NO_PROGRAM
    inputs: tuple[ProcessingInput, ...] = ()
    outputs: tuple[ProcessingOutput, ...] = ()
    arguments: tuple[Text, ...] | None = None
    experiment_config: Mapping[str, Text] | None = None

    @property
    def channels(self) -> tuple[ProcessingInput, ...]:
        """All inputs with their names: the user's, then the program's."""
        every = (*self.inputs, *self.program.inputs)
        return tuple(channel.named(position) for position, channel in enumerate(every, 1))

    @property
    def named_outputs(self) -> tuple[ProcessingOutput, ...]:
        """All outputs with their names: the user's, then the program's."""
        every = (*self.outputs, *self.program.outputs)
        return tuple(channel.named(position) for position, channel in enumerate(every, 1))

    def placed(self, base: S3Location) -> ProcessingRequest:
        """The same request, with a folder below ``base`` for each run of each output without a destination."""
        outputs = [channel.named(position) for position, channel in enumerate(self.outputs, 1)]
        places = [base.at(f"{channel.output_name}/{ExecutionVariables.RUN_ID}/") for channel in outputs]
        return replace(
            self,
            outputs=tuple(
                replace(channel, destination=place) if channel.needs_place else channel
                for channel, place in zip(outputs, places, strict=True)
            ),
        )

    @property
    def network(self) -> NetworkConfig:
        """The network options. If the user gives none, a program that needs no network is isolated."""
        given = self.processor.network_config
        needed = self.program.needs_network or self._is_app_managed
        return NetworkConfig(enable_network_isolation=not needed) if given is None else given

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The instance types in the order in which a run tries them; () if there is only one."""
        given = self.processor.instance_type
        return tuple(given) if isinstance(given, (list, tuple)) else ()

    @property
    def needs_manifest(self) -> bool:
        """Whether a manifest is written: an input means exactly the object that launched the run."""
        return any(channel.is_exact_object for channel in self.inputs)

    @property
    def reads_arrivals(self) -> bool:
        """Whether an input is the object that launched the run, the objects that it lists, or its folder."""
        return any(channel.is_arrived_object or channel.is_arrived_folder for channel in self.inputs)

    @property
    def is_readable(self) -> bool:
        """Whether its parts have the right types, so that checks can look into them."""
        processor = self.processor
        return (
            not any(_wrong_kind(*group) for group in self._channel_groups())
            and _is(self.arguments, tuple)
            and _is(processor.env, Mapping)
            and _is(self.experiment_config, Mapping)
            and all(_is(getattr(processor, name, None), list, tuple) for name in _LISTS)
            and all(isinstance(tag, Mapping) for tag in processor.tag_list or ())
        )

    def run_time_values(self) -> list[RunTimeValue]:
        """Every run-time value in the request, in order, each once."""
        texts: list[object] = [text for channel in self.inputs for text in channel.texts]
        texts += [channel.destination for channel in self.outputs]
        texts += [*(channel.source for channel in self.program.inputs), *(self.arguments or ())]
        texts += [*(channel.destination for channel in self.program.outputs), *(self.program.entrypoint or ())]
        texts += [*(self.processor.env or {}).values(), *(self.experiment_config or {}).values()]
        texts += [text for tag in self.processor.tag_list or () for text in tag.values()]
        return list(dict.fromkeys(value for text in texts for value in values_in(_searchable(text))))

    def parameters(self) -> list[RunTimeValue]:
        """The parameters, each once, with the room that their values have; () where the request is no good."""
        found = {value.parameter: value for value in self.run_time_values() if value.name == "PARAMETER"}
        if not found:
            return []
        bindings = self._known_bindings()
        return with_room({member: render() for member, render in self._parts(bindings).items()}, list(found.values()))

    def problems(self) -> list[Problem]:
        """Everything wrong with the request and its processor."""
        owner = type(self.processor).__name__
        found = [problem.on(owner) for problem in self.processor.problems()]
        for field, kind, channels in self._channel_groups():
            wrong = _wrong_kind(field, kind, channels)
            if wrong:
                return [*found, wrong]  # the other checks read the channels
            for index, channel in enumerate(channels):
                found += [problem.inside(f"{field}[{index}]").on(kind.__name__) for problem in channel.problems()]
        found += [*self._manifest_problems(), *self.program.mistakes, *self._channel_problems()]
        found += self._argument_problems()
        found += self._environment_problems()
        found += self._conformity_problems(found)
        return found or list(default_problems(self.parameters()))

    def render(self, bindings: Bindings) -> Json:
        """The CreateProcessingJob request as the SDK would send it, without ``ProcessingJobName``."""
        parts = {member: render() for member, render in self._parts(bindings).items()}
        return {member: part for member, part in parts.items() if part is not None}

    def _parts(self, bindings: Bindings) -> dict[str, Callable[[], object]]:
        """The function that renders each member of the request. A member that is None is left out."""
        processor = self.processor
        return {
            "ProcessingResources": lambda: {"ClusterConfig": self._render_cluster(bindings)},
            "AppSpecification": lambda: self._render_app(bindings),
            "RoleArn": lambda: bindings.role_arn,
            "NetworkConfig": lambda: self._render_network(bindings),
            "ProcessingInputs": lambda: self._render_inputs(bindings) or None,
            "ProcessingOutputConfig": lambda: self._render_outputs(bindings) if self.named_outputs else None,
            "Environment": lambda: {key: text_of(value) for key, value in (processor.env or {}).items()} or None,
            "StoppingCondition": lambda: (
                None if processor.max_runtime is None else {"MaxRuntimeInSeconds": processor.max_runtime}
            ),
            "ExperimentConfig": lambda: (
                {key: text_of(value) for key, value in (self.experiment_config or {}).items()} or None
            ),
            "Tags": lambda: [dict(tag) for tag in processor.tag_list or ()] or None,
        }

    def _conformity_problems(self, known: list[Problem]) -> list[Problem]:
        """What the service's model refuses, beyond the known problems."""
        if not self.is_readable:
            return []
        return conformity_problems(
            self._parts(self._known_bindings()),
            known,
            self.program,
            len(self.inputs),
            type(self.processor).__name__,
        )

    def _known_bindings(self) -> Bindings:
        """What is known without the CDK; the rest is open."""
        processor, image = self.processor, self.processor.image.registry_uri
        return Bindings(
            image_uri=image if isinstance(image, str) else KNOWN_LATER,
            role_arn=processor.role if isinstance(processor.role, str) else KNOWN_LATER,
            input_uris=tuple(
                KNOWN_LATER if location is None else location.uri
                for location in (channel.location for channel in self.channels)
            ),
            volume_key=processor.volume_kms_key if isinstance(processor.volume_kms_key, str) else None,
            output_key=processor.output_kms_key if isinstance(processor.output_kms_key, str) else None,
            network=known_network(self.network) if isinstance(self.network, NetworkConfig) else None,
        )

    def _render_cluster(self, bindings: Bindings) -> Json:
        cluster: Json = {
            "InstanceType": INSTANCE_TYPE if self.instance_types else self.processor.instance_type,
            "InstanceCount": self.processor.instance_count,
            "VolumeSizeInGB": self.processor.volume_size_in_gb,
        }
        if bindings.volume_key is not None:
            cluster["VolumeKmsKeyId"] = bindings.volume_key
        return cluster

    def _render_network(self, bindings: Bindings) -> Json:
        return (bindings.network or self.network).render()

    def _render_inputs(self, bindings: Bindings) -> list[Json]:
        return [channel.render(uri) for channel, uri in zip(self.channels, bindings.input_uris, strict=True)]

    def _render_app(self, bindings: Bindings) -> Json:
        app: Json = {"ImageUri": bindings.image_uri}
        if self.arguments:  # an empty list is invalid
            app["ContainerArguments"] = [text_of(argument) for argument in self.arguments]
        if self.program.entrypoint:
            app["ContainerEntrypoint"] = list(self.program.entrypoint)
        return app

    def _render_outputs(self, bindings: Bindings) -> Json:
        config: Json = {"Outputs": [channel.render() for channel in self.named_outputs]}
        if bindings.output_key is not None:
            config["KmsKeyId"] = bindings.output_key
        return config

    def _channel_groups(self) -> tuple[tuple[str, type, tuple[ProcessingInput | ProcessingOutput, ...]], ...]:
        return ("inputs", ProcessingInput, self.inputs), ("outputs", ProcessingOutput, self.outputs)

    @property
    def _is_app_managed(self) -> bool:
        """Whether the script reads or writes data itself."""
        inputs = any(channel.app_managed is True for channel in self.inputs)
        return inputs or any(channel.app_managed is True for channel in self.outputs)

    def _manifest_problems(self) -> list[Problem]:
        found: list[Problem] = []
        # What a role named by its ARN may read is its owner's business.
        if not isinstance(self.processor.role, str):
            for index, channel in enumerate(self.inputs):
                missing = missing_objects(channel.objects, channel.s3_data_type)
                found += [problem.inside(f"inputs[{index}]").on("ProcessingInput") for problem in missing]
        arrived = [channel.s3_data_type for channel in self.inputs if channel.is_arrived_object]
        if len(set(map(str, arrived))) > 1:
            allowed = "the same for each input that is OBJECT_URI"
            fix = "make two jobs: one that reads the object, one that reads what it lists"
            found.append(Problem("s3_data_type", arrived, allowed, fix))
        return found

    def _channel_problems(self) -> list[Problem]:
        own = self.program.inputs
        beside = f" beside the program's {len(own)}" if own else ""
        found = []
        if len(self.channels) > limits.CHANNEL_LIMIT:
            allowed = f"at most {limits.CHANNEL_LIMIT - len(own)}{beside}"
            found.append(
                Problem("inputs", len(self.inputs), allowed, "put several prefixes under one, or use a manifest")
            )
        if len(self.named_outputs) > limits.CHANNEL_LIMIT:
            found.append(Problem("outputs", len(self.outputs), "at most 10", "write several results into one folder"))
        if self._is_app_managed and getattr(self.processor.network_config, "enable_network_isolation", False) is True:
            allowed = "False: an app-managed channel is read or written by the script itself, over the network"
            fix = "drop enable_network_isolation, or app_managed"
            found.append(Problem("network_config.enable_network_isolation", True, allowed, fix))
        names = [channel.input_name or "" for channel in self.channels]
        found += limits.check_unique("input_name", names, "give each ProcessingInput a name of its own")
        names = [channel.output_name or "" for channel in self.named_outputs]
        found += limits.check_unique("output_name", names, "give each ProcessingOutput a name of its own")
        read = [_folder(channel.local_path) for channel in self.channels]
        written = [_folder(channel.source) for channel in self.named_outputs]
        for folders in (read, written):
            known = [folder for folder in folders if folder]
            found += limits.check_unique("local path", known, "give each channel a folder of its own")
        return found

    def _environment_problems(self) -> list[Problem]:
        """This library adds one more variable to a job with parameters: a digest of their values."""
        given = self.processor.env
        most = limits.ENVIRONMENT_LIMIT - 2
        has_parameters = self.is_readable and any(value.name == "PARAMETER" for value in self.run_time_values())
        # Other checks report what is no mapping, and one variable more.
        if not has_parameters or not isinstance(given, Mapping) or len(given) != most + 1:
            return []
        fix = "put the rest into a file and read it as an input"
        return [Problem("env", len(given), f"at most {most} variables beside a Parameter", fix)]

    def _argument_problems(self) -> list[Problem]:
        found = []
        if self.arguments is not None and not isinstance(self.arguments, tuple):
            fix = f"write arguments={as_words(self.arguments)!r}"
            return [Problem("arguments", self.arguments, "a list of str", fix)]
        if len(self.arguments or ()) > limits.ARGUMENT_LIMIT:
            found.append(Problem("arguments", len(self.arguments or ()), "at most 100", "pass a file as an input"))
        for index, argument in enumerate(self.arguments or ()):
            if argument is None:
                fix = "drop it, or pass the text that the script expects: SageMaker refuses null"
                found.append(Problem(f"arguments[{index}]", argument, "a str or a run-time value", fix))
            elif not isinstance(argument, (str, ExecutionVariable, Parameter)) and not is_number_token(argument):
                fix = in_place_of(argument) or f"write {', '.join(map(repr, flat_words(argument)))}"
                found.append(Problem(f"arguments[{index}]", argument, "a str or a run-time value", fix))
            elif is_known(argument) and not is_list_token([argument]):
                fix = "pass long values in a file" if argument else "drop it: SageMaker refuses empty arguments"
                found += limits.check_text(f"arguments[{index}]", argument, limits.ARGUMENT_LENGTH, fix)
        if not _is(self.experiment_config, Mapping):
            fix = "write {'ExperimentName': ...}"
            return [*found, Problem("experiment_config", self.experiment_config, "a dict of str to str", fix)]
        for key, value in (self.experiment_config or {}).items():
            if key not in _EXPERIMENT_FIELDS:
                allowed = f"one of {', '.join(_EXPERIMENT_FIELDS)}"
                meant = nearest(key, _EXPERIMENT_FIELDS)
                fix = "rename it" if meant is None else f"write {meant!r}"
                found.append(Problem("experiment_config key", key, allowed, fix))
            else:
                found += limits.check_text(
                    f"experiment_config[{key!r}]", text_of(value), limits.EXPERIMENT_NAME_LENGTH, "shorten it"
                )
        return found


def as_words(given: object) -> list[str]:
    """A command line as the words that a shell would split it into."""
    try:
        return shlex.split(given) if isinstance(given, str) else flat_words(given)
    except ValueError:  # a quotation mark without its partner
        return str(given).split()


def _wrong_kind(field: str, kind: type, channels: object) -> Problem | None:
    if isinstance(channels, tuple) and all(isinstance(channel, kind) for channel in channels):
        return None
    fix = f"write {field}=[{kind.__name__}(...)]"
    if isinstance(channels, Mapping) and channels:
        fix = f"write {field}=[{kind.__name__}(..., {field.removesuffix('s')}_name={str(next(iter(channels)))!r})]"
    elif isinstance(channels, tuple) and any(S3Location.of(each) for each in channels):
        ends = ("source=...", "destination='/opt/ml/processing/input'")
        if kind is ProcessingOutput:
            ends = ("source='/opt/ml/processing/output'", "destination=...")
        fix = f"write {field}=[{kind.__name__}({', '.join(ends)})]"
    return Problem(field, channels, f"a list of {kind.__name__}", fix)


def _is(value: object, *kinds: type) -> bool:
    """Whether a field is left out or has one of the types. 0, "" and False count as given."""
    return value is None or isinstance(value, kinds)


def _folder(path: object) -> str:
    return path.rstrip("/") if isinstance(path, str) else ""


def _searchable(value: object) -> object:
    return value.key if isinstance(value, S3Location) else text_of(value)
