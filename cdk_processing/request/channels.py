"""The channels of a job: what it reads before its script starts, and what it writes when the script ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.files import LocalSource, local_source
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import ExecutionVariable, Parameter, has_run_time_value, segments
from cdk_processing.request.tokens import is_known

__all__ = ["ProcessingInput", "ProcessingOutput"]


@dataclass(frozen=True, slots=True)
class ProcessingInput:
    """One input channel: SageMaker copies ``source`` into the container before the script starts.

    Args:
        source: Where the data is: an :class:`S3Location` (``bucket.at("prefix/")``), an ``s3://`` URI, the path of a
            local file or folder (it becomes an asset), or a run-time value. A prefix is a *string* prefix: ``in/1.csv``
            also brings ``in/1.csv.bak``; ``ExecutionVariables.OBJECT_URI`` means exactly the object that launched the
            run.
        destination: Absolute folder below ``/opt/ml/processing/`` in the container.
        input_name: 1-63 characters. Left out, ``input-1``, ``input-2`` ... by position, as in the SDK.
        s3_data_type: ``S3Prefix`` or ``ManifestFile``.
        s3_input_mode: ``File``, or ``Pipe`` to stream.
        s3_data_distribution_type: ``FullyReplicated`` gives each instance everything, ``ShardedByS3Key`` a share.
        s3_compression_type: ``None``, or ``Gzip`` (with ``Pipe`` only).

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html
    """

    source: Any = None
    destination: str | None = None
    input_name: str | None = None
    s3_data_type: str = "S3Prefix"
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    s3_compression_type: str = "None"
    s3_input: None = None
    dataset_definition: None = None
    app_managed: bool = False

    def named(self, position: int) -> ProcessingInput:
        """The same channel with the name that the SDK would give it."""
        return self if self.input_name is not None else replace(self, input_name=f"input-{position}")

    @property
    def location(self) -> S3Location | None:
        """The source as a place in S3; None for a local path."""
        return _location(self.source)

    @property
    def files(self) -> LocalSource | None:
        """The source as files of the machine that synthesizes; None where it lies elsewhere."""
        return local_source(self.source)

    @property
    def is_exact_object(self) -> bool:
        """Whether the source means the one object that launched the run, for which a manifest is written."""
        if not has_run_time_value(self.source):
            return False
        parts = list(segments(str(self.source)))
        return len(parts) == 1 and not isinstance(parts[0], str) and parts[0].name == "OBJECT_URI"

    def problems(self) -> list[Problem]:
        """What is wrong with this channel alone."""
        found = _check_source(self)
        found += _check_local_path("destination", self.destination)
        if self.input_name is not None:
            found += limits.check_text("input_name", self.input_name, 63, "shorten the name")
        fix = "see the API reference of ProcessingS3Input"
        found += limits.check_choice("s3_data_type", self.s3_data_type, ("S3Prefix", "ManifestFile"), fix)
        found += limits.check_choice("s3_input_mode", self.s3_input_mode, ("File", "Pipe"), fix)
        kinds = ("FullyReplicated", "ShardedByS3Key")
        found += limits.check_choice("s3_data_distribution_type", self.s3_data_distribution_type, kinds, fix)
        found += limits.check_choice("s3_compression_type", self.s3_compression_type, ("None", "Gzip"), fix)
        if self.s3_compression_type == "Gzip" and self.s3_input_mode != "Pipe":
            allowed = "'None' in File mode"
            found.append(
                Problem("s3_compression_type", "Gzip", allowed, "set s3_input_mode='Pipe', or unzip in the script")
            )
        if self.is_exact_object and self.s3_input_mode != "File":
            found.append(
                Problem("s3_input_mode", self.s3_input_mode, "'File' for OBJECT_URI", "leave s3_input_mode out")
            )
        return found

    def render(self, s3_uri: str) -> dict[str, Any]:
        """A ProcessingInput of the API, reading from ``s3_uri``."""
        return {
            "InputName": self.input_name,
            "AppManaged": self.app_managed,
            "S3Input": {
                "S3Uri": s3_uri,
                "LocalPath": self.destination,
                "S3DataType": "ManifestFile" if self.is_exact_object else self.s3_data_type,
                "S3InputMode": self.s3_input_mode,
                "S3DataDistributionType": self.s3_data_distribution_type,
                "S3CompressionType": self.s3_compression_type,
            },
        }


@dataclass(frozen=True, slots=True)
class ProcessingOutput:
    """One output channel: SageMaker copies what the script leaves in ``source`` to ``destination``.

    Args:
        source: Absolute folder below ``/opt/ml/processing/`` in the container; it exists when the script starts.
        destination: An :class:`S3Location` (``bucket.at("prefix/")``) or an ``s3://`` URI; may hold run-time values.
        output_name: 1-63 characters. Left out, ``output-1``, ``output-2`` ... by position, as in the SDK.
        s3_upload_mode: ``EndOfJob`` uploads when the script has ended, ``Continuous`` while it runs.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Output.html
    """

    source: str | None = None
    destination: Any = None
    output_name: str | None = None
    s3_upload_mode: str = "EndOfJob"
    app_managed: bool = False
    feature_store_output: None = None

    def named(self, position: int) -> ProcessingOutput:
        """The same channel with the name that the SDK would give it."""
        return self if self.output_name is not None else replace(self, output_name=f"output-{position}")

    @property
    def location(self) -> S3Location | None:
        """The destination as a place in S3."""
        return _location(self.destination)

    def problems(self) -> list[Problem]:
        """What is wrong with this channel alone."""
        found = _check_local_path("source", self.source)
        location = self.location
        if location is None:
            allowed = "an S3Location or an s3:// URI"
            found.append(Problem("destination", self.destination, allowed, 'pass bucket.at("prefix/")'))
        else:
            found += [problem.inside("destination") for problem in location.problems()]
            if is_known(location.uri) and len(location.uri) > limits.URI_LENGTH:
                found.append(Problem("destination", location.uri, "at most 1,024 characters", "shorten the prefix"))
        if self.output_name is not None:
            found += limits.check_text("output_name", self.output_name, 63, "shorten the name")
        fix = "see the API reference of ProcessingS3Output"
        found += limits.check_choice("s3_upload_mode", self.s3_upload_mode, ("EndOfJob", "Continuous"), fix)
        found += _check_later("feature_store_output", self.feature_store_output)
        if self.app_managed:
            found.append(Problem("app_managed", True, "False: app-managed outputs are not offered", "leave it out"))
        return found

    def render(self) -> dict[str, Any]:
        """A ProcessingOutput of the API."""
        assert self.location is not None  # validated before anything renders
        return {
            "OutputName": self.output_name,
            "AppManaged": self.app_managed,
            "S3Output": {
                "S3Uri": self.location.uri,
                "LocalPath": self.source,
                "S3UploadMode": self.s3_upload_mode,
            },
        }


def _location(place: Any) -> S3Location | None:
    if isinstance(place, S3Location):
        return place
    if isinstance(place, (ExecutionVariable, Parameter)):
        place = str(place)
    return S3Location.parse(place) if isinstance(place, str) else None


def _check_source(channel: ProcessingInput) -> list[Problem]:
    found = _check_later("s3_input", channel.s3_input) + _check_later("dataset_definition", channel.dataset_definition)
    if channel.app_managed:
        found.append(Problem("app_managed", True, "False: app-managed inputs are not offered", "leave it out"))
    if channel.is_exact_object or channel.files is not None:
        return found
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
        found.append(Problem("source", channel.source, allowed, 'pass bucket.at("prefix/")'))
    else:
        allowed = "an s3:// URI whose bucket is known at synth, or exactly ExecutionVariables.OBJECT_URI"
        found.append(Problem("source", channel.source, allowed, 'write bucket.at(f"prefix/{value}")'))
    return found


def _check_local_path(field: str, path: Any) -> list[Problem]:
    allowed = f"an absolute path below {limits.LOCAL_PATH_PREFIX}"
    fix = f"write '{limits.LOCAL_PATH_PREFIX}{PurePosixPath(path).name if isinstance(path, str) and path else 'data'}'"
    if not isinstance(path, str) or (is_known(path) and not _is_below_prefix(path)):
        return [Problem(field, path, allowed, fix)]
    if len(path) > limits.LOCAL_PATH_LENGTH:
        return [Problem(field, path, "at most 256 characters", "shorten the path")]
    return []


def _is_below_prefix(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return path.startswith(limits.LOCAL_PATH_PREFIX) and len(parts) > 4 and ".." not in parts


def _check_later(field: str, value: Any) -> list[Problem]:
    if value is None:
        return []
    return [Problem(field, value, "left out: it is not offered yet", "declare the channel with source and destination")]
