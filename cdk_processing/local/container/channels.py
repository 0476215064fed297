"""Downloads inputs from S3 into the containers' folders. ``uploads.py`` uploads the outputs."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import botocore.exceptions

from cdk_processing.local.container.failures import Halt, JobFailedError
from cdk_processing.local.container.specification import InputChannel, JobSpecification, S3Prefix
from cdk_processing.local.job_runner import ProgressObserver, RoleSession

__all__ = ["PARALLEL_TRANSFERS", "Progress", "download_inputs", "in_parallel", "transfer_failures"]

PARALLEL_TRANSFERS = 8
"""Fewer than botocore's default of 10 connections per endpoint."""

_CHUNK_BYTES = 1024 * 1024
_COMPONENT_BYTES = 255  # NAME_MAX of every common Linux file system


@dataclass(slots=True)
class Progress:
    """Sums the bytes that several threads transfer, and reports them to the observer.

    Attributes:
        observer: Receives the numbers of bytes.
        total: All known bytes.
        done: Bytes transferred so far.
    """

    observer: ProgressObserver
    total: int = 0
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def more(self, expected: int) -> None:
        """Add bytes to the total."""
        with self.lock:
            self.total += expected

    def add(self, transferred: int) -> None:
        """Add transferred bytes."""
        with self.lock:
            self.done += transferred
            self.observer.transferred(self.done, self.total)


@dataclass(frozen=True, slots=True)
class _Object:
    """An S3 object and its path in the channel's folder; ``size`` is unknown for objects of a manifest."""

    bucket: str
    key: str
    path: PurePosixPath
    size: int | None


def download_inputs(
    job: JobSpecification,
    folders: Mapping[str, Path],
    session: RoleSession,
    observer: ProgressObserver,
    halt: Halt,
) -> None:
    """Fill the input channels of every instance.

    Args:
        job: The job with the channels.
        folders: The folder that each host sees as ``/opt/ml``.
        session: The execution role.
        observer: Receives the numbers of bytes.
        halt: When to give up.

    Raises:
        JobFailedError: S3 refused a request, no object was found, or an object's key cannot be a file name.
        JobStoppedError: ``halt`` came first.
    """
    client = session.client("s3")
    progress = Progress(observer)
    for channel in job.inputs:
        roots = [folders[host] / channel.folder for host in job.hosts]
        for root in roots:
            root.mkdir(parents=True, exist_ok=True)
        with transfer_failures("Data download failed", str(channel.source)):
            objects = list((_from_manifest if channel.manifest else _below_prefix)(client, channel, session))
        _refuse_clashes(objects)
        progress.more(sum(each.size or 0 for each in objects))
        _fetch_all(client, objects, roots, channel.sharded, progress, halt)


def _fetch_all(
    client: Any, objects: Sequence[_Object], roots: Sequence[Path], sharded: bool, progress: Progress, halt: Halt
) -> None:
    def fetch(numbered: tuple[int, _Object]) -> None:
        number, each = numbered
        # Distribute the sorted keys in turn, so that each of M instances gets n/M of n objects.
        own = [roots[number % len(roots)]] if sharded else roots
        with transfer_failures("Data download failed", f"s3://{each.bucket}/{each.key}"):
            _fetch(client, each, [root / each.path for root in own], progress, halt)

    in_parallel(fetch, list(enumerate(objects)), halt)


