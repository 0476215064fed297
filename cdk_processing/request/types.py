"""The types of a declaration's arguments: lists, words, and CDK's constructs as this pure folder sees them.

A construct is known by the attributes that the library reads. The CDK's own classes fit, and ``aws_cdk`` stays out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeVar, overload

__all__ = [
    "Bucket",
    "Compression",
    "DataDistribution",
    "DataType",
    "Duration",
    "ImageAsset",
    "InputMode",
    "Json",
    "Key",
    "ListOf",
    "LocalPath",
    "Repository",
    "Resolvable",
    "Role",
    "SecurityGroup",
    "Subnet",
    "SubnetSelection",
    "Topic",
    "UploadMode",
    "Vpc",
    "WholeNumber",
]

_T_co = TypeVar("_T_co", covariant=True)

#: A path of this machine.
LocalPath = str | os.PathLike[str]
#: A JSON object, for example a request of the API. Its values are of any kind, and who reads one knows which.
Json = dict[str, Any]

#: A whole number, or CDK's token for one, which is a float.
WholeNumber = int | float

DataType = Literal["S3Prefix", "ManifestFile"]
InputMode = Literal["File", "Pipe"]
DataDistribution = Literal["FullyReplicated", "ShardedByS3Key"]
Compression = Literal["None", "Gzip"]
UploadMode = Literal["EndOfJob", "Continuous"]


class ListOf(Protocol[_T_co]):
    """A list or a tuple. A ``str`` is none: it is a sequence of texts only by accident."""

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> _T_co: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[_T_co]: ...
    # A str accepts only texts here, which is how type checkers tell it from a list.
    def __contains__(self, value: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_T_co]: ...


class Resolvable(Protocol):
    """A value that CloudFormation fills in, as ``CfnParameter.value`` or ``Fn.condition_if(...)``."""

    @property
    def creation_stack(self) -> list[str]: ...  # noqa: D102
    def to_string(self) -> str: ...  # noqa: D102


class Role(Protocol):
    """An ``iam.IRole``."""

    @property
    def role_arn(self) -> str: ...  # noqa: D102


class Key(Protocol):
    """A ``kms.IKey``."""

    @property
    def key_arn(self) -> str: ...  # noqa: D102


class Topic(Protocol):
    """An ``sns.ITopic``."""

    @property
    def topic_arn(self) -> str: ...  # noqa: D102
    @property
    def fifo(self) -> bool: ...  # noqa: D102


class Node(Protocol):
    """The node of a construct."""

    @property
    def path(self) -> str: ...
    @property
    def default_child(self) -> object: ...


class Bucket(Protocol):
    """An ``s3.IBucket``."""

    @property
    def node(self) -> Node: ...  # noqa: D102
    @property
    def encryption_key(self) -> Key | None: ...  # noqa: D102

    @property
    def bucket_name(self) -> str: ...  # noqa: D102
    @property
    def bucket_arn(self) -> str: ...  # noqa: D102


class Repository(Protocol):
    """An ``ecr.IRepository``."""

    @property
    def repository_arn(self) -> str: ...  # noqa: D102
    @property
    def repository_uri(self) -> str: ...  # noqa: D102
    def repository_uri_for_tag_or_digest(self, tag_or_digest: str | None = None) -> str: ...  # noqa: D102


class ImageAsset(Protocol):
    """An ``ecr_assets.DockerImageAsset`` or ``TarballImageAsset``."""

    @property
    def image_tag(self) -> str: ...  # noqa: D102
    @property
    def repository(self) -> Repository: ...  # noqa: D102


class SecurityGroup(Protocol):
    """An ``ec2.ISecurityGroup``."""

    @property
    def security_group_id(self) -> str: ...  # noqa: D102


class Subnet(Protocol):
    """An ``ec2.ISubnet``."""

    @property
    def subnet_id(self) -> str: ...  # noqa: D102


class SubnetSelection(Protocol):
    """An ``ec2.SubnetSelection``."""

    @property
    def availability_zones(self) -> list[str] | None: ...  # noqa: D102
    @property
    def one_per_az(self) -> bool | None: ...  # noqa: D102
    @property
    def subnet_group_name(self) -> str | None: ...  # noqa: D102


class Vpc(Protocol):
    """An ``ec2.IVpc``."""

    @property
    def vpc_id(self) -> str: ...  # noqa: D102
    @property
    def vpc_arn(self) -> str: ...  # noqa: D102
    @property
    def private_subnets(self) -> Sequence[Subnet]: ...  # noqa: D102
    @property
    def isolated_subnets(self) -> Sequence[Subnet]: ...  # noqa: D102


class Duration(Protocol):
    """An ``aws_cdk.Duration``."""

    def to_seconds(self) -> int | float: ...  # noqa: D102
