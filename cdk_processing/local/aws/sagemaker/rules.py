"""Rules for CreateProcessingJob requests beyond the service model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cdk_processing.local.aws.sagemaker.errors import ServiceError, unsupported, validation
from cdk_processing.local.aws.sagemaker.missing_features import missing_features
from cdk_processing.request.instances import has_local_storage
from cdk_processing.request.limits import LOCAL_PATH_PREFIX

__all__ = ["check_request", "create_context"]


def check_request(request: Mapping[str, Any]) -> None:
    """Check the rules that involve several fields.

    Raises:
        ServiceError: ``ValidationException`` for the first rule that the request breaks, or for a feature that the
            embedded AWS lacks.
    """
    for problem in _problems(request):
        raise problem
    for missing in missing_features(request):
        raise unsupported(str(missing))


def _problems(request: Mapping[str, Any]) -> Iterator[ServiceError]:
    inputs: Sequence[Mapping[str, Any]] = request.get("ProcessingInputs") or []
    outputs: Sequence[Mapping[str, Any]] = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    yield from _duplicates("input", [item["InputName"] for item in inputs])
    yield from _duplicates("output", [item["OutputName"] for item in outputs])
    for item in inputs:
        yield from _input_problems(item)
    for item in outputs:
        yield from _output_problems(item)
    paths = [item["S3Input"]["LocalPath"] for item in inputs if (item.get("S3Input") or {}).get("LocalPath")]
    for path, count in Counter(path.rstrip("/") for path in paths).items():
        if count > 1:
            yield validation(f"LocalPath {path} is used by {count} processing inputs; each needs a path of its own")
    yield from _cluster_problems(request)
    yield from _word_problems(request["AppSpecification"])


def _word_problems(app: Mapping[str, Any]) -> Iterator[ServiceError]:
    # AWS's message: https://github.com/aws/sagemaker-python-sdk/issues/3758
    for field in ("ContainerEntrypoint", "ContainerArguments"):
        for index, word in enumerate(app.get(field) or ()):
            if not word:
                yield validation(
                    f"Found null or empty string in {field} at index {index}. "
                    "ContainerArguments and ContainerEntrypoint may not contain null or empty strings."
                )


def _duplicates(kind: str, names: Sequence[str]) -> Iterator[ServiceError]:
    for name, count in Counter(names).items():
        if count > 1:
            yield validation(f"Processing {kind} names must be unique: '{name}' is given {count} times")


def _input_problems(item: Mapping[str, Any]) -> Iterator[ServiceError]:
    name = item["InputName"]
    s3, dataset = item.get("S3Input"), item.get("DatasetDefinition")
    if not s3 and dataset is None:
        yield validation(f"ProcessingInput '{name}' must have an S3Input or a DatasetDefinition")
    for field, source in (("S3Input", s3), ("DatasetDefinition", dataset)):
        if source is not None:
            yield from _path_problems(field, name, source.get("LocalPath"), bool(item.get("AppManaged")))
    if s3 and s3.get("S3CompressionType") == "Gzip" and s3.get("S3InputMode") != "Pipe":
        yield validation(f"S3CompressionType Gzip needs S3InputMode Pipe (input '{name}')")


def _output_problems(item: Mapping[str, Any]) -> Iterator[ServiceError]:
    name, s3 = item["OutputName"], item.get("S3Output")
    if item.get("FeatureStoreOutput") is not None:
        if not item.get("AppManaged"):
            yield validation(f"FeatureStoreOutput is supported only with AppManaged true (output '{name}')")
    elif not s3:
        yield validation(f"ProcessingOutput '{name}' must have an S3Output or a FeatureStoreOutput")
    if s3:
        yield from _path_problems("S3Output", name, s3.get("LocalPath"), bool(item.get("AppManaged")))


def _path_problems(field: str, name: str, path: str | None, app_managed: bool) -> Iterator[ServiceError]:
    if not path:
        if not app_managed:
            yield validation(f"LocalPath is required in {field} '{name}' unless AppManaged is true")
    elif not path.startswith(LOCAL_PATH_PREFIX):
        yield validation(f"LocalPath must start with {LOCAL_PATH_PREFIX} ({field} '{name}' has {path})")


def _cluster_problems(request: Mapping[str, Any]) -> Iterator[ServiceError]:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if not cluster.get("InstanceType"):
        if not cluster.get("InstancePreferences"):
            yield validation("InstanceType is required in ProcessingResources.ClusterConfig")
        return
    if cluster.get("VolumeKmsKeyId") and has_local_storage(str(cluster["InstanceType"])):
        yield validation(
            f"VolumeKmsKeyId is not supported for instance type {cluster['InstanceType']}, which has local storage"
        )


def create_context(request: Mapping[str, Any]) -> dict[str, Any]:
    """The IAM condition keys of a CreateProcessingJob request."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    network = request.get("NetworkConfig") or {}
    vpc = network.get("VpcConfig") or {}
    tags = request.get("Tags") or []
    volume_key = cluster.get("VolumeKmsKeyId")
    output_key = (request.get("ProcessingOutputConfig") or {}).get("KmsKeyId")
    # Each key of KMS has an older and a newer name:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemakerai.html
    context: dict[str, Any] = {
        "sagemaker:InstanceTypes": [cluster["InstanceType"]] if cluster.get("InstanceType") else None,
        "sagemaker:VolumeKmsKey": volume_key,
        "sagemaker:VolumeKmsKeyArn": volume_key,
        "sagemaker:OutputKmsKey": output_key,
        "sagemaker:OutputKmsKeyArn": output_key,
        "sagemaker:MaxRuntimeInSeconds": (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds"),
        "sagemaker:NetworkIsolation": str(bool(network.get("EnableNetworkIsolation"))).lower(),
        "sagemaker:InterContainerTrafficEncryption": str(
            bool(network.get("EnableInterContainerTrafficEncryption"))
        ).lower(),
        "sagemaker:VpcSecurityGroupIds": vpc.get("SecurityGroupIds"),
        "sagemaker:VpcSubnets": vpc.get("Subnets"),
        "aws:TagKeys": [tag["Key"] for tag in tags] or None,
        **{f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags},
    }
    return {key: value for key, value in context.items() if value is not None}
