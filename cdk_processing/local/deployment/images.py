"""Building image assets with the Docker engine of this machine, under the names that jobs find them by."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment.assembly import ImageAsset

__all__ = ["ImageBuildError", "build_image"]

_LAST_LINES = 25


class ImageBuildError(CdkProcessingError):
    """An image could not be built. The text ends with Docker's own last lines."""


def build_image(image: ImageAsset, name: str, tell: Callable[[str], None]) -> str:
    """Build an image, unless the engine has it.

    Args:
        image: What to build.
        name: The name and tag that it gets. The tag is a hash of the content, so an image of that name is right.
        tell: Is called with a line about it.

    Returns:
        Why it was not built; "" if it is there.

    Raises:
        ImageBuildError: Docker could not build it.
    """
    docker = shutil.which("docker")
    if docker is None:
        return "there is no docker command on PATH"
    if _run(docker, "info").returncode != 0:
        return "no Docker engine responds; start one"
    if image.unsupported:
        return f"it uses {', '.join(image.unsupported)}; start with --no-deploy and run cdk deploy, which knows them"
    if _run(docker, "image", "inspect", name).returncode == 0:
        return ""
    tell(f"building image {image.name}")
    done = _run(docker, "build", "--tag", name, *image.options, str(image.directory))
    if done.returncode != 0:
        lines = done.stdout.rstrip().splitlines()[-_LAST_LINES:]
        raise ImageBuildError(f"Image asset {image.name!r} could not be built:\n\n" + "\n".join(lines))
    return ""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
