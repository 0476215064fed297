"""Upload outputs from the containers' folders to S3, at the end of a job or while it runs.

A container may write anything into its folders, so this module follows no links. SageMaker does not either.
https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-input-and-output.html
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from cdk_processing.local.container.channels import Progress, in_parallel, transfer_failures
from cdk_processing.local.container.failures import Halt, JobFailedError
from cdk_processing.local.container.specification import JobSpecification, OutputChannel
from cdk_processing.local.job_runner import ProgressObserver, RoleSession

__all__ = ["ContinuousUpload", "make_output_folders", "open_beneath", "upload_outputs"]

_MULTIPART_BYTES = 64 * 1024 * 1024
_SCAN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _File:
    """A file that a container wrote; ``state`` changes with each write."""

    channel: OutputChannel
    root: Path
    path: PurePosixPath
    size: int
    state: tuple[int, int, int]


def make_output_folders(job: JobSpecification, folders: Mapping[str, Path]) -> None:
    """Create the folders of all outputs, as SageMaker does before the entrypoint starts."""
    for folder in folders.values():
        for channel in job.outputs:
            (folder / channel.folder).mkdir(parents=True, exist_ok=True)


def upload_outputs(
    job: JobSpecification,
    folders: Mapping[str, Path],
    session: RoleSession,
    observer: ProgressObserver,
    halt: Halt,
) -> None:
    """Upload the outputs of mode ``EndOfJob``.

    If several instances write a file with the same name, one of them is kept, as in AWS. Do not rely on which.

    Args:
        job: The job with the outputs.
        folders: The folder that each host sees as ``/opt/ml``.
        session: The execution role.
        observer: Receives the numbers of bytes.
        halt: When to give up.

    Raises:
        JobFailedError: S3 refused a request, or a file name is not a valid key.
        JobStoppedError: ``halt`` came first.
    """
    progress = Progress(observer)
    with transfer_failures("Data upload failed"):
        files = list(_files([each for each in job.outputs if not each.continuous], folders))
    progress.more(sum(each.size for each in files))
    client = session.client("s3")
    in_parallel(lambda each: _put(client, each, progress), files, halt)


@dataclass(slots=True)
class ContinuousUpload:
    """Uploads the outputs of mode ``Continuous`` while the job runs: a context manager around the containers.

    It uploads a file that has not changed between two looks, and again after each change. When the context ends, it
    uploads the rest, even if the containers failed.

    Attributes:
        job: The job with the outputs.
        folders: The folder that each host sees as ``/opt/ml``.
        session: The execution role.
        observer: Receives the numbers of bytes.
        error: The first error, if any. It ends the job, and is raised when the context ends.
    """

    job: JobSpecification
    folders: Mapping[str, Path]
    session: RoleSession
    observer: ProgressObserver
    error: JobFailedError | None = None
    _uploaded: dict[tuple[Path, PurePosixPath], tuple[int, int, int]] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def failed(self) -> bool:
        """Whether something went wrong."""
        return self.error is not None

    def __enter__(self) -> ContinuousUpload:
        if self._channels():
            self._thread = threading.Thread(target=self._watch, name=f"upload-{self.job.name}", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        if not self.failed():
            self._upload(self._look())
        if self.error is not None and error is None:
            raise self.error

    def _channels(self) -> list[OutputChannel]:
        return [each for each in self.job.outputs if each.continuous]

    def _watch(self) -> None:
        before: dict[tuple[Path, PurePosixPath], tuple[int, int, int]] = {}
        while not self._ended.wait(_SCAN_SECONDS) and not self.failed():
            now = self._look()
            self._upload([each for each in now if before.get((each.root, each.path)) == each.state])
            before = {(each.root, each.path): each.state for each in now}

    def _look(self) -> list[_File]:
        try:
            with transfer_failures("Data upload failed"):
                return list(_files(self._channels(), self.folders))
        except JobFailedError as error:
            self.error = error
            return []

    def _upload(self, files: Sequence[_File]) -> None:
        client = self.session.client("s3")
        progress = Progress(self.observer)
        new = [each for each in files if self._uploaded.get((each.root, each.path)) != each.state]
        progress.more(sum(each.size for each in new))
        for each in new:
            try:
                _put(client, each, progress)
            except JobFailedError as error:
                self.error = error
                return
            self._uploaded[each.root, each.path] = each.state


def open_beneath(root: Path, path: PurePosixPath, flags: int = os.O_RDONLY) -> int:
    """Open a file that a container wrote. Follows no link in its path.

    Args:
        root: A folder that the service created.
        path: The file's path, relative to `root`.
        flags: Flags of ``os.open``.

    Returns:
        A file descriptor.

    Raises:
        OSError: The file does not exist, its path contains a link, or it is a device, a pipe or a socket.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for number, part in enumerate(path.parts, start=1):
        last = number == len(path.parts)
        try:
            # Do not open it at all: opening a device can have side effects.
            kind = os.stat(part, dir_fd=descriptor, follow_symlinks=False).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise OSError(errno.EINVAL, "It is no regular file", part)
            # O_NONBLOCK: a named pipe must not block the job.
            within = os.open(
                part,
                os.O_NOFOLLOW | os.O_NONBLOCK | (flags if last else os.O_RDONLY | os.O_DIRECTORY),
                dir_fd=descriptor,
            )
        finally:
            os.close(descriptor)
        descriptor = within
    return descriptor


def _files(channels: Sequence[OutputChannel], folders: Mapping[str, Path]) -> Iterator[_File]:
    """Yield all regular files. Links, pipes and sockets are not outputs."""
    for folder in folders.values():
        for channel in channels:
            try:
                descriptor = open_beneath(folder, channel.folder, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue  # the container deleted its output folder
            try:
                for parent, _, names, parent_fd in os.fwalk(".", dir_fd=descriptor):
                    for name in names:
                        try:
                            status = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
                        except FileNotFoundError:
                            continue  # a temporary file that was deleted
                        if stat.S_ISREG(status.st_mode):
                            state = (status.st_mtime_ns, status.st_size, status.st_ino)
                            yield _File(channel, folder, channel.folder / parent / name, status.st_size, state)
            finally:
                os.close(descriptor)


def _put(client: Any, each: _File, progress: Progress) -> None:
    destination = each.channel.destination
    relative = each.path.relative_to(each.channel.folder).as_posix()
    folder = destination.key if destination.key.endswith("/") or not destination.key else f"{destination.key}/"
    key = folder + relative
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise JobFailedError("ClientError", f"Data upload failed: {relative!a} is not valid UTF-8.") from error
    encryption = {}
    if each.channel.kms_key is not None:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": each.channel.kms_key}
    with transfer_failures("Data upload failed", f"s3://{destination.bucket}/{key}"):
        try:
            descriptor = open_beneath(each.root, each.path)
        except FileNotFoundError:
            return  # deleted since it was listed
        with os.fdopen(descriptor, "rb") as file:
            _send(client, file, destination.bucket, key, encryption, each.size)
    progress.add(each.size)


def _send(client: Any, file: BinaryIO, bucket: str, key: str, encryption: Mapping[str, str], size: int) -> None:
    if size >= _MULTIPART_BYTES:
        client.upload_fileobj(file, bucket, key, ExtraArgs=dict(encryption))
    else:
        client.put_object(Bucket=bucket, Key=key, Body=file, **encryption)
