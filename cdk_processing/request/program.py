"""The program of a container, and its channels: a script, or a bundle of code with its requirements."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cdk_processing.errors import Problem
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, TextFile, is_local_path, local_path
from cdk_processing.request.folders import LocalFolder, files_of
from cdk_processing.request.likely import here, in_place_of, near_path, s3_uri
from cdk_processing.request.limits import check_unique
from cdk_processing.request.location import S3Location
from cdk_processing.request.tokens import is_known
from cdk_processing.request.types import ListOf, LocalPath

__all__ = ["Program", "bundle_program", "image_program", "script_program"]

CODE_FOLDER = "/opt/ml/processing/input/code"
ENTRYPOINT_FOLDER = "/opt/ml/processing/input/entrypoint"
ARCHIVE = "sourcedir.tar.gz"
LAUNCHER = "runproc.sh"

_CODEARTIFACT = re.compile(
    r"arn:[^:]+:codeartifact:(?P<region>[^:]+):(?P<owner>[^:]+):repository/(?P<domain>[^/]+)/(?P<repository>.+)"
)


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a container.

    Attributes:
        entrypoint: The container's entrypoint; None leaves the image's own.
        inputs: Channels of the program itself, after the user's.
        outputs: Channels of the program itself, after the user's.
        reads: Locations that the program reads itself.
        needs_network: Whether it needs a network.
        codeartifact: ARN of the CodeArtifact repository to install requirements from.
        mistakes: Problems of the arguments that it was made from.
        word_fields: The user's argument behind each word of ``entrypoint``.
        input_fields: The user's argument behind each channel in ``inputs``.
    """

    entrypoint: tuple[str, ...] | None = None
    inputs: tuple[ProcessingInput, ...] = ()
    outputs: tuple[ProcessingOutput, ...] = ()
    reads: tuple[S3Location, ...] = ()
    needs_network: bool = False
    codeartifact: str | None = None
    mistakes: tuple[Problem, ...] = ()
    word_fields: tuple[str, ...] = ()
    input_fields: tuple[str, ...] = ()


def image_program(entrypoint: ListOf[str] | None) -> Program:
    """The image's own program, or the entrypoint that the user gives."""
    if not isinstance(entrypoint, (list, tuple)) or not entrypoint:
        return Program()
    return Program(tuple(entrypoint), word_fields=numbered("entrypoint", entrypoint))


def numbered(field: str, words: Sequence[object]) -> tuple[str, ...]:
    """The names of a list's items: ``command[0]``, ``command[1]`` ..."""
    return tuple(f"{field}[{index}]" for index in range(len(words)))


def script_program(
    command: Sequence[str],
    code: object,
    *,
    field: str = "code",
    folder: str = CODE_FOLDER,
    input_name: str = "code",
    word_fields: Sequence[str] | None = None,
) -> Program:
    """One script, run by a command.

    Args:
        command: The words of the command.
        code: A local path or an ``s3://`` URI.
        field: The user's name for ``code``.
        folder: The script's folder in the container.
        input_name: The name of the script's channel.
        word_fields: The user's argument behind each word of ``command``. Left out, ``command[0]``, ``command[1]`` ...
    """
    mistakes = check_code(field, code)
    if mistakes:
        return Program(mistakes=tuple(mistakes))
    source: LocalFile | S3Location | str
    if is_local_path(code):
        source = LocalFile(os.fspath(code))
    else:
        source = code if isinstance(code, S3Location) else str(code)
    channel = ProcessingInput(source=source, destination=folder, input_name=input_name)
    return Program(
        (*command, f"{folder}/{_name(code)}"),
        (channel,),
        word_fields=(*(numbered("command", command) if word_fields is None else word_fields), field),
        input_fields=(field,),
    )


