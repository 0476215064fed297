"""Local files as content-addressed S3 assets: the same content is the same place, however many jobs use it.

A file keeps its name, below the hash of what it belongs to: ``<hash>/prep.py``, ``<hash>/folder/data.csv``. SageMaker
copies by prefix, so the container finds it as it is called here; a zip, which is how CDK publishes folders, would stay
a zip there.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from weakref import WeakKeyDictionary

from aws_cdk import AssetStaging, FileAssetPackaging, Stack
from constructs import Construct

from cdk_processing.constructs.resources import stack_of
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, LocalSource
from cdk_processing.request.location import S3Location

__all__ = ["publish"]

_published: WeakKeyDictionary[Stack, dict[LocalSource, S3Location]] = WeakKeyDictionary()


def publish(source: LocalSource, scope: Construct) -> S3Location:
    """Where ``cdk deploy`` puts local files: the bootstrap bucket, under the hash of their content.

    The core's staging is used and not ``aws_s3_assets``, which would import and build an L2 bucket for each file.
    """
    known = _published.setdefault(stack_of(scope), {})
    if source not in known:
        known[source] = _stage(source, stack_of(scope), len(known) + 1)
    return known[source]


def _stage(source: LocalSource, stack: Stack, number: int) -> S3Location:
    path = _on_disk(source)
    staging = AssetStaging(_folder(stack), f"Files{number}", source_path=str(path.resolve()))
    staged = staging.relative_staged_path(stack)
    digest = staging.asset_hash
    if not isinstance(source, LocalFiles):
        return _add(stack, digest, path.name, staged)
    places = [_add(stack, digest, name, f"{staged}/{name}") for name, _ in _members(path)]
    return S3Location(places[0].bucket, f"{digest}/")


def _add(stack: Stack, digest: str, name: str, staged: str) -> S3Location:
    # CDK appends the staged file's extension to what it takes for the hash.
    published = stack.synthesizer.add_file_asset(
        source_hash=f"{digest}/{name.removesuffix(Path(staged).suffix)}",
        file_name=staged,
        packaging=FileAssetPackaging.FILE,
        display_name=name,
    )
    return S3Location(published.bucket_name, published.object_key)


def _on_disk(source: LocalSource) -> Path:
    """The source as one file or folder: what has to be put together first lies in a temporary folder until exit."""
    if isinstance(source, LocalFile):
        return Path(source.path)
    if isinstance(source, LocalFiles):
        target = _temporary() / "files"
        for name, path in source.members():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
        return target
    target = _temporary() / source.name
    target.write_bytes(source.content() if isinstance(source, Archive) else source.text.encode())
    return target


def _members(folder: Path) -> list[tuple[str, Path]]:
    return list(LocalFiles(folder=str(folder)).members())


def _temporary() -> Path:
    folder = tempfile.mkdtemp(prefix="cdk-processing-asset-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _folder(stack: Stack) -> Construct:
    """One construct to hold the stack's staged files, none of which is a resource."""
    construct_id = "ProcessingFiles"
    found = stack.node.try_find_child(construct_id)
    return found if isinstance(found, Construct) else Construct(stack, construct_id)
