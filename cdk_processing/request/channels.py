"""The channels of a job: its inputs, read before the script starts, and its outputs, written when the script ends."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.datasets import DatasetDefinition, S3Input
from cdk_processing.request.feature_store import FeatureStoreOutput
from cdk_processing.request.files import LocalSource, is_local_path, local_source
from cdk_processing.request.likely import here, in_place_of, s3_uri
from cdk_processing.request.location import S3Location
from cdk_processing.request.manifests import MANIFEST, check_objects, object_locations
from cdk_processing.request.markers import segments
from cdk_processing.request.runtime import Parameter, Text, has_run_time_value
from cdk_processing.request.tokens import KNOWN_LATER, is_known, is_token
from cdk_processing.request.types import (
    Bucket,
    Compression,
    DataDistribution,
    DataType,
    InputMode,
    Json,
    ListOf,
    LocalPath,
    Resolvable,
    UploadMode,
)

__all__ = ["ProcessingInput", "ProcessingOutput"]

#: Fields of an input, and what the same is called on S3Input.
_S3_FIELDS = {
    "source": "s3_uri",
    "destination": "local_path",
    "s3_data_type": "s3_data_type",
    "s3_input_mode": "s3_input_mode",
    "s3_data_distribution_type": "s3_data_distribution_type",
    "s3_compression_type": "s3_compression_type",
}


@dataclass(frozen=True, slots=True)
class ProcessingInput:
    """One input channel: SageMaker copies ``source`` into the container before the script starts.

    Args:
        source: The place of the data: an :class:`S3Location` (``bucket.at("prefix/")`` of a ``DataBucket``,
            ``S3Location(bucket, "prefix/")`` of any other), an ``s3.IBucket`` (the whole bucket), an ``s3://`` URI, the
            path of a local file or folder (it becomes an asset), or a run-time value. A prefix is a *string* prefix:
            ``in/1.csv`` also brings ``in/1.csv.bak``. ``ExecutionVariables.OBJECT_URI`` means exactly the object that
            launched the run.
        destination: Absolute folder below ``/opt/ml/processing/`` in the container.
        input_name: 1-63 characters. Left out, ``input-1``, ``input-2`` ... by position, as in the SDK.
        s3_data_type: ``S3Prefix``, or ``ManifestFile`` where the source lists the objects to read. ``OBJECT_URI`` with
            ``ManifestFile`` means the object that launched the run is such a list.
        s3_input_mode: ``File``, or ``Pipe`` to stream.
        s3_data_distribution_type: ``FullyReplicated`` gives each instance everything, ``ShardedByS3Key`` a share.
        s3_compression_type: ``None``, or ``Gzip`` (with ``Pipe`` only).
        s3_input: All of the above in one value, instead of them.
        dataset_definition: The result of a query, instead of a source and a destination.
        app_managed: Whether the script fetches the data itself; the job then has the network. ``s3_input`` and
            ``dataset_definition`` need no local path in that case.
        objects: With ``ManifestFile``, where the objects lie that the manifest names: locations or ``s3://`` URIs, such
            as ``[bucket.at("images/")]``. The execution role may read them. An empty list adds no permission: grant it
            yourself. Needed, unless ``role`` is the ARN of a role.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingInput.html
    """

    source: S3Location | Bucket | LocalPath | LocalSource | Text | None = None
    destination: str | None = None
    input_name: str | None = None
    s3_data_type: DataType | Parameter | Resolvable = "S3Prefix"
    s3_input_mode: InputMode = "File"
    s3_data_distribution_type: DataDistribution | Parameter | Resolvable = "FullyReplicated"
    s3_compression_type: Compression | None = "None"
    s3_input: S3Input | None = None
    dataset_definition: DatasetDefinition | None = None
    app_managed: bool = False
    objects: ListOf[S3Location | Bucket | str] | None = None

    def __post_init__(self) -> None:
        # As in the SDK: a channel has the same fields, however it was written.
        if isinstance(self.s3_input, S3Input):
            defaults = {field.name: field.default for field in fields(self)}
            for name, other in _S3_FIELDS.items():
                given = getattr(self.s3_input, other)
                if getattr(self, name) == defaults[name] and given is not None:
                    object.__setattr__(self, name, given)

    def named(self, position: int) -> ProcessingInput:
        """The same channel with the name that the SDK would give it."""
        return self if self.input_name is not None else replace(self, input_name=f"input-{position}")

    @property
    def location(self) -> S3Location | None:
        """The source as a place in S3; None for a local path."""
        return S3Location.of(self.source)

    @property
    def local_path(self) -> str | None:
        """The folder of the data in the container; None where SageMaker brings no data."""
        dataset = self.dataset_definition
        return dataset.local_path if isinstance(dataset, DatasetDefinition) else self.destination

    @property
    def texts(self) -> list[object]:
        """The fields that may hold run-time values."""
        dataset = self.dataset_definition
        return [
            self.source,
            self.s3_data_type,
            self.s3_data_distribution_type,
            *(dataset.texts() if isinstance(dataset, DatasetDefinition) else ()),
        ]

    @property
    def files(self) -> LocalSource | None:
        """The source as files of the machine that synthesizes; None where it lies elsewhere."""
        return local_source(self.source)

    @property
    def is_arrived_object(self) -> bool:
        """Whether the source means the one object that launched the run."""
        if not has_run_time_value(self.source):
            return False
        parts = list(segments(str(self.source)))
        return len(parts) == 1 and not isinstance(parts[0], str) and parts[0].name == "OBJECT_URI"

    @property
    def is_arrived_folder(self) -> bool:
        """Whether the source means the folder of an object that launched the run."""
        if not has_run_time_value(self.source):
            return False
        parts = list(segments(str(self.source)))
        return len(parts) == 1 and not isinstance(parts[0], str) and parts[0].name in ("FOLDER_URI", "SOURCE_FOLDER")

    @property
    def is_swapped(self) -> bool:
        """Whether source and destination stand in each other's place."""
        return _is_below_prefix(self.source) and S3Location.of(self.destination) is not None

    @property
    def is_exact_object(self) -> bool:
        """Whether a manifest is written that names the one object; an object that is a manifest needs none."""
        return self.is_arrived_object and self.s3_data_type != MANIFEST

    @property
    def object_locations(self) -> list[S3Location]:
        """Where the objects of a manifest lie."""
        return object_locations(self.objects)

    def problems(self) -> list[Problem]:
        """What is wrong with this channel alone."""
        found = []
        if self.input_name is not None:
            found += limits.check_text("input_name", self.input_name, 63, "shorten the name")
        found += _check_app_managed(self.app_managed)
        if self.dataset_definition is None:
            return found + self._s3_problems()
        if not isinstance(self.dataset_definition, DatasetDefinition):
            fix = "write dataset_definition=DatasetDefinition(...)"
            return [*found, Problem("dataset_definition", self.dataset_definition, "a DatasetDefinition", fix)]
        given = [name for name in ("source", "destination", "s3_input", "objects") if getattr(self, name) is not None]
        found += [
            Problem(name, getattr(self, name), "left out beside dataset_definition", "make two inputs of them")
            for name in given
        ]
        own = self.dataset_definition.problems()
        if self.local_path is not None or not self.app_managed:
            own += _check_local_path("local_path", self.local_path)
        return found + [problem.inside("dataset_definition") for problem in own]

    def _s3_problems(self) -> list[Problem]:
        if self.s3_input is not None and not isinstance(self.s3_input, S3Input):
            return [Problem("s3_input", self.s3_input, "an S3Input", "write s3_input=S3Input(...)")]
        if self.is_swapped:
            return [Problem("source", self.source, "where the data comes from", "swap source and destination")]
        found = _check_spelled_once(self) + _check_source(self)
        if self.destination is not None or self.s3_input is None or not self.app_managed:
            found += _check_local_path("destination", self.destination)
        fix = "see the API reference of ProcessingS3Input"
        found += limits.check_choice("s3_data_type", self.s3_data_type, ("S3Prefix", MANIFEST), fix)
        found += check_objects(self.objects, self.s3_data_type)
        found += limits.check_choice("s3_input_mode", self.s3_input_mode, ("File", "Pipe"), fix)
        kinds = ("FullyReplicated", "ShardedByS3Key")
        found += limits.check_choice("s3_data_distribution_type", self.s3_data_distribution_type, kinds, fix)
        if self.s3_compression_type is not None:
            found += limits.check_choice("s3_compression_type", self.s3_compression_type, ("None", "Gzip"), fix)
        if self.s3_compression_type == "Gzip" and self.s3_input_mode != "Pipe":
            fix = "set s3_input_mode='Pipe', or unzip in the script"
            found.append(Problem("s3_compression_type", "Gzip", "'None' in File mode", fix))
        if self.is_exact_object and self.s3_input_mode != "File":
            allowed = "'File' for OBJECT_URI"
            found.append(Problem("s3_input_mode", self.s3_input_mode, allowed, "leave s3_input_mode out"))
        if self.is_arrived_folder and self.s3_data_type != "S3Prefix":
            fix = "leave s3_data_type out, or launch the job by the manifest itself and use OBJECT_URI"
            found.append(Problem("s3_data_type", self.s3_data_type, "'S3Prefix' for FOLDER_URI", fix))
        if self.is_arrived_object and self.s3_data_type not in ("S3Prefix", MANIFEST):
            allowed = f"known at synth for OBJECT_URI: 'S3Prefix' or {MANIFEST!r}"
            found.append(Problem("s3_data_type", self.s3_data_type, allowed, "write the word"))
        return found

    def render(self, s3_uri: str) -> Json:
        """A ProcessingInput of the API; from S3, it reads ``s3_uri``."""
        rendered: Json = {"InputName": self.input_name, "AppManaged": self.app_managed}
        if self.dataset_definition is not None:
            return {**rendered, "DatasetDefinition": self.dataset_definition.render()}
        compression = self.s3_compression_type if self.s3_input is None else self.s3_input.s3_compression_type
        source = {
            "S3Uri": s3_uri,
            "LocalPath": self.destination,
            "S3DataType": MANIFEST if self.is_exact_object else limits.choice_text(self.s3_data_type),
            "S3InputMode": self.s3_input_mode,
            "S3DataDistributionType": limits.choice_text(self.s3_data_distribution_type),
            "S3CompressionType": compression,
        }
        return {**rendered, "S3Input": {name: value for name, value in source.items() if value is not None}}


