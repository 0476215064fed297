"""Local files as S3 assets of a job: the same content is the same place, and an older version stays where it was.

A key is ``<job>/<hash>/<name>``. A file keeps its name, because SageMaker copies by prefix and the container finds it
as it is called here; a zip, which is how the CDK publishes folders, would stay a zip there. The job's folder stays the
same when its files change: what the execution role may read covers the files that a run was launched with before a
deployment, and a deployment of a changed script changes the state machine alone, which ``cdk watch`` can do by itself.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import FileAssetPackaging, IStackSynthesizer, NestedStack, Stack, Stage
from constructs import Construct

from cdk_processing.constructs.naming import base_name_for
from cdk_processing.constructs.pseudo_parameters import with_tokens
from cdk_processing.constructs.resources import path_of, stack_of
from cdk_processing.constructs.typed import call_for
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, LocalSource, TextFile
from cdk_processing.request.location import S3Location

__all__ = ["Published", "publish"]

_synthesizers: WeakKeyDictionary[Stack, IStackSynthesizer] = WeakKeyDictionary()
# The bucket of a stack's assets, and what its synthesizer puts before a key, by the extension of the key.
_prefixes: WeakKeyDictionary[Stack, dict[str, S3Location]] = WeakKeyDictionary()
_stage_folders: WeakKeyDictionary[Stack, str] = WeakKeyDictionary()
# By the current folder too: the same relative path is another file after os.chdir.
_staged: WeakKeyDictionary[Stack, dict[tuple[LocalSource, Path], _Staged]] = WeakKeyDictionary()


class Published(NamedTuple):
    """Where files lie once the stack is deployed.

    Attributes:
        location: The file, or what the keys of several begin with.
        versions: What the keys of all versions of all files of the job begin with.
    """

    location: S3Location
    versions: S3Location


class _Staged(NamedTuple):
    """Files beside the template.

    Attributes:
        folder: The folder, from the template's.
        digest: Hash of names and content.
        names: The files in it.
    """

    folder: str
    digest: str
    names: tuple[str, ...]


def publish(source: LocalSource, job: Construct) -> Published:
    """Have ``cdk deploy`` put a job's local files into the bootstrap bucket.

    They are written beside the template whether the CDK stages assets or not, because archives and launchers are made
    here. ``AssetStaging`` would copy them once more, and ``aws_s3_assets`` build an L2 bucket for each file as well.

    Raises:
        DeclarationError: The stack's synthesizer publishes no files, or does not keep their names.
    """
    stack = stack_of(job)
    known = _staged.setdefault(stack, {})
    place = (source, Path.cwd())
    if place not in known:
        try:
            known[place] = _stage(source, stack)
        except OSError as error:
            fix = "change its mode, or leave it out: LocalFolder(..., exclude=[...])"
            allowed = f"one that this user can read ({error.strerror})"
            raise DeclarationError(path_of(job), [Problem("file", str(error.filename), allowed, fix)]) from error
    staged = known[place]
    folder = f"{_folder_of(job)}/"
    places = [_add(job, f"{folder}{staged.digest}/{name}", f"{staged.folder}/{name}") for name in staged.names]
    first, name = places[0], staged.names[0]
    versions = S3Location(first.bucket, first.key.removesuffix(f"{staged.digest}/{name}"))
    return Published(versions.at(f"{staged.digest}/{'' if isinstance(source, LocalFiles) else name}"), versions)


def _folder_of(job: Construct) -> str:
    """A folder for a job's files, the same at each synth and in each stage of an app.

    By the path below the stage, so that CDK Pipelines publishes what two stages share once.
    """
    below = path_of(job).removeprefix(_stage_folder(stack_of(job)))
    return f"{base_name_for(below)}-{hashlib.sha256(below.encode()).hexdigest()[:8]}"


def _stage_folder(stack: Stack) -> str:
    """What the paths in a stack's stage begin with; asked of Node once a stack."""
    if stack not in _stage_folders:
        stage = Stage.of(stack)
        path = "" if stage is None else stage.node.path
        _stage_folders[stack] = f"{path}/" if path else ""
    return _stage_folders[stack]


def _add(job: Construct, key: str, staged: str) -> S3Location:
    # The CDK appends the staged file's extension to what it takes for the hash.
    extension, stack = _extension(key), stack_of(job)
    prefixes = _prefixes.setdefault(stack, {})
    try:
        source = {
            "sourceHash": key.removesuffix(extension),
            "fileName": staged,
            "packaging": FileAssetPackaging.FILE,
            "displayName": key.rpartition("/")[2],
        }
        # Where it will be is asked once for each extension, and the bucket once: the CDK makes a new token each time.
        fields = () if extension in prefixes else ("objectKey",) if prefixes else ("objectKey", "bucketName")
        answer = call_for(_synthesizer(stack), "addFileAsset", [source], *fields)
    except RuntimeError as error:  # what the CDK raises comes from Node
        raise _unfit(job, str(error).strip().splitlines()[0]) from error
    if answer:
        object_key = answer[0]
        bucket = next(iter(prefixes.values())).bucket if prefixes else _legible(stack, answer[1])
        if not object_key.endswith(key):
            raise _unfit(job, "it gives files names of its own, and the container would not find them")
        prefixes[extension] = S3Location(bucket, object_key.removesuffix(key))
    return prefixes[extension].at(key)


def _legible(stack: Stack, bucket_name: str) -> str:
    """The name as text around pseudo parameters, where it is one ``Fn::Sub`` of them: short in the template."""
    resolved = stack.resolve(bucket_name)
    body = resolved.get("Fn::Sub") if isinstance(resolved, dict) else None
    return (with_tokens(body) if isinstance(body, str) else None) or bucket_name


def _unfit(job: Construct, why: str) -> DeclarationError:
    kind = type(stack_of(job).synthesizer).__name__
    allowed = "one that publishes files under their own names, such as DefaultStackSynthesizer"
    fix = f"give the stack another, or name code and inputs by their s3:// URIs ({why})"
    return DeclarationError(path_of(job), [Problem("synthesizer", kind, allowed, fix).on("Stack")])


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


def _stage(source: LocalSource, stack: Stack) -> _Staged:
    """Write a source's files into a folder of the cloud assembly that is named for what is in it."""
    stage = Stage.of(stack)
    assert stage is not None  # every stack is in an app
    assembly = Path(stage.asset_outdir)
    assembly.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".cdk-processing-", dir=assembly))
    try:
        names = _write(source, making)
        digest = _digest(making, names)
        folder = assembly / f"asset.{digest}"
        if not folder.exists():
            making.chmod(0o755)
            making.rename(folder)  # whole or not at all, whoever else synthesizes here
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return _Staged(Path(os.path.relpath(folder, stage.outdir)).as_posix(), digest, tuple(names))


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


def _digest(folder: Path, names: list[str]) -> str:
    """A hash of files' names and content."""
    found = hashlib.sha256()
    for name in names:
        content = (folder / name).read_bytes()
        found.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape") + content)
    return found.hexdigest()[:32]
