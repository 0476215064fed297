"""Containers without Docker: an environment's interpreter in Linux namespaces.

A sandbox sees the host's system folders (read-only), its environment, and its own ``/opt/ml``, ``/tmp`` and home. It
sees no other file of the host, and does not write to the host. This module starts the sandbox; ``sandbox_init`` sets it
up from inside. It works as root, and as an ordinary user if the kernel allows user namespaces.

It requires Linux, but no special capabilities and no program except this interpreter.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_processing.local.container.aws_names import ContainerNames
from cdk_processing.local.container.environments import Environment
from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.file_system import HOME, file_system
from cdk_processing.local.container.limits import Limits
from cdk_processing.local.container.system_calls import system_call_filter
from cdk_processing.local.container.user_ids import UserIds, possible_user_ids

__all__ = ["Sandbox", "container_user_ids", "start_sandbox"]

_INIT = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from sandbox_init.main import main"
_SETUP_FAILED = 125
_NOT_FOUND = 127
_KILL_SECONDS = 5.0
_REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSPC, errno.ENOSYS, errno.EINVAL)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A container that ``start_sandbox`` started.

    Attributes:
        host: Its host name.
        process: The outer process. When it ends, everything in the sandbox ends.
        report: File descriptor from which to read a set-up failure.
    """

    host: str
    process: subprocess.Popen[bytes]
    report: int

    def terminate(self) -> None:
        """Send SIGTERM to the job's process."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill all processes in the sandbox (SIGKILL)."""
        self.process.send_signal(signal.SIGUSR1)
        try:
            self.process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()  # the kernel then ends the processes inside, but we do not see when

    def close(self) -> int:
        """Return the exit code of the job's process.

        Raises:
            JobFailedError: The sandbox could not be set up.
        """
        code = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        with os.fdopen(self.report, "rb") as report:
            failure = report.read()
        if failure:
            told = json.loads(failure)
            raise JobFailedError("InternalServerError", _explain(told["errno"], told["text"]))
        return 128 - code if code < 0 else code


def start_sandbox(
    host: str,
    command: Sequence[str],
    variables: Mapping[str, str],
    environment: Environment,
    instance: Path,
    hosts: Sequence[str],
    isolated: bool,
    limits: Limits | None = None,
    names: ContainerNames | None = None,
    network: Sequence[int] | None = None,
) -> Sandbox:
    """Start a container.

    The container ends with the calling thread, so no process survives if the embedded AWS is killed.

    Args:
        host: The container's host name.
        command: The argument vector, without a shell.
        variables: The complete environment of the process.
        environment: The interpreter, and the folders of the host that it needs.
        instance: Folder of this container on the host; ``ml`` below it is its ``/opt/ml``. The folders that the
            job's containers share are next to it.
        hosts: All instances of the job; they find each other on loopback addresses.
        isolated: Whether the container has no network except its own loopback.
        limits: What it may use of the machine; by default, all of it.
        names: Where AWS's own host names lead; by default, where they lead on the host.
        network: File descriptors of the namespaces of the job's network; by default, it has the host's network.

    Raises:
        JobFailedError: This system does not allow namespaces.
    """
    if sys.platform != "linux":
        raise JobFailedError("InternalServerError", _explain(errno.ENOSYS, f"this is {sys.platform}, not Linux"))
    specification = {
        **_rights(container_user_ids()),
        "hostname": host,
        "isolated": isolated,
        "network": network and list(network),
        "command": list(command),
        "environment": dict(variables),
        "directory": HOME,
        **(limits or Limits()).specification(),
        **file_system(environment, instance, hosts, names or ContainerNames()),
    }
    return _start(host, specification)


def _rights(user_ids: UserIds | None) -> dict[str, Any]:
    # A user with one id cannot give files to another. If the kernel pretends to, archives of other users' files can be
    # unpacked all the same.
    one_id = user_ids is not None and len(user_ids.uid_map) == 1
    return {
        "parent": os.getpid(),
        "users": user_ids and user_ids.specification(),
        "seccomp": system_call_filter(pretend_chown=one_id).hex(),
    }


@functools.cache
def container_user_ids() -> UserIds | None:
    """Return the first of the possible mappings with which a sandbox starts. Within Docker, some often do not."""
    *better, last = possible_user_ids()
    return next((each for each in better if _starts_with(each)), last)


def _starts_with(user_ids: UserIds | None) -> bool:
    with tempfile.TemporaryDirectory(prefix="cdk-processing-probe-") as folder:
        specification = {
            **_rights(user_ids),
            "hostname": "probe",
            "isolated": True,
            "network": None,
            "command": ["/nothing"],
            "environment": {},
            "directory": "/",
            **Limits().specification(),
            "root": folder,
            "links": [],
            "folders": [],
            "binds": [("/usr", "/usr", False)],
            "writable": [],
        }
        try:
            return _start("probe", specification).close() == _NOT_FOUND
        except JobFailedError:
            return False


def _start(host: str, specification: dict[str, Any]) -> Sandbox:
    receive, report = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", f"{_INIT}; main({report})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[report, *(specification["network"] or ())],
            cwd="/",
            env={},
        )
    except BaseException:
        os.close(receive)
        raise
    finally:
        os.close(report)
    assert process.stdin is not None
    with process.stdin as stdin:
        stdin.write(json.dumps(specification).encode())
    return Sandbox(host, process, receive)


def _explain(number: int, text: str) -> str:
    if number not in _REFUSED:
        return f"The container could not be set up: {text}."
    return (
        f"Containers cannot be run without Docker on this system: {text}. Start Docker and build or pull the job's "
        "image; or, on Linux, allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0), or run as root, within a "
        "container with the capability SYS_ADMIN."
    )
