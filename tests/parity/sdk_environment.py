"""The SageMaker SDK in a virtual environment of its own: its requirements and this library's tests' conflict."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import filelock
import uv

from cdk_processing.local.container.environments import cache_folder

__all__ = ["SDK", "environment_with", "sdk_python"]

#: The release that requests are compared with, and every release that it needs: none of a later day is installed.
REQUIREMENTS = Path(__file__).with_name("sdk-requirements.txt")
SDK = "sagemaker==2.257.7"


def sdk_python() -> Path:
    """Find the interpreter that has the SDK; the first call on a machine builds its environment."""
    return environment_with(REQUIREMENTS, SDK.replace("==", "-"))


def environment_with(requirements: Path, name: str) -> Path:
    """Find the interpreter of an environment with these requirements; the first call on a machine builds it."""
    needs = f"{platform.python_version()} {sys.base_prefix} {requirements.read_text(encoding='utf-8')}"
    key = hashlib.sha256(needs.encode()).hexdigest()[:8]
    folder = cache_folder() / "environments" / f"{name}-{key}"
    python = folder / "bin" / "python"
    if not python.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):  # one build, however many test processes wait for it
            if not python.exists():
                _build(folder, requirements)
    return python


def _build(folder: Path, requirements: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # whose interpreter has been uninstalled since
    aside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.building")
    try:
        _uv("venv", "--no-project", "--relocatable", "--python", sys.executable, str(aside))
        _uv("pip", "install", "--python", str(aside / "bin" / "python"), "--require-hashes", "-r", str(requirements))
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _uv(*arguments: str) -> None:
    # VIRTUAL_ENV is this process's environment, not the one to build from.
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [uv.find_uv_bin(), "--quiet", *arguments], capture_output=True, text=True, check=False, env=variables
    )
    if done.returncode != 0:
        raise RuntimeError(f"the SDK's environment could not be built: {done.stderr.strip()}")
