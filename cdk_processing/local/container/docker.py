"""Containers with Docker, for jobs whose image is on this machine. Uses the ``docker`` command."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_processing.local.container.aws_names import ContainerNames
from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.file_system import network_files
from cdk_processing.local.container.limits import Limits

__all__ = ["DockerContainer", "docker_has", "image_here", "start_docker"]

_ANSWER_SECONDS = 60.0  # on a machine with all cores busy
_REMEMBERED_SECONDS = 5.0
_START_FAILED = 125  # docker run: the daemon itself failed
# overlay2 limits a container's files only on XFS with quotas, which the engine does not report.
_DRIVERS_WITH_SIZES = ("btrfs", "zfs")
_HOST_GATEWAY = "host.docker.internal"

_asked: dict[tuple[str, str], tuple[float, bool]] = {}


def docker_has(image: str) -> bool:
    """Whether a Docker daemon answers and has an image. Never pulls it. The answer is cached for a few seconds."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked_at, answer = _asked.get((docker, image), (0.0, False))
    if asked_at and time.monotonic() < asked_at + _REMEMBERED_SECONDS:
        return answer
    try:
        done = subprocess.run(
            [docker, "image", "inspect", "--format", "{{.Id}}", image],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
        answer = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        answer = False
    _asked[docker, image] = (time.monotonic(), answer)
    return answer


def image_here(image: str, account_id: str, registry: str | None) -> str | None:
    """Return an image's name in the Docker engine; None if there is no engine, or no such image.

    Args:
        image: ``ImageUri``. Images pushed to a repository of the job's account have the local registry's name here.
        account_id: The job's account.
        registry: Host and port of the registry that emulates ECR.
    """
    names = [image]
    found = re.fullmatch(rf"{re.escape(account_id)}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.[a-z.]+/(?P<name>.+)", image)
    if found is not None and registry is not None:
        names.append(f"{registry}/{found['name']}")
    return next((name for name in names if docker_has(name)), None)


@dataclass(frozen=True, slots=True)
class DockerContainer:
    """A container that ``start_docker`` started.

    Attributes:
        host: Its host name.
        process: ``docker run``, which forwards signals and exits with the container's exit code.
        name: The container's name in Docker.
        image: Its image.
        ml: The folder on this machine that is mounted at ``/opt/ml``.
    """

    host: str
    process: subprocess.Popen[bytes]
    name: str
    image: str
    ml: Path

    def terminate(self) -> None:
        """Send SIGTERM to the container's process."""
        self.process.terminate()

    def kill(self) -> None:
        """Kill the container (SIGKILL)."""
        _quietly("kill", self.name)
        self.process.kill()

    def close(self) -> int:
        """Return the exit code of the container's process.

        Raises:
            JobFailedError: Docker could not start it. Docker's message is in the job's log.
        """
        code = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        if os.geteuid() != 0:
            # The container's root owns the files that it wrote. Change the owner, to upload and remove them.
            owner = f"{os.getuid()}:{os.getgid()}"
            _quietly(
                *("run", "--rm", "--pull", "never", "--network", "none", "--user", "0", "-v", f"{self.ml}:/opt/ml"),
                *("--entrypoint", "chown", self.image, "-R", owner, "/opt/ml"),
            )
        if code == _START_FAILED:
            raise JobFailedError("InternalServerError", "Docker could not start the container; see the job's log.")
        return 128 - code if code < 0 else code


def start_docker(
    host: str,
    image: str,
    entrypoint: Sequence[str],
    arguments: Sequence[str],
    variables: Mapping[str, str],
    instance: Path,
    hosts: Sequence[str],
    isolated: bool,
    limits: Limits,
    names: ContainerNames,
) -> DockerContainer:
    """Start a container.

    Args:
        host: The container's host name.
        image: An image on this machine.
        entrypoint: Replaces the image's entrypoint; empty keeps it.
        arguments: Arguments after the entrypoint.
        variables: Environment variables, in addition to the image's.
        instance: Folder of this container on the host; ``ml`` below it is its ``/opt/ml``.
        hosts: All instances of the job.
        isolated: Whether the container has no network.
        limits: What it may use of the machine, as far as the engine can limit it.
        names: Where AWS's own host names lead.
    """
    ml = instance / "ml"
    ml.mkdir(parents=True, exist_ok=True)
    name = f"{instance.parent.name}-{host}-{os.getpid()}"
    first, rest = (entrypoint[0], [*entrypoint[1:], *arguments]) if entrypoint else (None, list(arguments))
    network = _network(isolated)
    files = network_files(instance, hosts, names)
    named, passed = _variables(variables, reachable=network[1:2] == ["host"] or isolated)
    process = subprocess.Popen(
        [
            *("docker", "run", "--rm", "--init", "--pull", "never", "--name", name, "--hostname", host),
            *network,
            *_limited(limits, _engine()),
            *("-v", f"{ml}:/opt/ml"),
            *(option for place, own in files.items() for option in ("-v", f"{own}:{place}:ro")),
            *named,
            *(("--entrypoint", first) if first is not None else ()),
            image,
            *rest,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **passed},
    )
    return DockerContainer(host, process, name, image, ml)


def _network(isolated: bool) -> list[str]:
    if isolated:
        return ["--network", "none"]
    if sys.platform == "linux":
        return ["--network", "host"]  # the embedded AWS listens on the host's loopback address only
    return ["--add-host", f"{_HOST_GATEWAY}:host-gateway"]


def _limited(limits: Limits, engine: Mapping[str, Any]) -> list[str]:
    """Return the options that limit a container. An option that the engine cannot follow would be a line in its log."""
    # As in a sandbox: when the machine runs out of memory, the kernel kills a job before the embedded AWS.
    options = ["--oom-score-adj", "1000", "--ulimit", "core=0"]
    memory = min(limits.memory_bytes or 0, int(engine.get("MemTotal") or 0))
    if engine.get("MemoryLimit") and memory:
        options += ["--memory", str(memory)]
        if engine.get("SwapLimit"):
            options += ["--memory-swap", str(memory)]  # memory and swap together: no swap
    if engine.get("PidsLimit"):
        options += ["--pids-limit", str(limits.processes)]
    if limits.volume_bytes:
        options += ["--ulimit", f"fsize={limits.volume_bytes}"]
        if engine.get("Driver") in _DRIVERS_WITH_SIZES:
            options += ["--storage-opt", f"size={limits.volume_bytes}"]
    return options


@functools.cache
def _engine() -> Mapping[str, Any]:
    """Return what the Docker engine says about itself."""
    command = ["docker", "info", "--format", "{{json .}}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_SECONDS, check=False)
    found: Mapping[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def _variables(variables: Mapping[str, str], reachable: bool) -> tuple[list[str], dict[str, str]]:
    """Build the options for the container's variables. ``ps`` does not show the values: docker's environment has them.

    Returns:
        Options, and variables for the docker command. Variables that affect docker itself are passed by value.
    """
    options: list[str] = []
    passed: dict[str, str] = {}
    for name, given in variables.items():
        value = given
        if name.startswith("AWS_ENDPOINT_URL") and not reachable:
            # In Docker's virtual machine, the host's loopback address has another name.
            value = given.replace("//127.0.0.1", f"//{_HOST_GATEWAY}").replace("//localhost", f"//{_HOST_GATEWAY}")
        if name in os.environ or name.startswith(("DOCKER_", "LD_")):
            options += ["-e", f"{name}={value}"]
        else:
            options += ["-e", name]
            passed[name] = value
    return options, passed


def _quietly(*arguments: str) -> None:
    subprocess.run(
        ["docker", *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
