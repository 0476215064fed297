"""Parse a processing job's description. This module opens no file, starts no process and does not call AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from cdk_processing.local.container.failures import JobFailedError

__all__ = ["ML", "InputChannel", "JobSpecification", "OutputChannel", "S3Prefix"]

ML = PurePosixPath("/opt/ml")
"""The folder through which a container and the service exchange files."""

DEFAULT_MAX_RUNTIME_IN_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class S3Prefix:
    """A bucket and a key prefix.

    Attributes:
        bucket: The bucket's name.
        key: A key, or a prefix of keys; empty for the whole bucket.
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> S3Prefix:
        """Read ``s3://bucket/key``.

        Raises:
            JobFailedError: It is not an S3 URI.
        """
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise JobFailedError("ClientError", f'S3Uri must be "s3://bucket/key", got "{uri}".')
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class InputChannel:
    """One ``ProcessingInput``.

    Attributes:
        name: ``InputName``.
        source: ``S3Uri``.
        folder: ``LocalPath``, relative to ``/opt/ml``.
        manifest: Whether ``source`` is a manifest, not a prefix.
        sharded: Whether each instance gets a share of the objects (``ShardedByS3Key``), not all of them.
    """

    name: str
    source: S3Prefix
    folder: PurePosixPath
    manifest: bool
    sharded: bool


@dataclass(frozen=True, slots=True)
class OutputChannel:
    """One ``ProcessingOutput``.

    Attributes:
        name: ``OutputName``.
        destination: ``S3Uri``.
        folder: ``LocalPath``, relative to ``/opt/ml``.
        continuous: Whether it is uploaded while the job runs, not only at its end.
        kms_key: The KMS key for encryption in S3; None means the bucket's default.
    """

    name: str
    destination: S3Prefix
    folder: PurePosixPath
    continuous: bool
    kms_key: str | None


@dataclass(frozen=True, slots=True)
class JobSpecification:
    """A processing job.

    Attributes:
        name: ``ProcessingJobName``.
        arn: ``ProcessingJobArn``.
        image: ``ImageUri``.
        entrypoint: ``ContainerEntrypoint``; empty means the image's entrypoint.
        arguments: ``ContainerArguments``.
        environment: ``Environment``.
        hosts: ``algo-1`` to ``algo-<InstanceCount>``.
        instance_type: ``InstanceType``, or the first instance preference.
        isolated: ``EnableNetworkIsolation``.
        max_runtime: ``MaxRuntimeInSeconds``; the service's default is one day.
        volume_bytes: ``VolumeSizeInGB``, in bytes.
        inputs: Channels that the service downloads. The container manages ``AppManaged`` inputs itself.
        outputs: Channels that the service uploads. The container manages ``AppManaged`` outputs itself.
        description: The job's description.
    """

    name: str
    arn: str
    image: str
    entrypoint: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    hosts: tuple[str, ...]
    instance_type: str
    isolated: bool
    max_runtime: float
    volume_bytes: int
    inputs: tuple[InputChannel, ...]
    outputs: tuple[OutputChannel, ...]
    description: Mapping[str, Any]

    @classmethod
    def read(cls, description: Mapping[str, Any]) -> JobSpecification:
        """Read the answer of DescribeProcessingJob.

        Args:
            description: The request of CreateProcessingJob and ``ProcessingJobArn``.

        Raises:
            JobFailedError: The job uses a feature that is not supported here. No feature is ignored silently.
        """
        application = description["AppSpecification"]
        cluster = description["ProcessingResources"]["ClusterConfig"]
        output_config = description.get("ProcessingOutputConfig") or {}
        preferences = cluster.get("InstancePreferences") or [{}]
        first = preferences[0]
        return cls(
            name=description["ProcessingJobName"],
            arn=description["ProcessingJobArn"],
            image=application["ImageUri"],
            entrypoint=tuple(application.get("ContainerEntrypoint") or ()),
            arguments=tuple(application.get("ContainerArguments") or ()),
            environment=dict(description.get("Environment") or {}),
            hosts=tuple(f"algo-{n}" for n in range(1, int(cluster["InstanceCount"]) + 1)),
            instance_type=cluster.get("InstanceType")
            or (first if isinstance(first, str) else first.get("InstanceType"))
            or "local",
            isolated=bool((description.get("NetworkConfig") or {}).get("EnableNetworkIsolation")),
            volume_bytes=int(cluster["VolumeSizeInGB"]) << 30,
            max_runtime=float(
                (description.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_IN_SECONDS)
            ),
            inputs=tuple(
                _input(each) for each in description.get("ProcessingInputs") or () if not each.get("AppManaged")
            ),
            outputs=tuple(
                _output(each, output_config.get("KmsKeyId"))
                for each in output_config.get("Outputs") or ()
                if not each.get("AppManaged")
            ),
            description=description,
        )


def _input(each: Mapping[str, Any]) -> InputChannel:
    name = each["InputName"]
    s3 = each.get("S3Input")
    if s3 is None:
        raise _unsupported(f"input {name}", "DatasetDefinition", "an S3Input")
    mode, compression = s3.get("S3InputMode") or "File", s3.get("S3CompressionType") or "None"
    if mode != "File":
        raise _unsupported(f"input {name}", f"S3InputMode {mode}", "File")
    if compression != "None":
        raise _unsupported(f"input {name}", f"S3CompressionType {compression}", "None")
    kind, distribution = s3["S3DataType"], s3.get("S3DataDistributionType") or "FullyReplicated"
    if kind not in ("S3Prefix", "ManifestFile"):
        raise _unsupported(f"input {name}", f"S3DataType {kind}", "S3Prefix or ManifestFile")
    if distribution not in ("FullyReplicated", "ShardedByS3Key"):
        raise _unsupported(
            f"input {name}", f"S3DataDistributionType {distribution}", "FullyReplicated or ShardedByS3Key"
        )
    return InputChannel(
        name=name,
        source=S3Prefix.parse(s3["S3Uri"]),
        folder=_folder(s3["LocalPath"]),
        manifest=kind == "ManifestFile",
        sharded=distribution == "ShardedByS3Key",
    )


def _output(each: Mapping[str, Any], kms_key: str | None) -> OutputChannel:
    name = each["OutputName"]
    s3 = each.get("S3Output")
    if s3 is None:
        raise _unsupported(f"output {name}", "FeatureStoreOutput", "an S3Output")
    mode = s3.get("S3UploadMode") or "EndOfJob"
    if mode not in ("EndOfJob", "Continuous"):
        raise _unsupported(f"output {name}", f"S3UploadMode {mode}", "EndOfJob or Continuous")
    return OutputChannel(
        name=name,
        destination=S3Prefix.parse(s3["S3Uri"]),
        folder=_folder(s3["LocalPath"]),
        continuous=mode == "Continuous",
        kms_key=kms_key,
    )


def _folder(path: str) -> PurePosixPath:
    pure = PurePosixPath(path)
    if ".." in pure.parts or not pure.is_relative_to(ML) or pure == ML:
        raise JobFailedError("ClientError", f'LocalPath must begin with /opt/ml/processing/, got "{path}".')
    return pure.relative_to(ML)


def _unsupported(where: str, what: str, allowed: str) -> JobFailedError:
    return JobFailedError("ClientError", f"{where}: {what} cannot be run here; use {allowed}.")
