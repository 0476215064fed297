"""An S3 bucket for data, with safe defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_processing.request.location import S3Location

__all__ = ["DataBucket"]


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
            versioned=True,
        )
        Validations.of(self).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="Object access is audited with CloudTrail data events, chosen for a whole account at once; a "
                "bucket of server access logs for each data bucket would double the buckets.",
            )
        )

    def at(self, prefix: str) -> S3Location:
        """A location in this bucket: a key prefix, which may hold run-time values."""
        return S3Location(self, prefix)
