"""Install software for jobs on this machine: run uv, which fills the cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import platformdirs

from cdk_processing.local.container.failures import JobFailedError

__all__ = ["cache_folder", "run_uv"]

_ERROR_LINES = 12


def cache_folder() -> Path:
    """Return the folder for environments: ``CDK_PROCESSING_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("CDK_PROCESSING_CACHE") or platformdirs.user_cache_dir("cdk-processing")).absolute()


def run_uv(*arguments: str) -> str:
    """Run uv with the user's configuration, and return its output.

    Raises:
        JobFailedError: uv failed. The reason contains the last lines of its output.
    """
    import uv  # imported here: most jobs find their environment built

    # VIRTUAL_ENV is the environment of this process. uv must not build from it.
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # pyenv puts a command on PATH for each version, but only the active version's command works.
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