def bundle_program(
    command: Sequence[str],
    code: LocalPath | S3Location,
    source_dir: LocalPath | S3Location | None = None,
    dependencies: ListOf[LocalPath] | None = None,
    codeartifact_repo_arn: str | None = None,
) -> Program:
    """A folder of code with its requirements. A small shell script unpacks, installs and runs it.

    Args:
        command: What runs the script.
        code: The script, by its path within ``source_dir``. Of an object in S3, the command runs a
            Python file, and bash runs any other file.
        source_dir: A local folder, or the ``s3://`` URI of a ``sourcedir.tar.gz``. Left out, the script alone.
        dependencies: More local folders and files, which are put beside the code.
        codeartifact_repo_arn: CodeArtifact repository to install ``requirements.txt`` from.
    """
    if isinstance(code, S3Location) or (isinstance(code, str) and code.startswith("s3://")):
        beside = {
            "source_dir": source_dir,
            "dependencies": dependencies or None,
            "codeartifact_repo_arn": codeartifact_repo_arn,
        }
        # The SDK runs every file with bash, which fails on "import" in a Python file.
        is_python = _name(code).endswith(".py")
        program = script_program(
            command if is_python else ["/bin/bash"],
            code,
            folder=ENTRYPOINT_FOLDER,
            input_name="entrypoint",
            word_fields=None if is_python else ["code"],
        )
        return replace(program, mistakes=(*program.mistakes, *_check_nothing_beside(beside)))
    mistakes = [
        *_check_bundle(code, source_dir),
        *_check_dependencies(dependencies, source_dir),
        *_check_codeartifact(codeartifact_repo_arn),
        *_check_launched(command),
    ]
    mistakes = mistakes or _check_names(code, source_dir, dependencies)
    if mistakes:
        return Program(mistakes=tuple(mistakes))
    archive: Archive | S3Location | str | None = source_dir if isinstance(source_dir, S3Location) else str(source_dir)
    script = os.fspath(code)
    if source_dir is None:
        paths = (script, *_paths(dependencies))
        archive, script = Archive(ARCHIVE, paths=paths), Path(script).name
    elif is_local_path(source_dir):
        archive = Archive(ARCHIVE, folder=local_path(source_dir), paths=_paths(dependencies))
    launcher = TextFile(LAUNCHER, _launcher(command, script, codeartifact_repo_arn))
    return Program(
        entrypoint=("/bin/bash", f"{ENTRYPOINT_FOLDER}/{LAUNCHER}"),
        inputs=(
            ProcessingInput(source=archive, destination=f"{CODE_FOLDER}/", input_name="code"),
            ProcessingInput(source=launcher, destination=ENTRYPOINT_FOLDER, input_name="entrypoint"),
        ),
        needs_network=_has_requirements(source_dir, dependencies),
        codeartifact=codeartifact_repo_arn,
        word_fields=("code", "code"),
        input_fields=("code" if source_dir is None else "source_dir", "code"),
    )


def check_code(field: str, code: object) -> list[Problem]:
    """A script that exists here, or the URI of one object."""
    if is_local_path(code):
        return _check_file(field, code, Path(code))
    if not isinstance(code, (str, os.PathLike, S3Location)):
        one = code[0] if isinstance(code, (list, tuple)) and len(code) == 1 else None
        fix = in_place_of(code) or f"pass the path of the script as {field}"
        if one is not None:
            fix = f"write {one!r}"
        return [Problem(field, code, "the path of a script, or an s3:// URI", fix)]
    if isinstance(code, str) and code.startswith("file://"):
        fix = f"write {code.removeprefix('file://')!r}"
        return [Problem(field, code, "the path of a script, without file://", fix)]
    location = S3Location.of(code)
    if location is None or not location.key or location.key.endswith("/"):
        meant = s3_uri(code) if location is None else None
        fix = "write s3://bucket/key of the file" if meant is None else f"write {meant!r}"
        return [Problem(field, code, "the s3:// URI of one script", fix)]
    return [problem.inside(field) for problem in location.problems()]


def _check_file(field: str, given: object, path: Path) -> list[Problem]:
    if path.is_file():
        return []
    if path.is_dir() and field == "code":
        fix = f"name the script in it, and the folder as source_dir: code='main.py', source_dir={str(given)!r}"
        return [Problem(field, str(given), "the path of a script; this is a folder", fix)]
    kind = "a folder" if path.is_dir() else "nothing"
    near, meant = near_path(str(given)), s3_uri(given) or here(given)
    correct = "correct the path, it is relative to where cdk runs"
    if near is not None and Path(near).is_file():
        correct = f"write {near!r}, or correct the path"
    fix = f"there is {kind} at {path.resolve()}; {correct}" if meant is None else f"write {meant!r}"
    return [Problem(field, str(given), "the path of an existing script, or an s3:// URI", fix)]


def _check_nothing_beside(given: Mapping[str, object]) -> list[Problem]:
    fix = "name a local script, or leave it out: a script in S3 runs without a folder"
    return [
        Problem(name, value, "left out if code is in S3", fix) for name, value in given.items() if value is not None
    ]


def _check_bundle(code: object, source_dir: object) -> list[Problem]:
    if source_dir is None:
        return check_code("code", code)
    if not is_local_path(code):
        return [Problem("code", code, "the path of a script within source_dir", "pass code='main.py'")]
    if not is_local_path(source_dir):
        location = S3Location.of(source_dir)
        if location is not None and PurePosixPath(location.key).name == ARCHIVE:
            return [problem.inside("source_dir") for problem in location.problems()]
        allowed = f"a local folder, or the s3:// URI of a {ARCHIVE}"
        meant = here(source_dir)
        fix = in_place_of(source_dir) or f"name a folder, or s3://bucket/prefix/{ARCHIVE}"
        if meant is not None:
            fix = f"write {meant!r}"
        return [Problem("source_dir", source_dir, allowed, fix)]
    folder = Path(source_dir)
    if not folder.is_dir():
        near = here(str(source_dir)) or near_path(str(source_dir))
        fix = f"there is no folder at {folder.resolve()}; {f'write {near!r}' if near else 'correct the path'}"
        return [Problem("source_dir", str(source_dir), "an existing folder", fix)]
    if Path(code).is_absolute() or ".." in Path(code).parts or not (folder / code).is_file():
        hint = f"name the script by its path within {source_dir}"
        for path in (Path(code), Path(near_path(str(folder / code)) or "")):
            if path.is_file() and (within := _within(folder, path)) is not None:
                hint = f"write {within!r}"
        fix = f"there is no {folder / code}; {hint}"
        return [Problem("code", str(code), "a script within source_dir", fix)]
    if Path(code).as_posix() not in (name for name, _ in files_of(local_path(source_dir))):
        fix = "change the pattern in exclude= or .dockerignore, or add '!' and its path to exclude="
        return [Problem("code", str(code), "a script that is not left out of source_dir", fix)]
    return []