@dataclass(frozen=True, slots=True)
class ProcessingOutput:
    """One output channel: SageMaker copies what the script leaves in ``source`` to ``destination``.

    Args:
        source: Absolute folder below ``/opt/ml/processing/`` in the container; it exists when the script starts.
        destination: An :class:`S3Location` (``bucket.at("prefix/")`` of a ``DataBucket``, ``S3Location(bucket,
            "prefix/")`` of any other), an ``s3.IBucket`` (its root) or an ``s3://`` URI; may hold run-time values. Left
            out, ``<job>/<output_name>/<RUN_ID>/`` in the platform's data bucket.
        output_name: 1-63 characters. Left out, ``output-1``, ``output-2`` ... by position, as in the SDK.
        s3_upload_mode: ``EndOfJob`` uploads when the script has ended, ``Continuous`` while it runs.
        app_managed: Whether the script writes the output itself; the job then has the network.
        feature_store_output: A feature group, instead of a source and a destination; with ``app_managed=True``.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingOutput.html
    """

    source: str | None = None
    destination: S3Location | Bucket | Text | None = None
    output_name: str | None = None
    s3_upload_mode: UploadMode | Parameter | Resolvable = "EndOfJob"
    app_managed: bool = False
    feature_store_output: FeatureStoreOutput | None = None

    def named(self, position: int) -> ProcessingOutput:
        """The same channel with the name that the SDK would give it."""
        return self if self.output_name is not None else replace(self, output_name=f"output-{position}")

    @property
    def location(self) -> S3Location | None:
        """The destination as a place in S3."""
        return S3Location.of(self.destination)

    def problems(self) -> list[Problem]:
        """What is wrong with this channel alone."""
        found = _check_app_managed(self.app_managed)
        if self.output_name is not None:
            found += limits.check_text("output_name", self.output_name, 63, "shorten the name")
        return found + (self._s3_problems() if self.feature_store_output is None else self._feature_problems())

    @property
    def needs_place(self) -> bool:
        """Whether nothing says where the output goes: the platform's data bucket takes it then."""
        return self.destination is None and self.feature_store_output is None

    def _s3_problems(self) -> list[Problem]:
        if S3Location.of(self.source) is not None and _is_below_prefix(self.destination):
            return [Problem("source", self.source, "a folder in the container", "swap source and destination")]
        found = _check_local_path("source", self.source)
        location = self.location
        if self.needs_place:
            pass
        elif location is None:
            allowed = "an S3Location or an s3:// URI"
            found.append(Problem("destination", self.destination, allowed, _place_fix(self.destination)))
        else:
            found += [problem.inside("destination") for problem in location.problems()]
            if is_known(location.uri) and len(location.uri) > limits.URI_LENGTH:
                found.append(Problem("destination", location.uri, "at most 1,024 characters", "shorten the prefix"))
        fix = "see the API reference of ProcessingS3Output"
        return found + limits.check_choice("s3_upload_mode", self.s3_upload_mode, ("EndOfJob", "Continuous"), fix)

    def _feature_problems(self) -> list[Problem]:
        if not isinstance(self.feature_store_output, FeatureStoreOutput):
            fix = "write feature_store_output=FeatureStoreOutput('name')"
            return [Problem("feature_store_output", self.feature_store_output, "a FeatureStoreOutput", fix)]
        found = [
            Problem(name, getattr(self, name), "left out beside feature_store_output", "make two outputs of them")
            for name in ("source", "destination")
            if getattr(self, name) is not None
        ]
        if self.app_managed is False:
            fix = "set app_managed=True: the script puts the records there itself"
            found.append(Problem("app_managed", False, "True with feature_store_output", fix))
        return found + [problem.inside("feature_store_output") for problem in self.feature_store_output.problems()]

    def render(self) -> Json:
        """A ProcessingOutput of the API."""
        rendered: Json = {"OutputName": self.output_name, "AppManaged": self.app_managed}
        if self.feature_store_output is not None:
            return {**rendered, "FeatureStoreOutput": self.feature_store_output.render()}
        uri = KNOWN_LATER if self.location is None else self.location.uri
        place = {"S3Uri": uri, "LocalPath": self.source, "S3UploadMode": limits.choice_text(self.s3_upload_mode)}
        return {**rendered, "S3Output": place}


