"""Publish file assets, and create the resources that `cdk bootstrap` would create for them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cdk_processing.local.deployment.expressions import substitute

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_ssm.client import SSMClient

    from cdk_processing.local.deployment.assembly import FileAsset

__all__ = ["bootstrap", "publish"]

# Higher than any bootstrap version that a template requires. The number has no other meaning here.
_BOOTSTRAP_VERSION = "30"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def bootstrap(ssm: SSMClient, parameter: str) -> None:
    """Write the bootstrap version that templates of the CDK's default synthesizer check."""
    ssm.put_parameter(Name=parameter, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True)


def publish(s3: S3Client, assets: Iterable[FileAsset], places: Mapping[str, str]) -> int:
    """Upload file assets to their buckets. Creates the buckets if needed.

    Args:
        s3: S3 client for the account and region of the assets.
        assets: What to publish.
        places: Values of ``AWS::AccountId``, ``AWS::Region`` and ``AWS::Partition``.

    Returns:
        The number of uploaded assets. A key contains the hash of the content, so an existing object is up to date.
    """
    published = 0
    ready: set[str] = set()
    for asset in assets:
        bucket, key = substitute(asset.bucket, places), substitute(asset.key, places)
        if bucket not in ready:
            _ensure_bucket(s3, bucket, places["AWS::Region"])
            ready.add(bucket)
        if _exists(s3, bucket, key):
            continue
        s3.put_object(Bucket=bucket, Key=key, Body=_zipped(asset.path) if asset.zipped else asset.path.read_bytes())
        published += 1
    return published


def _ensure_bucket(s3: S3Client, bucket: str, region: str) -> None:
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        if region == "us-east-1":  # S3 rejects this region as a LocationConstraint.
            s3.create_bucket(Bucket=bucket)
        else:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]


def _exists(s3: S3Client, bucket: str, key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError:
        return False
    return True


def _zipped(folder: Path) -> bytes:
    """Zip a folder (or one file). Same content gives the same bytes; permissions are kept."""
    buffer = io.BytesIO()
    files = [folder] if folder.is_file() else sorted(file for file in folder.rglob("*") if file.is_file())
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            name = file.name if folder.is_file() else file.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (file.stat().st_mode & 0xFFFF) << 16
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()
