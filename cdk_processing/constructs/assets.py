"""Local files as content-addressed S3 assets: the same file is the same asset, however many jobs use it."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

from aws_cdk import AssetStaging, FileAssetPackaging, Stack
from constructs import Construct

from cdk_processing.constructs.resources import stack_of
from cdk_processing.request.location import S3Location

__all__ = ["file_asset"]

_published: WeakKeyDictionary[Stack, dict[Path, S3Location]] = WeakKeyDictionary()


def file_asset(path: str | Path, scope: Construct) -> S3Location:
    """Where ``cdk deploy`` puts a local file: the bootstrap bucket, under the file's own hash.

    The core's staging is used and not ``aws_s3_assets``, which would import and build an L2 bucket for each file.
    """
    stack = stack_of(scope)
    known = _published.setdefault(stack, {})
    file = Path(path).resolve()
    if file not in known:
        folder = _folder(stack)
        staging = AssetStaging(folder, f"File{len(known) + 1}", source_path=str(file))
        published = stack.synthesizer.add_file_asset(
            source_hash=staging.asset_hash,
            file_name=staging.relative_staged_path(stack),
            packaging=FileAssetPackaging.FILE,
            display_name=file.name,
        )
        known[file] = S3Location(published.bucket_name, published.object_key)
    return known[file]


def _folder(stack: Stack) -> Construct:
    """One construct to hold the stack's staged files, none of which is a resource."""
    construct_id = "ProcessingFiles"
    found = stack.node.try_find_child(construct_id)
    return found if isinstance(found, Construct) else Construct(stack, construct_id)
