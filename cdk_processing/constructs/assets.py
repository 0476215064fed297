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

from aws_cdk import AssetStaging, FileAssetPackaging, IStackSynthesizer, NestedStack, Stack
from constructs import Construct

from cdk_processing.constructs.resources import stack_of
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, LocalSource, TextFile
from cdk_processing.request.location import S3Location

__all__ = ["publish"]

_synthesizers: WeakKeyDictionary[Stack, IStackSynthesizer] = WeakKeyDictionary()
# By the current folder too: the same relative path is another file after os.chdir.
_published: WeakKeyDictionary[Stack, dict[tuple[LocalSource, Path], S3Location]] = WeakKeyDictionary()


def publish(source: LocalSource, scope: Construct) -> S3Location:
    """Where ``cdk deploy`` puts local files: the bootstrap bucket, under the hash of their content.

    The core's staging is used and not ``aws_s3_assets``, which would import and build an L2 bucket for each file.
    """
    known = _published.setdefault(stack_of(scope), {})
    place = (source, Path.cwd())
    if place not in known:
        known[place] = _stage(source, stack_of(scope), len(known) + 1)
    return known[place]


def _stage(source: LocalSource, stack: Stack, number: int) -> S3Location:
    # A folder even for one file: CDK calls a file that it stages asset.<hash>, whose ending may not be the file's own.
    folder = _temporary()
    names = _write(source, folder)
    staging = AssetStaging(_folder(stack), f"Files{number}", source_path=str(folder.resolve()))
    staged = staging.relative_staged_path(stack)
    places = [_add(stack, staging.asset_hash, name, f"{staged}/{name}") for name in names]
    if not isinstance(source, LocalFiles):
        return places[0]
    return S3Location(places[0].bucket, places[0].key.removesuffix(names[0]))


def _add(stack: Stack, digest: str, name: str, staged: str) -> S3Location:
    # CDK appends the staged file's extension to what it takes for the hash.
    published = _synthesizer(stack).add_file_asset(
        source_hash=f"{digest}/{name.removesuffix(_extension(name))}",
        file_name=staged,
        packaging=FileAssetPackaging.FILE,
        display_name=name,
    )
    return S3Location(published.bucket_name, published.object_key)


def _synthesizer(stack: Stack) -> IStackSynthesizer:
    """What publishes the stack's assets, by way of a nested stack that is removed at once.

    ``stack.synthesizer`` would not do: one that was given to a stack or app is bound to the stack as a copy, and jsii
    takes the copy for the original, which is bound to nothing. A nested stack is given the copy.
    """
    if stack not in _synthesizers:
        construct_id = "ProcessingSynthesizer"
        _synthesizers[stack] = NestedStack(stack, construct_id).synthesizer
        for child in (construct_id, f"{construct_id}.NestedStack"):
            stack.node.try_remove_child(child)
    return _synthesizers[stack]


def _extension(name: str) -> str:
    """What Node takes for a name's extension: ``path.extname`` keeps a dot at the end, which pathlib drops."""
    last = name.rpartition("/")[2]
    return last[last.rfind(".") :] if last.rfind(".") > 0 else ""


def _write(source: LocalSource, folder: Path) -> list[str]:
    """Put the source's files into a folder, each under its name; say the names."""
    if isinstance(source, (Archive, TextFile)):
        (folder / source.name).write_bytes(source.content() if isinstance(source, Archive) else source.text.encode())
        return [source.name]
    files = [(source.name, Path(source.path))] if isinstance(source, LocalFile) else list(source.members())
    for name, path in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    return [name for name, _ in files]


def _temporary() -> Path:
    """A folder that is there until exit."""
    folder = tempfile.mkdtemp(prefix="cdk-processing-asset-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _folder(stack: Stack) -> Construct:
    """One construct to hold the stack's staged files, none of which is a resource."""
    construct_id = "ProcessingFiles"
    found = stack.node.try_find_child(construct_id)
    return found if isinstance(found, Construct) else Construct(stack, construct_id)
