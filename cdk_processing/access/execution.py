"""Permissions of a job's execution role: read its inputs, write its outputs, pull its image, write its logs.

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
from cdk_processing.access.keys import key_statements
from cdk_processing.access.statement import Place, Statement, literal, one_or_many
from cdk_processing.contract.names import LOG_GROUP, log_stream_pattern
from cdk_processing.request.tokens import is_list_token

__all__ = [
    "BucketAccess",
    "ExecutionAccess",
    "common_execution_statements",
    "execution_statements",
    "image_statements",
    "read_statements",
]

_PREFIX_REASON = "An input or output is a prefix; the pattern covers the keys below it and no others."
_LOG_REASON = "SageMaker names a log stream after the job and the host; the pattern covers this job's names only."
_ACCOUNT_WIDE = "{} works on no resource, so IAM takes no narrower one than *."


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """Objects in S3 that the job reads or writes.

    Attributes:
        bucket_arn: The bucket's ARN.
        key: A key or a key prefix.
        exact: Whether ``key`` is a complete key, not a prefix.
        key_arn: The KMS key that encrypts the bucket: its ARN, id or alias. None if S3 manages the key.
    """

    bucket_arn: str
    key: str = ""
    exact: bool = False
    key_arn: str | None = None

    @property
    def objects(self) -> str:
        """The objects, as a resource in a policy."""
        return f"{self.bucket_arn}/{literal(self.key)}{'' if self.exact else '*'}"


@dataclass(frozen=True, slots=True)
class ExecutionAccess:
    """The values that the execution role's policy is built from.

    Attributes:
        place: Where the job runs.
        base_name: The prefix of its job names.
        reads: What it reads.
        writes: What it writes.
        repository_arn: The image's ECR repository; None for an image from elsewhere.
        volume_key: Key of the hosts' storage, by ARN, id or alias.
        output_key: Key of the outputs, by ARN, id or alias, if the request names one.
        subnets: Ids of the subnets of its hosts; () outside a VPC.
        security_groups: Ids of the security groups of its hosts.
        athena: Queries that Athena runs for it; ``reads`` and ``writes`` contain their results.
        redshift: Queries that Redshift runs for it; ``reads`` contains their results.
        feature_groups: Names of the feature groups that its script puts records into.
        packages: ARN of the CodeArtifact repository that it installs packages from.
    """

    place: Place
    base_name: str
    reads: tuple[BucketAccess, ...] = ()
    writes: tuple[BucketAccess, ...] = ()
    repository_arn: str | None = None
    volume_key: str | None = None
    output_key: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    athena: tuple[AthenaAccess, ...] = ()
    redshift: tuple[RedshiftAccess, ...] = ()
    feature_groups: tuple[str, ...] = ()
    packages: str | None = None


def execution_statements(access: ExecutionAccess) -> list[Statement]:
    """The statements of the execution role, limited to those that the job needs."""
    return [
        *_read_inputs(access.reads),
        *_write_outputs(access.writes),
        *image_statements(access.repository_arn),
        _write_logs(access),
        *common_execution_statements(access.place),
        *_use_keys(access),
        *_attach_to_vpc(access),
        *dataset_statements(access.place, access.athena, access.redshift),
        *feature_statements(access.place, access.feature_groups),
        *package_statements(access.packages),
    ]


def common_execution_statements(place: Place) -> list[Statement]:
    """The statements that the roles of all jobs of a place have alike."""
    return [_make_logs(place), _write_metrics()]


def read_statements(place: Place, reads: tuple[BucketAccess, ...]) -> list[Statement]:
    """The statements to read the inputs and to use the KMS keys of their buckets."""
    return [*_read_inputs(reads), *_decrypt_inputs(place, reads)]


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
            {"StringLike": {"s3:prefix": one_or_many(_unique(prefixes))}},
        )


def _write_outputs(writes: tuple[BucketAccess, ...]) -> Iterator[Statement]:
    if writes:
        objects = _unique(write.objects for write in writes)
        # AbortMultipartUpload: a large upload that fails must not leave parts behind.
        yield Statement(
            "WriteOutputs", ["s3:PutObject", "s3:AbortMultipartUpload"], objects, wildcard_reason=_PREFIX_REASON
        )


def image_statements(repository_arn: str | None) -> Iterator[Statement]:
    """The statements to pull an image from a repository of ECR."""
    if repository_arn is None:
        return
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    yield Statement("PullImage", actions, [repository_arn])
    action = "ecr:GetAuthorizationToken"
    yield Statement("LogInToRegistry", [action], ["*"], wildcard_reason=_ACCOUNT_WIDE.format(action))


# The resource of a CloudWatch Logs call is the group, the group with an empty stream name, or the stream. This differs
# by action and has changed over time. The first two name no stream; the third covers this job's streams only.
_LOG_ACTIONS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]


def _make_logs(place: Place) -> Statement:
    group = place.arn("logs", f"log-group:{LOG_GROUP}")
    return Statement("MakeLogs", _LOG_ACTIONS, [group, f"{group}:log-stream:"])


def _write_logs(access: ExecutionAccess) -> Statement:
    stream = f"log-group:{LOG_GROUP}:log-stream:{log_stream_pattern(access.base_name)}"
    return Statement("WriteLogs", _LOG_ACTIONS, [access.place.arn("logs", stream)], wildcard_reason=_LOG_REASON)


def _write_metrics() -> Statement:
    action = "cloudwatch:PutMetricData"
    return Statement(
        "WriteMetrics",
        [action],
        ["*"],
        {"StringEquals": {"cloudwatch:namespace": LOG_GROUP}},
        wildcard_reason=_ACCOUNT_WIDE.format(action) + " The condition names the one namespace.",
    )


def _decrypt_inputs(place: Place, reads: tuple[BucketAccess, ...]) -> Iterator[Statement]:
    readable = _unique(read.key_arn for read in reads)
    yield from key_statements(place, "DecryptInputs", ["kms:Decrypt"], readable, _through_s3(place))


def _use_keys(access: ExecutionAccess) -> Iterator[Statement]:
    place = access.place
    yield from _decrypt_inputs(place, access.reads)
    writable = _unique([*(write.key_arn for write in access.writes), access.output_key])
    # AWS lists kms:Encrypt for outputs: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    yield from key_statements(place, "EncryptOutputs", ["kms:Encrypt", "kms:GenerateDataKey"], writable)
    # S3 reads the parts of a multipart upload back.
    yield from key_statements(place, "DecryptOutputParts", ["kms:Decrypt"], writable, _through_s3(place))
    volume = _unique([access.volume_key])
    grants = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    yield from key_statements(place, "EncryptVolumes", ["kms:CreateGrant"], volume, grants)
    yield from key_statements(place, "DescribeVolumeKey", ["kms:DescribeKey"], volume)


def _through_s3(place: Place) -> dict[str, dict[str, str]]:
    """The condition that S3 uses the key for the role. So the role cannot decrypt stolen data of other services.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return {"StringLike": {"kms:ViaService": f"s3.{place.region}.*"}}


