"""What is installed on this machine for jobs, and where: uv and the cache it fills."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import platformdirs

from cdk_processing.local.container.failures import JobFailedError

__all__ = ["cache_folder", "run_uv"]

_ERROR_LINES = 12


def cache_folder() -> Path:
    """Where environments are kept: ``CDK_PROCESSING_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("CDK_PROCESSING_CACHE") or platformdirs.user_cache_dir("cdk-processing")).absolute()


def run_uv(*arguments: str) -> str:
    """Run uv, which reads the user's own configuration; return what it wrote.

    Raises:
        JobFailedError: It failed; the last lines of its own words are in the reason.
    """
    import uv  # here, as most jobs find their environment built

    # VIRTUAL_ENV is this process's environment, not the one to build from.
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # pyenv has a name on PATH for each version, but only the one that is switched on answers to it.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    variables["PATH"] = os.pathsep.join([*map(str, sorted(pyenv.glob("*/bin"))), os.environ.get("PATH", os.defpath)])
    try:
        done = subprocess.run(
            [uv.find_uv_bin(), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=variables,
            check=False,
        )
    except OSError as error:
        raise JobFailedError("InternalServerError", f"uv could not be started: {error}") from error
    if done.returncode != 0:
        lines = "\n".join(done.stderr.strip().splitlines()[-_ERROR_LINES:])
        raise JobFailedError(
            "ClientError", f"The environment of the image could not be built (uv {arguments[0]}): {lines}"
        )
    return done.stdout.strip()
