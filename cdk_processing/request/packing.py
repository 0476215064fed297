"""Local folders as one archive each, which the container unpacks before its program starts.

The CDK publishes each object separately, and CDK Pipelines makes a build project for each, so a folder of 120 files
would need 120. An archive needs one. The entrypoint must be known at synth, because the unpacking goes before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from cdk_processing.errors import Problem
from cdk_processing.request.channels import ProcessingInput
from cdk_processing.request.files import Archive, LocalFiles
from cdk_processing.request.request import ProcessingRequest

__all__ = ["ARCHIVE", "FILES_LIMIT", "packed", "unpacked_problems", "unpacking"]

#: The most files of a folder that are published one by one, if it cannot be an archive.
FILES_LIMIT = 20
#: The archive's name, which no user's file has.
ARCHIVE = "cdk-processing-folder.tar.gz"
#: Unpacks the archives in so many folders, removes them, and becomes the program. At most 256 characters.
_UNPACK = (
    "set -e; n=$1; shift; while [ $n -gt 0 ]; do "
    f'a="$1/{ARCHIVE}"; tar -xzf "$a" -C "$1" || python3 -m tarfile -e "$a" "$1"; rm "$a"; '
    'shift; n=$((n-1)); done; exec "$@"'
)


def packed(request: ProcessingRequest) -> ProcessingRequest:
    """The same request, with each local folder of several files as one archive if the container can unpack it."""
    folders = [channel.local_path or "" for channel in (*request.inputs, *request.program.inputs) if _fits(channel)]
    entrypoint = request.program.entrypoint
    if not folders or not entrypoint:
        return request
    program = replace(
        request.program,
        entrypoint=(*unpacking(folders), *entrypoint),
        inputs=tuple(map(_as_archive, request.program.inputs)),
        word_fields=(*["inputs"] * len(unpacking(folders)), *request.program.word_fields),
    )
    return replace(request, program=program, inputs=tuple(map(_as_archive, request.inputs)))


def unpacking(folders: Sequence[str]) -> tuple[str, ...]:
    """The words before an entrypoint. They unpack the archives in folders and then become the program."""
    return ("/bin/sh", "-c", _UNPACK, "unpack", str(len(folders)), *folders)


def unpacked_problems(request: ProcessingRequest) -> list[Problem]:
    """Problems of folders with many files that cannot be one archive."""
    known = request.program.entrypoint is not None
    found = []
    for index, channel in enumerate(request.inputs):
        files = channel.files
        if not isinstance(files, LocalFiles) or (known and _fits(channel)) or _is_few(files):
            continue
        fix = "put the files into the image, or copy them to a bucket and name it"
        if not known:
            allowed = f"a folder of at most {FILES_LIMIT} files where the image's own entrypoint runs"
            fix = f"give the processor the entrypoint, so that the folder becomes one archive; {fix}"
        else:
            allowed = f"a folder of at most {FILES_LIMIT} files in Pipe mode, or shared out by key"
        found.append(Problem(f"inputs[{index}].source", str(channel.source), allowed, fix))
    return found


def _fits(channel: ProcessingInput) -> bool:
    """Whether a channel is a folder of which every host gets every file."""
    files = channel.files
    return (
        isinstance(files, LocalFiles)
        and channel.s3_input_mode == "File"
        and channel.s3_data_distribution_type == "FullyReplicated"
        and len(list(islice(files.members(), 2))) > 1
    )


def _is_few(files: LocalFiles) -> bool:
    return len(list(islice(files.members(), FILES_LIMIT + 1))) <= FILES_LIMIT


def _as_archive(channel: ProcessingInput) -> ProcessingInput:
    files = channel.files
    if not isinstance(files, LocalFiles) or not _fits(channel):
        return channel
    return replace(channel, source=Archive(ARCHIVE, folder=files.folder, paths=files.paths))
