"""Build image assets with the Docker engine of this machine, under the names that jobs use."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment.assembly import ImageAsset

__all__ = ["ImageBuildError", "build_image"]

_LAST_LINES = 25


class ImageBuildError(CdkProcessingError):
    """An image could not be built. The message ends with the last lines of Docker's output."""


def build_image(image: ImageAsset, name: str, tell: Callable[[str], None]) -> str:
    """Build an image, unless the Docker engine already has it.

    Args:
        image: The image asset.
        name: The image's name and tag. The tag is a hash of the content, so an existing image is up to date.
        tell: Called with a line about the build.

    Returns:
        Why the image was not built; "" if it exists now.

    Raises:
        ImageBuildError: Docker could not build the image.
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
