"""Inputs other than a plain S3 location: the result of a query, and the SDK's longer form of S3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.keys import check_key, key_id
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import Parameter, Text, has_run_time_value, text_of
from cdk_processing.request.tokens import is_known
from cdk_processing.request.types import (
    Bucket,
    Compression,
    DataDistribution,
    DataType,
    InputMode,
    Json,
    Key,
    LocalPath,
    Resolvable,
)

__all__ = ["AthenaDatasetDefinition", "DatasetDefinition", "RedshiftDatasetDefinition", "S3Input"]

_AthenaFormat = Literal["PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE"]
_AthenaCompression = Literal["GZIP", "SNAPPY", "ZLIB"]
_RedshiftFormat = Literal["PARQUET", "CSV"]
_RedshiftCompression = Literal["None", "GZIP", "BZIP2", "ZSTD", "SNAPPY"]

_WORK_GROUP = re.compile(r"[a-zA-Z0-9._-]{1,128}")
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@/_-]+")
_LINE = re.compile(r".*")


@dataclass(frozen=True, slots=True)
class S3Input:
    """S3 as an input, for ``ProcessingInput(s3_input=...)``.

    It has the fields of :class:`ProcessingInput` and one more use: in an input with ``app_managed=True``, leave
    ``local_path`` out. SageMaker then downloads nothing, and the script reads ``s3_uri`` itself.

    Args:
        s3_uri: An :class:`S3Location`, an ``s3://`` URI, the path of a local file or folder, or a run-time value.
        local_path: Absolute folder below ``/opt/ml/processing/`` in the container.
        s3_data_type: ``S3Prefix`` or ``ManifestFile``.
        s3_input_mode: ``File``, or ``Pipe`` to stream.
        s3_data_distribution_type: ``FullyReplicated`` or ``ShardedByS3Key``.
        s3_compression_type: ``None``, or ``Gzip`` (with ``Pipe`` only). Left out, the field is not sent.
    """

    s3_uri: S3Location | Bucket | LocalPath | Text | None = None
    local_path: str | None = None
    s3_data_type: DataType | Parameter | Resolvable = "S3Prefix"
    s3_input_mode: InputMode = "File"
    s3_data_distribution_type: DataDistribution | Parameter | Resolvable = "FullyReplicated"
    s3_compression_type: Compression | None = None


@dataclass(frozen=True, slots=True)
class AthenaDatasetDefinition:
    """The result of a query that Athena runs before the script starts.

    The execution role may run the query, read the catalog's database, and write and read the result. The declaration
    does not say where the tables' data is, so grant that yourself: ``data_bucket.grant_read(job.execution_role)``. Do
    the same for a catalog other than ``AwsDataCatalog``, such as a connector's function.

    Args:
        catalog: The data catalog, usually ``AwsDataCatalog``.
        database: The database within it.
        query_string: 1-4,096 characters of SQL; may hold run-time values.
        output_s3_uri: Where to write the result: an :class:`S3Location` or an ``s3://`` URI.
        work_group: The workgroup that runs the query. Left out, ``primary``.
        kms_key_id: ``kms.IKey``, ARN, id or alias of the key that encrypts the result. Left out, none is sent.
        output_format: ``PARQUET``, ``ORC``, ``AVRO``, ``JSON`` or ``TEXTFILE``.
        output_compression: ``GZIP``, ``SNAPPY`` or ``ZLIB``. Left out, none is sent.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AthenaDatasetDefinition.html
    """

    catalog: str | None = None
    database: str | None = None
    query_string: Text | None = None
    output_s3_uri: S3Location | Bucket | Text | None = None
    work_group: str | None = None
    kms_key_id: Key | str | None = None
    output_format: _AthenaFormat | Parameter | Resolvable | None = None
    output_compression: _AthenaCompression | Parameter | Resolvable | None = None

    @property
    def location(self) -> S3Location | None:
        """The location of the result."""
        return S3Location.of(self.output_s3_uri)

    def problems(self) -> list[Problem]:
        """What is wrong with the query."""
        owner = type(self).__name__
        found = _check_name("catalog", self.catalog, 256, owner)
        found += _check_name("database", self.database, 255, owner)
        found += _check_query(self.query_string, owner)
        if self.work_group is not None:
            found += _check_name("work_group", self.work_group, 128, owner, _WORK_GROUP)
        found += _check_result(self, owner)
        formats = ("PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE")
        found += limits.check_choice("output_format", self.output_format, formats, f"set output_format on {owner}")
        return found + _check_compression(self.output_compression, ("GZIP", "SNAPPY", "ZLIB"))

    def render(self) -> Json:
        """An AthenaDatasetDefinition of the API."""
        return _without_none(
            {
                "Catalog": self.catalog,
                "Database": self.database,
                "QueryString": text_of(self.query_string),
                "OutputS3Uri": _uri(self.location),
                "WorkGroup": self.work_group,
                "KmsKeyId": key_id(self.kms_key_id),
                "OutputFormat": limits.choice_text(self.output_format),
                "OutputCompression": limits.choice_text(self.output_compression),
            }
        )


@dataclass(frozen=True, slots=True)
class RedshiftDatasetDefinition:
    """The result of a query that a Redshift cluster runs before the script starts.

    The execution role may sign in as ``db_user``, run the query and read the result. The cluster writes the result with
    ``cluster_role_arn``: attach that role to the cluster, and let it write to ``output_s3_uri``.

    Args:
        cluster_id: The cluster's identifier.
        database: The database to connect to.
        db_user: The database user that runs the query.
        query_string: 1-4,096 characters of SQL; may hold run-time values.
        cluster_role_arn: ARN of the role with which the cluster writes the result.
        output_s3_uri: Where to write the result: an :class:`S3Location` or an ``s3://`` URI.
        kms_key_id: ``kms.IKey``, ARN, id or alias of the key that encrypts the result. Left out, none is sent.
        output_format: ``PARQUET`` or ``CSV``.
        output_compression: ``None``, ``GZIP``, ``BZIP2``, ``ZSTD`` or ``SNAPPY``. Left out, none is sent.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RedshiftDatasetDefinition.html
    """

    cluster_id: str | None = None
    database: str | None = None
    db_user: str | None = None
    query_string: Text | None = None
    cluster_role_arn: str | None = None
    output_s3_uri: S3Location | Bucket | Text | None = None
    kms_key_id: Key | str | None = None
    output_format: _RedshiftFormat | Parameter | Resolvable | None = None
    output_compression: _RedshiftCompression | Parameter | Resolvable | None = None

    @property
    def location(self) -> S3Location | None:
        """The location of the result."""
        return S3Location.of(self.output_s3_uri)

    def problems(self) -> list[Problem]:
        """What is wrong with the query."""
        owner = type(self).__name__
        found = _check_name("cluster_id", self.cluster_id, 63, owner)
        found += _check_name("database", self.database, 64, owner)
        found += _check_name("db_user", self.db_user, 128, owner)
        found += _check_query(self.query_string, owner)
        role = self.cluster_role_arn
        if not isinstance(role, str) or has_run_time_value(role) or (is_known(role) and not _ROLE_ARN.fullmatch(role)):
            fix = f"set cluster_role_arn on {owner}: role.role_arn, if you have the construct"
            found.append(Problem("cluster_role_arn", role, "the ARN of the cluster's role", fix))
        found += _check_result(self, owner)
        fix = f"set output_format on {owner}"
        found += limits.check_choice("output_format", self.output_format, ("PARQUET", "CSV"), fix)
        return found + _check_compression(self.output_compression, ("None", "GZIP", "BZIP2", "ZSTD", "SNAPPY"))

    def render(self) -> Json:
        """A RedshiftDatasetDefinition of the API."""
        return _without_none(
            {
                "ClusterId": self.cluster_id,
                "Database": self.database,
                "DbUser": self.db_user,
                "QueryString": text_of(self.query_string),
                "ClusterRoleArn": self.cluster_role_arn,
                "OutputS3Uri": _uri(self.location),
                "KmsKeyId": key_id(self.kms_key_id),
                "OutputFormat": limits.choice_text(self.output_format),
                "OutputCompression": limits.choice_text(self.output_compression),
            }
        )


_Query = AthenaDatasetDefinition | RedshiftDatasetDefinition


@dataclass(frozen=True, slots=True)
class DatasetDefinition:
    """The result of a query as an input, for ``ProcessingInput(dataset_definition=...)``.

    Args:
        data_distribution_type: ``FullyReplicated`` gives each instance all files, ``ShardedByS3Key`` a share.
        input_mode: ``File``, or ``Pipe`` to stream.
        local_path: Absolute folder below ``/opt/ml/processing/`` in the container. Left out (only in an
            input with ``app_managed=True``), SageMaker does not download the result.
        redshift_dataset_definition: The query, if Redshift runs it.
        athena_dataset_definition: The query, if Athena runs it.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DatasetDefinition.html
    """

    data_distribution_type: DataDistribution | Parameter | Resolvable = "ShardedByS3Key"
    input_mode: InputMode = "File"
    local_path: str | None = None
    redshift_dataset_definition: RedshiftDatasetDefinition | None = None
    athena_dataset_definition: AthenaDatasetDefinition | None = None

    @property
    def query(self) -> AthenaDatasetDefinition | RedshiftDatasetDefinition | None:
        """The query, Athena's or Redshift's."""
        return self.athena_dataset_definition or self.redshift_dataset_definition

    def texts(self) -> list[object]:
        """The fields that may hold run-time values."""
        query = self.query
        if not isinstance(query, (AthenaDatasetDefinition, RedshiftDatasetDefinition)):
            return [self.data_distribution_type]
        chosen = [self.data_distribution_type, query.output_format, query.output_compression]
        return [query.query_string, query.location, *chosen]

    def problems(self) -> list[Problem]:
        """What is wrong with this input. The channel checks ``local_path``."""
        owner = type(self).__name__
        kinds = ("FullyReplicated", "ShardedByS3Key")
        fix = f"set data_distribution_type on {owner}"
        found = limits.check_choice("data_distribution_type", self.data_distribution_type, kinds, fix)
        found += limits.check_choice("input_mode", self.input_mode, ("File", "Pipe"), f"set input_mode on {owner}")
        given = list(self._given())
        if len(given) != 1:
            allowed = "exactly one of athena_dataset_definition and redshift_dataset_definition"
            names = [name for name, _, _ in given] or None
            return [
                *found,
                Problem(
                    "",
                    names,
                    allowed,
                    f"give {owner} write one query here, and another ProcessingInput for another query",
                ),
            ]
        for name, query, kind in given:
            if isinstance(query, kind):
                found += [problem.inside(name) for problem in query.problems()]
            else:
                fix = f"write {name}={kind.__name__}(...)"
                found.append(Problem(name, query, f"an instance of {kind.__name__}", fix))
        return found

    def render(self) -> Json:
        """A DatasetDefinition of the API."""
        athena, redshift = self.athena_dataset_definition, self.redshift_dataset_definition
        return _without_none(
            {
                "DataDistributionType": limits.choice_text(self.data_distribution_type),
                "InputMode": self.input_mode,
                "LocalPath": self.local_path,
                "RedshiftDatasetDefinition": None if redshift is None else redshift.render(),
                "AthenaDatasetDefinition": None if athena is None else athena.render(),
            }
        )

    def _given(self) -> Iterator[tuple[str, _Query, type[AthenaDatasetDefinition] | type[RedshiftDatasetDefinition]]]:
        if self.athena_dataset_definition is not None:
            yield "athena_dataset_definition", self.athena_dataset_definition, AthenaDatasetDefinition
        if self.redshift_dataset_definition is not None:
            yield "redshift_dataset_definition", self.redshift_dataset_definition, RedshiftDatasetDefinition


def _uri(location: S3Location | None) -> str | None:
    return None if location is None else location.uri


def _without_none(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _check_name(field: str, name: object, longest: int, owner: str, pattern: re.Pattern[str] = _LINE) -> list[Problem]:
    fix = f"set {field} on {owner}"
    if has_run_time_value(name):
        return [Problem(field, name, "known at synth: the role gets permissions on it", fix)]
    if found := limits.check_text(field, name, longest, fix):
        return found
    if is_known(name) and not pattern.fullmatch(name):
        allowed = "letters, digits, '.', '_' and '-'" if pattern is _WORK_GROUP else "one line"
        return [Problem(field, name, allowed, fix)]
    return []


def _check_query(query: object, owner: str) -> list[Problem]:
    return limits.check_text(
        "query_string", text_of(query), 4096, f"set query_string on {owner}; a view makes it shorter"
    )


def _check_result(query: AthenaDatasetDefinition | RedshiftDatasetDefinition, owner: str) -> list[Problem]:
    location = query.location
    if location is None:
        allowed = "an S3Location or an s3:// URI"
        return [Problem("output_s3_uri", query.output_s3_uri, allowed, 'pass bucket.at("prefix/")')]
    found = [problem.inside("output_s3_uri") for problem in location.problems()]
    if is_known(location.uri) and len(location.uri) > limits.URI_LENGTH:
        found.append(Problem("output_s3_uri", location.uri, "at most 1,024 characters", "shorten the prefix"))
    return found + check_key("kms_key_id", query.kms_key_id, owner)


def _check_compression(given: object, allowed: tuple[str, ...]) -> list[Problem]:
    if given is None:
        return []
    return limits.check_choice("output_compression", given, allowed, "pick one of them, or leave it out")
