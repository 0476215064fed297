"""Features of processing jobs that AWS has and the embedded AWS lacks. Each problem names an alternative.

A deployment refuses them, and so does CreateProcessingJob.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdk_processing.errors import Problem

__all__ = ["missing_features"]

_HERE = "in the embedded AWS"
_QUERIES = {"AthenaDatasetDefinition": "Athena", "RedshiftDatasetDefinition": "Redshift"}


def missing_features(request: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each field of CreateProcessingJob that asks for a missing feature.

    Args:
        request: A request. Expressions in it, which only an execution evaluates, are passed over.
    """
    for item in _items(request.get("ProcessingInputs")):
        yield from _of_input(item, f"ProcessingInputs[{item.get('InputName')}]")
    for item in _items(_mapping(request.get("ProcessingOutputConfig")).get("Outputs")):
        yield from _of_output(item, f"ProcessingOutputConfig.Outputs[{item.get('OutputName')}]")
    cluster = _mapping(_mapping(request.get("ProcessingResources")).get("ClusterConfig"))
    if cluster.get("InstancePreferences") and not cluster.get("InstanceType"):
        yield Problem(
            "ProcessingResources.ClusterConfig.InstancePreferences",
            cluster["InstancePreferences"],
            f"left out {_HERE}",
            "give InstanceType; the embedded AWS has no capacity to choose by",
        )


def _of_input(item: Mapping[str, Any], where: str) -> Iterator[Problem]:
    dataset = item.get("DatasetDefinition")
    if isinstance(dataset, Mapping):
        kinds = [query for name, query in _QUERIES.items() if dataset.get(name)]
        yield Problem(
            f"{where}.DatasetDefinition",
            " and ".join(kinds) or dataset,
            f"left out {_HERE}, which runs no queries",
            "here, declare an S3 input with a file of the query's result instead",
        )
    s3 = _mapping(item.get("S3Input"))
    uri = s3.get("S3Uri")
    if isinstance(uri, str) and uri.startswith("https:"):
        yield Problem(f"{where}.S3Input.S3Uri", uri, f"an s3:// URI {_HERE}", "write s3://bucket/key")
    if s3.get("S3InputMode") == "Pipe":
        also = " and unzip in the script" if s3.get("S3CompressionType") == "Gzip" else ""
        yield Problem(
            f"{where}.S3Input.S3InputMode",
            "Pipe",
            f"'File' {_HERE}",
            f"AWS does not document the pipes of a processing job, so here, use s3_input_mode='File'{also}",
        )


def _of_output(item: Mapping[str, Any], where: str) -> Iterator[Problem]:
    output = item.get("FeatureStoreOutput")
    if output is not None:
        yield Problem(
            f"{where}.FeatureStoreOutput",
            _mapping(output).get("FeatureGroupName", output),
            f"left out {_HERE}, which has no feature store",
            "here, declare an S3 output and write the records to files in its folder",
        )


def _items(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
