"""Containers without Docker: an environment's interpreter in Linux namespaces.

A sandbox sees the host's system folders (read-only), its environment, and its own ``/opt/ml``, ``/tmp`` and home. It
sees no other file of the host, and does not write to the host. This module describes the sandbox; ``_sandbox_init.py``
sets it up from inside. It works as root, and as an ordinary user if the kernel allows user namespaces.

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

from cdk_processing.local.container.environments import Environment
from cdk_processing.local.container.failures import JobFailedError

__all__ = ["HOME", "Limits", "Sandbox", "addresses", "start_sandbox"]

HOME = "/root"
"""The home and working directory of a container. Its processes run as root, as in AWS's images."""

_INIT = Path(__file__).with_name("_sandbox_init.py")
_SYSTEM_FOLDERS = ("bin", "sbin", "usr", "lib", "lib32", "lib64", "libx32", "etc", "nix", "gnu")
_SYSTEM_DATA = ("/var/lib/ca-certificates", "/sys")
# A container's /etc would not have these files. An ordinary user cannot read most of them anyway.
_HIDDEN_FILES = ("shadow", "shadow-", "gshadow", "gshadow-", "sudoers", "krb5.keytab")
_HIDDEN_FOLDERS = ("ssl/private", "ssh", "sudoers.d", "kubernetes")
_SETUP_FAILED = 125
_NOT_FOUND = 127
_KILL_SECONDS = 5.0
_REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSPC, errno.ENOSYS, errno.EINVAL)

_Bind = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a container.

    The kernel applies each limit to one process. Without a control group it does not add up the use of several.

    Attributes:
        memory_bytes: Memory that one process may write; by default, the machine's memory.
        file_bytes: Size of one file; by default, limited by the disk.
        processes: Processes and threads of the container, on Linux 6.14 and newer or if an ordinary user runs it.
    """

    memory_bytes: int | None = None
    file_bytes: int | None = None
    processes: int = 16_384

    def specification(self) -> dict[str, Any]:
        """Return the limits in the format that the sandbox's first process reads."""
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limits = {
            "DATA": min(self.memory_bytes or machine, machine),
            "NPROC": self.processes,
            "CORE": 0,
            **({"FSIZE": self.file_bytes} if self.file_bytes else {}),
        }
        return {"limits": limits, "processes": self.processes}


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
        limits: Resource limits of its processes; by default, those of the machine.

    Raises:
        JobFailedError: This system does not allow namespaces.
    """
    if sys.platform != "linux":
        raise JobFailedError("InternalServerError", _explain(errno.ENOSYS, f"this is {sys.platform}, not Linux"))
    specification = {
        "parent": os.getpid(),
        "user_namespace": os.geteuid() != 0 or _root_may_have_user_namespaces(),
        "hostname": host,
        "isolated": isolated,
        "command": list(command),
        "environment": dict(variables),
        "directory": HOME,
        **(limits or Limits()).specification(),
        **_file_system(environment, instance, hosts),
    }
    return _start(host, specification)


@functools.cache
def _root_may_have_user_namespaces() -> bool:
    """Try once whether a sandbox works in a user namespace. Within Docker it often does not."""
    with tempfile.TemporaryDirectory(prefix="cdk-processing-probe-") as folder:
        specification = {
            "parent": os.getpid(),
            "user_namespace": True,
            "hostname": "probe",
            "isolated": True,
            "command": ["/nothing"],
            "environment": {},
            "directory": "/",
            **Limits().specification(),
            "root": folder,
            "links": [],
            "folders": [],
            "binds": [("/usr", "/usr", False)],
        }
        try:
            return _start("probe", specification).close() == _NOT_FOUND
        except JobFailedError:
            return False


def _start(host: str, specification: dict[str, Any]) -> Sandbox:
    receive, report = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_INIT), str(report)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[report],
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


def addresses(hosts: Sequence[str]) -> dict[str, str]:
    """Loopback addresses of a job's instances, so that each can listen on the same port."""
    return {host: f"127.0.0.{number}" for number, host in enumerate(hosts, start=1)}


def _file_system(environment: Environment, instance: Path, hosts: Sequence[str]) -> dict[str, Any]:
    """Describe the root of a container: links, empty folders, and binds (source, target, writable) in their order."""
    links: list[tuple[str, str]] = []
    binds: list[_Bind] = []
    for name in _SYSTEM_FOLDERS:
        _show(Path("/", name), links, binds)
    # Keep the host's /opt, but replace /opt/ml by the job's folder.
    for child in sorted(Path("/opt").iterdir()) if Path("/opt").is_dir() else ():
        if child.name != "ml":
            _show(child, links, binds)
    binds += [(path, path, False) for path in _SYSTEM_DATA if Path(path).is_dir()]
    empty = _folder(instance / "empty")
    binds += [("/dev/null", f"/etc/{name}", False) for name in _HIDDEN_FILES if Path("/etc", name).is_file()]
    binds += [(str(empty), f"/etc/{name}", False) for name in _HIDDEN_FOLDERS if Path("/etc", name).is_dir()]
    temporary = str(_folder(instance / "tmp", 0o1777))
    binds += [
        (str(_folder(instance / "ml")), "/opt/ml", True),
        (str(_folder(instance / "home", 0o700)), HOME, True),
        (temporary, "/tmp", True),
        (temporary, "/var/tmp", True),
    ]
    if environment.shared is not None:
        binds.append((str(_folder(instance.parent / "shared")), environment.shared, True))
    own = ("/tmp", "/var/tmp", HOME)
    shown = [target for _, target, _ in binds if target not in own]
    for path in sorted(str(each) for each in environment.folders):
        if not any(path == target or path.startswith(f"{target}/") for target in shown):
            binds.append((path, path, False))
            shown.append(path)
    binds += _network_files(instance, hosts)
    layered = [] if environment.layered is None else [str(environment.layered)]
    return {
        "layered": [path for path in layered if any(f"{path}/".startswith(f"{target}/") for target in shown)],
        "root": str(_folder(instance / "root")),
        "links": links,
        "folders": ["/opt", "/run", "/var/lib", "/mnt", "/home"],
        "binds": binds,
    }


def _show(path: Path, links: list[tuple[str, str]], binds: list[_Bind]) -> None:
    if path.is_symlink():
        links.append((str(path), str(path.readlink())))
    elif path.exists():
        binds.append((str(path), str(path), False))


def _network_files(instance: Path, hosts: Sequence[str]) -> list[_Bind]:
    """Bind the container's own /etc/hosts and the host's resolver configuration, even if that is a link."""
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{ip} {host}" for host, ip in addresses(hosts).items())]
    texts = {"hosts": "".join(f"{line}\n" for line in lines)}
    resolver = Path("/etc/resolv.conf")
    if resolver.is_file():
        texts["resolv.conf"] = resolver.read_text(errors="surrogateescape")
    binds: list[_Bind] = []
    for name, text in texts.items():
        own = instance / name
        own.write_text(text, errors="surrogateescape")
        binds.append((str(own), os.path.realpath(f"/etc/{name}"), False))
    return binds


def _folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def _explain(number: int, text: str) -> str:
    if number not in _REFUSED:
        return f"The container could not be set up: {text}."
    return (
        f"Containers cannot be run without Docker on this system: {text}. Start Docker and build or pull the job's "
        "image; or, on Linux, allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0), or run as root, within a "
        "container with the capability SYS_ADMIN."
    )
