"""Finds or builds the Python environment that replaces an image if there is no Docker.

For the images of AWS in ``*_images.py`` and ``spark/images.py``, uv builds a virtual environment with the image's
releases once and keeps it in the user's cache. Any other image needs Docker, or an interpreter that the user names.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import filelock

from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.framework_images import FRAMEWORK_IMAGES, framework_image
from cdk_processing.local.container.installing import cache_folder, run_uv
from cdk_processing.local.container.sklearn_images import SKLEARN_IMAGES, SklearnImage, sklearn_image
from cdk_processing.local.container.spark.images import SPARK_IMAGES, SparkImage, spark_image
from cdk_processing.local.container.spark.java import java_home
from cdk_processing.local.container.spark.stand_in import spark_stand_in

__all__ = [
    "SKLEARN_IMAGES",
    "Environment",
    "SklearnImage",
    "cache_folder",
    "environment_for",
    "environment_problem",
    "sklearn_image",
]

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")

# Increase it when environments of the same releases get different content.
_LAYOUT = 2

_PROBE = """\
import json, os, sys
print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix,
                  os.path.realpath(sys.executable)] + sys.path))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter, and the folders of the host that it needs.

    Attributes:
        python: The interpreter.
        path: Folders of ``PATH``. ``python`` and ``python3`` in the first one are this interpreter.
        folders: The host's folders that it needs, beyond the system's.
        layered: The folder that pip installs into. What a job installs covers it and ends with the job.
        variables: The environment variables of this image, beyond those of every image.
        entrypoint: The image's entrypoint; empty if it is not known.
        shared: A folder that all instances of a job share, if the image has such a file system.
    """

    python: Path
    path: tuple[str, ...]
    folders: tuple[Path, ...]
    variables: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    shared: str | None = None
    layered: Path | None = None


class _Contents(Protocol):
    """What an environment is built from: one of the images in ``*_images.py``."""

    @property
    def name(self) -> str: ...

    @property
    def release(self) -> str: ...

    @property
    def pythons(self) -> tuple[str, ...]: ...

    @property
    def exact(self) -> tuple[str, ...]: ...

    @property
    def loose(self) -> tuple[str, ...]: ...

    @property
    def from_source(self) -> bool: ...

    @property
    def uses_torch(self) -> bool: ...


def _say_nothing(doing: str) -> None:
    """For callers that do not show progress."""


def environment_for(image: str, python: str | None = None, tell: Callable[[str], None] = _say_nothing) -> Environment:
    """Find or build the environment for an image.

    Args:
        image: ``ImageUri``.
        python: The interpreter for every image; by default the image decides.
        tell: Called with a message before a slow step, such as the build of an environment.

    Raises:
        JobFailedError: There is no environment for that image, or its build failed.
    """
    spark = spark_image(image)
    if spark is not None:
        return _with_spark(spark, python, tell)
    if python is not None:
        return _probed(python)
    known = sklearn_image(image) or framework_image(image)
    if known is None:
        raise JobFailedError("ClientError", f'The image "{image}" is not on this machine. {_ways_out()}')
    return _probed(str(_built(known, tell)))


def environment_problem(image: str, has_entrypoint: bool) -> str | None:
    """Say why no environment can be built for an image, and what to do. Builds nothing.

    Args:
        image: ``ImageUri``.
        has_entrypoint: Whether the job gives ``ContainerEntrypoint``.

    Returns:
        The reason; None if there is an environment, or one can be built.
    """
    spark = spark_image(image)
    known = spark or sklearn_image(image) or framework_image(image)
    if known is None:
        return _ways_out()
    if spark is None and not has_entrypoint:
        return "without Docker, its entrypoint is not known: give ContainerEntrypoint (entrypoint=[...])"
    try:
        if not _folder(known).is_dir():
            _interpreter(known)
    except JobFailedError as error:
        return f"{error}; or {_OTHER_WAYS}"
    return None


_OTHER_WAYS = (
    "start Docker and build or pull the image, or run with --python /path/to/python to use an interpreter of yours "
    "instead of the image"
)


def _ways_out() -> str:
    families = {
        "scikit-learn": tuple(SKLEARN_IMAGES),
        "Spark": tuple("-".join(each) for each in SPARK_IMAGES),
        **FRAMEWORK_IMAGES,
    }
    known = "; ".join(f"{name} {', '.join(releases)}" for name, releases in families.items())
    return f"{_OTHER_WAYS[:1].upper()}{_OTHER_WAYS[1:]}. Without Docker, these images of AWS are known: {known}."


def _with_spark(image: SparkImage, python: str | None, tell: Callable[[str], None]) -> Environment:
    """Add Java and Spark to an interpreter, as a Spark image has them."""
    java = java_home(image.release, image.javas)  # first, as the rest takes long
    environment = _probed(python or str(_built(image, tell)))
    spark = spark_stand_in(environment.python, java)
    return dataclasses.replace(
        environment,
        path=(*spark.path, *environment.path),
        folders=tuple(dict.fromkeys((*environment.folders, *_needed(spark.folders)))),
        variables=tuple(spark.variables.items()),
        entrypoint=spark.entrypoint,
        shared=spark.shared,
    )


def _folder(image: _Contents) -> Path:
    key = hashlib.sha256(repr((image, _LAYOUT)).encode()).hexdigest()[:8]
    return cache_folder() / "environments" / f"{image.name}-{image.release}-{image.pythons[0]}-{key}"


def _built(image: _Contents, tell: Callable[[str], None] = _say_nothing) -> Path:
    """Build an image's environment, unless it exists; return its interpreter."""
    folder = _folder(image)
    python = folder / "bin" / "python"
    if python.exists():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    tell(f"building an environment with {image.name} {image.release}; this is done once and may take minutes")
    with filelock.FileLock(f"{folder}.lock"):  # one build, even if several jobs and processes wait for it
        if python.exists():
            return python
        shutil.rmtree(folder, ignore_errors=True)  # its interpreter has been uninstalled
        aside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.building")
        try:
            _build(image, aside)
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return python