def in_parallel(step: Callable[[Any], None], items: Sequence[Any], halt: Halt) -> None:
    """Run a step for every item, several in parallel. The first failure ends the loop and is raised.

    Raises:
        JobStoppedError: ``halt`` came first.
    """

    def guarded(item: Any) -> None:
        halt.check()
        step(item)

    if len(items) < 2:
        for item in items:
            guarded(item)
        return
    with ThreadPoolExecutor(min(PARALLEL_TRANSFERS, len(items)), thread_name_prefix="transfer") as pool:
        try:
            for _ in pool.map(guarded, items):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def transfer_failures(what: str, place: str = "") -> Iterator[None]:
    """Turn an error of S3 or the disk into the job's failure reason; ``place`` is the object or file."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # An "access denied" message already contains the object's ARN; "key does not exist" does not say which key.
        named = place.removeprefix("s3://") in str(error)
        text = f"{what}: {error}" if named else f"{what}: {error} ({place})"
        raise JobFailedError("InternalServerError" if status >= 500 else "ClientError", text) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise JobFailedError(
            "ClientError",
            f"{what}: Please check your s3 objects and ensure that there is no object that is both a folder as well as "
            f'a file: "{error.filename}".',
        ) from error
    except (botocore.exceptions.BotoCoreError, OSError) as error:
        raise JobFailedError("InternalServerError", f"{what}: {error}") from error


def _below_prefix(client: Any, channel: InputChannel, session: RoleSession) -> Iterator[_Object]:
    source = channel.source
    empty = True
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=source.key)
    for page in pages:
        for entry in page.get("Contents", ()):
            empty = False
            key = entry["Key"]
            if key.endswith("/"):
                continue  # a folder created in the S3 console: no file can have that name
            yield _Object(source.bucket, key, _path(key, _below(source.key, key)), entry["Size"])
    if empty:
        raise _nothing(source, session)


def _below(prefix: str, key: str) -> str:
    """Return an object's path in its channel.

    If the prefix is a folder, it is removed, with or without a trailing slash (the SageMaker SDK uploads a local
    folder and omits the slash). If the prefix ends within a name, it is removed up to its last slash.

    >>> _below("in", "in/a/1.csv"), _below("in/", "in/a/1.csv"), _below("in/1", "in/1.csv"), _below("in/1", "in/1")
    ('a/1.csv', 'a/1.csv', '1.csv', '1')
    """
    if prefix and key.startswith(prefix if prefix.endswith("/") else f"{prefix}/"):
        return key[len(prefix) :].lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _path(key: str, relative: str) -> PurePosixPath:
    """Turn the rest of a key into a path within the channel's folder.

    Raises:
        JobFailedError: It is not a valid path within the folder.
    """
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in relative:
        raise JobFailedError(
            "ClientError", f'Data download failed: the key "{key}" would leave its folder; rename the object.'
        )
    if any(len(part.encode()) > _COMPONENT_BYTES for part in parts):
        raise JobFailedError(
            "ClientError",
            f"Data download failed: a file name has at most {_COMPONENT_BYTES} bytes, which a part of this key "
            f'exceeds: "{key}".',
        )
    return PurePosixPath(*parts)


def _nothing(source: S3Prefix, session: RoleSession) -> JobFailedError:
    # AWS's text for the same mistake, from CreateTrainingJob's ValidationException.
    return JobFailedError(
        "ClientError",
        f'No S3 objects found under S3 URL "{source}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({session.region}), that objects exist under that S3 prefix, and that the role "
        f'"{session.role_arn}" has "s3:ListBucket" permissions on bucket "{source.bucket}".',
    )


def _from_manifest(client: Any, channel: InputChannel, session: RoleSession) -> Iterator[_Object]:
    """Read a manifest, ``[{"prefix": "s3://bucket/some/"}, "relative/1", ...]``.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
    """
    source = channel.source
    # The documented policy for processing grants s3:ListBucket for both kinds of input: list the manifest first.
    if not client.list_objects_v2(Bucket=source.bucket, Prefix=source.key, MaxKeys=1).get("KeyCount"):
        raise _nothing(source, session)
    with contextlib.closing(client.get_object(Bucket=source.bucket, Key=source.key)["Body"]) as body:
        text = body.read()
    try:
        entries = json.loads(text)
        first = entries[0]["prefix"]
        if not all(isinstance(each, str) and each for each in (first, *entries[1:])):
            raise TypeError("an element is not a string")
        prefix = S3Prefix.parse(first)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise JobFailedError(
            "ClientError",
            f'Data download failed: the manifest "{source}" must be a JSON array of {{"prefix": "s3://bucket/"}} and '
            f"the keys below it: {error}",
        ) from error
    if len(entries) < 2:
        raise _nothing(source, session)
    for relative in entries[1:]:
        if not relative.endswith("/"):
            yield _Object(prefix.bucket, prefix.key + relative, _path(prefix.key + relative, relative), None)


def _refuse_clashes(objects: Sequence[_Object]) -> None:
    seen: dict[PurePosixPath, str] = {}
    for each in objects:
        other = seen.setdefault(each.path, each.key)
        if other != each.key:
            raise JobFailedError(
                "ClientError", f'Data download failed: "{other}" and "{each.key}" would be the same file, {each.path}.'
            )


def _fetch(client: Any, each: _Object, targets: Sequence[Path], progress: Progress, halt: Halt) -> None:
    first, *others = targets
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    answer = client.get_object(Bucket=each.bucket, Key=each.key)
    if each.size is None:
        progress.more(answer["ContentLength"])
    with contextlib.closing(answer["Body"]) as body, first.open("wb") as file:
        while chunk := body.read(_CHUNK_BYTES):
            halt.check()
            file.write(chunk)
            progress.add(len(chunk))
    for other in others:
        shutil.copyfile(first, other)