def _within(folder: Path, code: Path) -> str | None:
    """The path within a folder of a script that is named by its path from here."""
    try:
        return code.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return None


def _check_dependencies(dependencies: object, source_dir: object) -> list[Problem]:
    if dependencies is None:
        return []
    if not isinstance(dependencies, (list, tuple)):
        return [Problem("dependencies", dependencies, "a list of local paths", f"write [{str(dependencies)!r}]")]
    if source_dir is not None and not is_local_path(source_dir):
        fix = "put them into the archive"
        return [Problem("dependencies", list(dependencies), "left out if source_dir is in S3", fix)]
    found = []
    for index, path in enumerate(dependencies):
        if not is_local_path(path):
            meant = here(path)
            fix = "name a file or folder here" if meant is None else f"write {meant!r}"
            found.append(Problem(f"dependencies[{index}]", path, "a local path", fix))
        elif not Path(path).exists():
            near = here(str(path)) or near_path(str(path))
            fix = f"there is nothing at {Path(path).resolve()}; {f'write {near!r}' if near else 'correct the path'}"
            found.append(Problem(f"dependencies[{index}]", str(path), "an existing file or folder", fix))
    return found


def _check_names(
    code: LocalPath, source_dir: LocalPath | S3Location | None, dependencies: ListOf[LocalPath] | None
) -> list[Problem]:
    """Problems of two files with one name in the archive: the container would find only one."""
    if not dependencies or isinstance(source_dir, S3Location):
        return []
    folder = None if source_dir is None else local_path(source_dir)
    paths = (*([os.fspath(code)] if folder is None else []), *_paths(dependencies))
    names = (name for name, _ in LocalFiles(paths, folder).members())
    return check_unique("dependencies", names, "rename one, or leave one out")


def _paths(paths: ListOf[LocalPath] | None) -> tuple[str | LocalFolder, ...]:
    return tuple(local_path(path) for path in paths or ())


def _check_launched(command: Sequence[str]) -> list[Problem]:
    """Checks the words of the launcher, which is a file that synth writes."""
    words = [word for word in command if isinstance(word, str) and not is_known(word)]
    fix = "pass it in arguments or env"
    return [Problem("command", word, "known at synth, which writes it into a file", fix) for word in words]


def _check_codeartifact(arn: object) -> list[Problem]:
    if arn is None or (isinstance(arn, str) and _CODEARTIFACT.fullmatch(arn)):
        return []
    allowed = "the ARN of a CodeArtifact repository"
    return [
        Problem(
            "codeartifact_repo_arn", arn, allowed, "write arn:aws:codeartifact:REGION:ACCOUNT:repository/DOMAIN/NAME"
        )
    ]


def _has_requirements(source_dir: LocalPath | S3Location | None, dependencies: ListOf[LocalPath] | None) -> bool:
    if source_dir is not None and not is_local_path(source_dir):
        return True  # synth cannot read it
    if source_dir is not None and (Path(source_dir) / "requirements.txt").is_file():
        return True
    return any(Path(path).name == "requirements.txt" for path in dependencies or ())


def _launcher(command: Sequence[str], script: str, codeartifact_repo_arn: str | None) -> str:
    """The shell script that unpacks the code, installs its requirements and becomes the program."""
    python = command[0] if command and Path(command[0]).name.startswith("python") else "python3"
    lines = [
        "#!/bin/bash",
        "# Unpack the code, install what it requires, and run it.",
        "set -euo pipefail",
        f"cd {CODE_FOLDER}/",
        f"tar -xzf {ARCHIVE}",
        "if [[ -f requirements.txt ]]; then",
        *([f"    {_login(codeartifact_repo_arn)}"] if codeartifact_repo_arn else []),
        f"    {shlex.quote(python)} -m pip install --requirement requirements.txt",
        "fi",
        f'exec {shlex.join([*command, PurePosixPath(Path(script).as_posix()).as_posix()])} "$@"',
    ]
    return "\n".join(lines) + "\n"


def _login(arn: str) -> str:
    parts = _CODEARTIFACT.fullmatch(arn)
    assert parts is not None  # checked before
    words = [
        "aws",
        "codeartifact",
        "login",
        "--tool",
        "pip",
        "--domain",
        parts["domain"],
        "--domain-owner",
        parts["owner"],
    ]
    return shlex.join([*words, "--repository", parts["repository"], "--region", parts["region"]])


def _name(code: object) -> str:
    return Path(code).name if is_local_path(code) else PurePosixPath(str(code)).name
