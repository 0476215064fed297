"""What the execution role of a job may do: read its inputs, write its outputs, pull its image, write its logs.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createprocessingjob-perms
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cdk_processing.access.datasets import (
    AthenaAccess,
    RedshiftAccess,
    dataset_statements,
    feature_statements,
    package_statements,
)
from cdk_processing.access.statement import Place, Statement, literal
from cdk_processing.contract.names import LOG_GROUP, log_stream_pattern

__all__ = ["BucketAccess", "ExecutionAccess", "execution_statements", "read_statements"]

_PREFIX_REASON = "An input or output is a prefix; the pattern covers the keys below it and no others."
_LOG_REASON = "SageMaker names a log stream after the job and the host; the pattern covers this job's names only."
_ACCOUNT_WIDE = "{} works on no resource, so IAM takes no narrower one than *."


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """A place in S3 that the job touches.

    Attributes:
        bucket_arn: The bucket's ARN.
        key: A key, or what keys begin with.
        exact: Whether ``key`` is one whole key.
        key_arn: ARN of the KMS key that encrypts the bucket, None where S3 manages it.
    """

    bucket_arn: str
    key: str = ""
    exact: bool = False
    key_arn: str | None = None

    @property
    def objects(self) -> str:
        """The objects, as a policy's resource."""
        return f"{self.bucket_arn}/{literal(self.key)}{'' if self.exact else '*'}"


@dataclass(frozen=True, slots=True)
class ExecutionAccess:
    """All that the execution role's policy is made from.

    Attributes:
        place: Where the job runs.
        base_name: What its job names begin with.
        reads: What it reads.
        writes: What it writes.
        repository_arn: The image's ECR repository; None for an image from elsewhere.
        volume_key_arn: Key of the hosts' storage.
        output_key_arn: Key of the outputs, where the request names one.
        in_vpc: Whether its hosts are attached to a VPC.
        athena: Queries that Athena runs for it; their results are among ``reads`` and ``writes``.
        redshift: Queries that Redshift runs for it; their results are among ``reads``.
        feature_groups: Names of the feature groups that its script puts records into.
        packages: ARN of the CodeArtifact repository that it installs packages from.
    """

    place: Place
    base_name: str
    reads: tuple[BucketAccess, ...] = ()
    writes: tuple[BucketAccess, ...] = ()
    repository_arn: str | None = None
    volume_key_arn: str | None = None
    output_key_arn: str | None = None
    in_vpc: bool = False
    athena: tuple[AthenaAccess, ...] = ()
    redshift: tuple[RedshiftAccess, ...] = ()
    feature_groups: tuple[str, ...] = ()
    packages: str | None = None


def execution_statements(access: ExecutionAccess) -> list[Statement]:
    """The statements of the execution role, each there only if the job needs it."""
    return [
        *_read_inputs(access.reads),
        *_write_outputs(access.writes),
        *_pull_image(access.repository_arn),
        *_write_logs(access),
        *_use_keys(access),
        *_attach_to_vpc(access.in_vpc),
        *dataset_statements(access.place, access.athena, access.redshift),
        *feature_statements(access.place, access.feature_groups),
        *package_statements(access.packages),
    ]


def read_statements(reads: tuple[BucketAccess, ...]) -> list[Statement]:
    """The statements for reading, and for using the keys that it takes."""
    return [*_read_inputs(reads), *_decrypt_inputs(reads)]


def _read_inputs(reads: tuple[BucketAccess, ...]) -> Iterator[Statement]:
    if not reads:
        return
    objects = _unique(read.objects for read in reads)
    reason = _PREFIX_REASON if any("*" in resource for resource in objects) else ""
    yield Statement("ReadInputs", ["s3:GetObject"], objects, wildcard_reason=reason)
    for number, bucket in enumerate(_unique(read.bucket_arn for read in reads), 1):
        prefixes = [f"{literal(read.key)}{'' if read.exact else '*'}" for read in reads if read.bucket_arn == bucket]
        yield Statement(
            "ListInputs" if number == 1 else f"ListInputs{number}",
            ["s3:ListBucket"],
            [bucket],
            {"StringLike": {"s3:prefix": _unique(prefixes)}},
        )


def _write_outputs(writes: tuple[BucketAccess, ...]) -> Iterator[Statement]:
    if writes:
        objects = _unique(write.objects for write in writes)
        # AbortMultipartUpload: a large upload that fails must not leave parts behind.
        yield Statement(
            "WriteOutputs", ["s3:PutObject", "s3:AbortMultipartUpload"], objects, wildcard_reason=_PREFIX_REASON
        )


def _pull_image(repository_arn: str | None) -> Iterator[Statement]:
    if repository_arn is None:
        return
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    yield Statement("PullImage", actions, [repository_arn])
    action = "ecr:GetAuthorizationToken"
    yield Statement("LogInToRegistry", [action], ["*"], wildcard_reason=_ACCOUNT_WIDE.format(action))


def _write_logs(access: ExecutionAccess) -> Iterator[Statement]:
    group = access.place.arn("logs", f"log-group:{LOG_GROUP}")
    yield Statement(
        "WriteLogs",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        # CloudWatch names what a call is about as the group, as the group with an empty stream behind it, or as the
        # stream, by call and by time; all three forms are this job's own.
        [group, f"{group}:log-stream:", f"{group}:log-stream:{log_stream_pattern(access.base_name)}"],
        wildcard_reason=_LOG_REASON,
    )
    action = "cloudwatch:PutMetricData"
    yield Statement(
        "WriteMetrics",
        [action],
        ["*"],
        {"StringEquals": {"cloudwatch:namespace": LOG_GROUP}},
        wildcard_reason=_ACCOUNT_WIDE.format(action) + " The condition names the one namespace.",
    )


def _decrypt_inputs(reads: tuple[BucketAccess, ...]) -> Iterator[Statement]:
    readable = _unique(read.key_arn for read in reads)
    if readable:
        yield Statement("DecryptInputs", ["kms:Decrypt"], readable)


def _use_keys(access: ExecutionAccess) -> Iterator[Statement]:
    yield from _decrypt_inputs(access.reads)
    writable = _unique([*(write.key_arn for write in access.writes), access.output_key_arn])
    if writable:
        # Decrypt: S3 reads the parts of a multipart upload back.
        yield Statement("EncryptOutputs", ["kms:GenerateDataKey", "kms:Decrypt"], writable)
    if access.volume_key_arn:
        yield Statement(
            "EncryptVolumes",
            ["kms:CreateGrant"],
            [access.volume_key_arn],
            {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
        yield Statement("DescribeVolumeKey", ["kms:DescribeKey"], [access.volume_key_arn])


def _attach_to_vpc(in_vpc: bool) -> Iterator[Statement]:
    if in_vpc:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html: the VPC statements of a processing role
        yield Statement(
            "AttachToVpc",
            [
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
            wildcard_reason="SageMaker makes the interfaces; EC2's Describe actions take no resource.",
        )


def _unique(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