def _check_app_managed(given: object) -> list[Problem]:
    return [] if isinstance(given, bool) else [Problem("app_managed", given, "True or False", "write app_managed=True")]


def _check_spelled_once(channel: ProcessingInput) -> list[Problem]:
    """Problems where the channel and its ``s3_input`` differ: the SDK silently prefers ``s3_input``."""
    if channel.s3_input is None:
        return []
    found = []
    for name, spelled in _S3_FIELDS.items():
        ours, theirs = getattr(channel, name), getattr(channel.s3_input, spelled)
        if ours != theirs and (spelled, ours, theirs) != ("s3_compression_type", "None", None):
            found.append(Problem(name, ours, f"left out, or as in s3_input: {theirs!r}", "drop one of them"))
    return found


def _check_source(channel: ProcessingInput) -> list[Problem]:
    found: list[Problem] = []
    if channel.is_arrived_object or channel.is_arrived_folder:
        return found
    if channel.files is not None:
        return _check_local_manifest(channel)
    location = channel.location
    if location is not None:
        found += [problem.inside("source") for problem in location.problems()]
        if is_known(location.uri) and len(location.uri) > limits.URI_LENGTH:
            allowed = "at most 1,024 characters"
            found.append(
                Problem("source", location.uri, allowed, "use ExecutionVariables.OBJECT_URI, or a shorter key")
            )
    elif not has_run_time_value(channel.source):
        allowed = "an S3Location, an s3:// URI, a local file or a run-time value"
        found.append(Problem("source", channel.source, allowed, _place_fix(channel.source)))
    else:
        allowed = "an s3:// URI whose bucket is known at synth, or exactly ExecutionVariables.OBJECT_URI or FOLDER_URI"
        found.append(Problem("source", channel.source, allowed, 'write bucket.at(f"prefix/{value}")'))
    return found