def _attach_to_vpc(access: ExecutionAccess) -> Iterator[Statement]:
    """The VPC statements that AWS lists, limited to the job's subnets and security groups where EC2 supports that.

    Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html;
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    """
    if not access.subnets:
        return
    place = access.place
    interfaces = place.arn("ec2", "network-interface/*")
    subnets = [_of_any_account(place, f"subnet/{each}") for each in access.subnets]
    if is_list_token(access.subnets) or is_list_token(access.security_groups):
        # CloudFormation cannot prepend a pseudo parameter to each item of a list. ArnLike accepts * in each part.
        subnets = [f"arn:*:ec2:*:*:subnet/{each}" for each in access.subnets]
        yield from _make_interfaces_by_ids(access, interfaces)
    else:
        groups = [_of_any_account(place, f"security-group/{each}") for each in access.security_groups]
        yield Statement(
            "MakeNetworkInterfaces",
            ["ec2:CreateNetworkInterface"],
            [*subnets, *groups, interfaces],
            wildcard_reason="SageMaker makes interfaces in these subnets and groups, which another account may share.",
        )
    yield Statement(
        "UseNetworkInterfaces",
        ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"],
        [interfaces],
        {"ArnLike": {"ec2:Subnet": subnets}},
        wildcard_reason="EC2 names the interfaces; the condition admits those in the job's own subnets.",
    )
    yield Statement(
        "LookAtVpc",
        [
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        ["*"],
        {"StringEquals": {"ec2:Region": place.region}},
        wildcard_reason="These actions take no resource. The condition names the job's region.",
    )


def _make_interfaces_by_ids(access: ExecutionAccess, interfaces: str) -> Iterator[Statement]:
    """The statements to create interfaces, with conditions, if only CloudFormation knows the list of ids."""
    action = ["ec2:CreateNetworkInterface"]
    yield Statement("MakeNetworkInterfaces", action, [interfaces], wildcard_reason="A new interface has no name yet.")
    for sid, kind, key, ids in (
        ("MakeInSubnets", "subnet", "ec2:SubnetID", access.subnets),
        ("MakeInGroups", "security-group", "ec2:SecurityGroupID", access.security_groups),
    ):
        yield Statement(
            sid,
            action,
            [_of_any_account(access.place, f"{kind}/*")],
            {"StringEquals": {key: list(ids)}},
            wildcard_reason="The condition admits the job's own, whose ids are a list that only CloudFormation knows.",
        )


def _of_any_account(place: Place, resource: str) -> str:
    return f"arn:{place.partition}:ec2:{place.region}:*:{resource}"


def _unique(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