def _build(image: _Contents, folder: Path) -> None:
    version, interpreter = _interpreter(image)
    # With pip (--seed): the images have it, and code bundles install their requirements with it.
    run_uv("venv", "--quiet", "--no-project", "--relocatable", "--seed", "--python", interpreter, str(folder))
    install = ("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "--compile-bytecode")
    framework = f"{image.name}=={image.release}"
    attempts = list(_attempts(image, own=version == image.pythons[0]))
    for number, (options, requirements) in enumerate(attempts, start=1):
        wheels = requirements if image.from_source else (framework, *requirements)
        try:
            run_uv(*install, "--only-binary", ":all:", *options, *wheels)
        except JobFailedError:
            # A platform may lack a wheel that the image has, and an index may be incomplete or out of reach.
            if number == len(attempts):
                raise
        else:
            break
    if image.from_source:
        run_uv(*install, framework)


def _attempts(image: _Contents, *, own: bool) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Options and requirements to try, the best first. `own` is whether the Python version is the image's."""
    for requirements in dict.fromkeys(([image.exact] if own else []) + [image.loose]):
        if image.uses_torch:
            # Without CUDA, PyTorch takes a tenth of the space. Those wheels are in PyTorch's own index.
            yield ("--torch-backend", "cpu"), requirements
        yield (), requirements


def _interpreter(image: _Contents) -> tuple[str, str]:
    """Find the first fitting Python that is installed."""
    for version in image.pythons:
        try:
            found = run_uv("python", "find", "--no-project", "--system", "--no-python-downloads", version)
        except JobFailedError:
            continue
        return version, found
    raise JobFailedError(
        "ClientError",
        f"{image.name} {image.release}, which the image holds, runs on Python {', '.join(image.pythons)}; none of "
        f"them is installed. Install one, for example: uv python install {image.pythons[0]}",
    )


def _probed(python: str) -> Environment:
    found = shutil.which(python)
    if found is None:
        raise JobFailedError("ClientError", f'The interpreter "{python}" is not there, or is not executable.')
    path = Path(found).absolute()
    return _probe(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _probe(python: Path, _changed: int) -> Environment:
    """Ask an interpreter for its folders. The answer is cached until the interpreter changes."""
    done = subprocess.run(
        [str(python), "-I", "-c", _PROBE], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={}
    )
    if done.returncode != 0:
        raise JobFailedError("ClientError", f'The interpreter "{python}" does not run: {done.stderr.strip()[-500:]}')
    told = [Path(each) for each in json.loads(done.stdout) if each]
    executable, real = told[0], told[5]
    names = _names(executable)
    folders = {*told[1:5], *told[6:], names, *(link.parent for link in _chain(executable)), real.parent}
    prefix, base = told[1], told[2]
    return Environment(
        python=executable,
        layered=prefix if prefix != base and prefix.is_dir() else None,
        path=tuple(dict.fromkeys((str(names), str(executable.parent), *SYSTEM_PATH))),
        folders=tuple(sorted(folder for folder in _needed(folders) if folder.is_dir())),
    )


def _needed(folders: Iterable[Path]) -> list[Path]:
    """Leave out folders that would expose the user's whole home."""
    home = Path.home()
    return [folder for folder in folders if not home.is_relative_to(folder)]


def _chain(path: Path) -> list[Path]:
    """Return all symbolic links on the path to an interpreter. The sandbox needs each of them."""
    links = [path]
    while path.is_symlink() and len(links) < 40:
        path = path.parent / path.readlink()
        links.append(Path(os.path.normpath(path)))
    return links


def _names(python: Path) -> Path:
    """Return a folder in which ``python`` and ``python3`` are this interpreter."""
    real = python.resolve()
    if all((python.parent / name).exists() and (python.parent / name).resolve() == real for name in _NAMES):
        return python.parent
    folder = cache_folder() / "interpreters" / hashlib.sha256(os.fsencode(python)).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for name in _NAMES:
        # No symbolic link: an interpreter looks for its environment next to the path by which it is called.
        aside = folder / f"{name}.{uuid.uuid4().hex[:8]}"
        aside.write_text(f'#!/bin/sh\nexec {_quoted(python)} "$@"\n')
        aside.chmod(0o755)
        aside.replace(folder / name)
    return folder


_NAMES = ("python", "python3")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


if sys.platform == "win32":  # pragma: no cover - the embedded AWS needs a POSIX system
    SYSTEM_PATH = ()