def _check_local_manifest(channel: ProcessingInput) -> list[Problem]:
    source = channel.source
    if channel.s3_data_type != MANIFEST or not is_local_path(source) or not Path(source).is_dir():
        return []
    return [Problem("source", str(source), "a file with s3_data_type='ManifestFile'", "name the file in it")]


def _check_local_path(field: str, path: object) -> list[Problem]:
    allowed = f"an absolute path below {limits.LOCAL_PATH_PREFIX}"
    fix = f"write '{limits.LOCAL_PATH_PREFIX}{PurePosixPath(path).name if isinstance(path, str) and path else 'data'}'"
    if not isinstance(path, str) or (is_known(path) and not _is_below_prefix(path)):
        return [Problem(field, path, allowed, fix)]
    if len(path) > limits.LOCAL_PATH_LENGTH:
        return [Problem(field, path, "at most 256 characters", "shorten the path")]
    return []


def _place_fix(given: object) -> str:
    meant = s3_uri(given) or here(given)
    if meant is not None:
        return f"write {meant!r}"
    if is_token(given):  # the role's statements need the bucket
        return "name the bucket apart from the rest: write f's3://{bucket_name}/prefix/', or bucket.at(\"prefix/\")"
    if hasattr(given, "announce_success"):  # a job
        return "name one of its outputs: write job.outputs['name']"
    is_construct = hasattr(given, "node") and not hasattr(given, "s3_object_url")
    return (None if is_construct else in_place_of(given)) or 'pass bucket.at("prefix/")'


def _is_below_prefix(path: object) -> bool:
    if not isinstance(path, str):
        return False
    parts = PurePosixPath(path).parts
    return path.startswith(limits.LOCAL_PATH_PREFIX) and len(parts) > 4 and ".." not in parts
