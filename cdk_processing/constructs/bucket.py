"""An S3 bucket for data, with safe defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_processing.constructs.acknowledgements import of_packs
from cdk_processing.constructs.resources import acknowledge
from cdk_processing.request.location import S3Location

__all__ = ["DataBucket"]

_NO_LOGS = (
    "CloudTrail data events audit the objects of a whole account, and S3 charges for each log that it stores. "
    "server_access_logs_bucket= writes logs."
)
_NO_REPLICATION = (
    "A second copy of all data doubles what storage costs; versions keep what is overwritten or deleted. "
    "replication_rules= makes one."
)
_NO_LOCK = "A lock keeps data for a fixed time, also where a law asks to delete it. Versions keep what is deleted."
_NO_KMS = "S3 encrypts with its own keys at no cost. encryption_key= takes a KMS key."


class DataBucket(s3.Bucket):
    """An ``s3.Bucket`` for data: TLS only, no public access, encrypted, versioned, kept on delete.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        encryption_key: ``kms.IKey`` to encrypt with; jobs may use it. Left out, S3 manages the key.
        bucket_name: Left out, CloudFormation chooses a unique name.
        removal_policy: What happens to the bucket when the stack is deleted. Left out, it stays with its objects.
        auto_delete_objects: Whether a bucket that is deleted is emptied first, by a Lambda function of the CDK's own.
            Otherwise CloudFormation deletes an empty bucket only. Needs ``RemovalPolicy.DESTROY``.
        lifecycle_rules: Your own ``s3.LifecycleRule``. One more deletes unfinished uploads after 7 days.
        server_access_logs_bucket: The ``s3.IBucket`` that gets the logs of all requests. Left out, S3 writes none.
        server_access_logs_prefix: What the keys of those logs begin with. Left out, the root of that bucket.
        replication_rules: Your own ``s3.ReplicationRule``, such as one to a bucket in another region. Left out, none.

    Example:
        >>> import aws_cdk
        >>> stack = aws_cdk.Stack(aws_cdk.App(), "Census")
        >>> DataBucket(stack, "Raw").at("census/").key
        'census/'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        encryption_key: Any = None,
        bucket_name: str | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        auto_delete_objects: bool = False,
        lifecycle_rules: Sequence[Any] = (),
        server_access_logs_bucket: Any = None,
        server_access_logs_prefix: str | None = None,
        replication_rules: Sequence[Any] = (),
    ) -> None:
        unfinished = s3.LifecycleRule(
            id="DropUnfinishedUploads", abort_incomplete_multipart_upload_after=Duration.days(7)
        )
        super().__init__(
            scope,
            construct_id,
            auto_delete_objects=auto_delete_objects or None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED if encryption_key is None else s3.BucketEncryption.KMS,
            encryption_key=encryption_key,
            bucket_key_enabled=None if encryption_key is None else True,
            enforce_ssl=True,
            lifecycle_rules=[unfinished, *lifecycle_rules],
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal_policy,
            replication_rules=list(replication_rules) or None,
            server_access_logs_bucket=server_access_logs_bucket,
            server_access_logs_prefix=server_access_logs_prefix,
            versioned=True,
        )
        made = cast(CfnResource, self.node.default_child)
        if server_access_logs_bucket is None:
            rules = ["AwsSolutions-S1", "CKV_AWS_18", *of_packs("S3BucketLoggingEnabled")]
            acknowledge(made, self, _NO_LOGS, *rules)
        if not replication_rules:
            acknowledge(made, self, _NO_REPLICATION, *of_packs("S3BucketReplicationEnabled"))
        if encryption_key is None:
            acknowledge(made, self, _NO_KMS, *of_packs("S3DefaultEncryptionKMS"))
        acknowledge(made, self, _NO_LOCK, "NIST.800.53.R4-S3BucketDefaultLockEnabled")

    def at(self, prefix: str) -> S3Location:
        """A location in this bucket: a key prefix, which may hold run-time values."""
        return S3Location(self, prefix)
