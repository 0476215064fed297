"""What a sandbox sees of the host's file system, and where the container's own files lie on the host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdk_processing.local.container.aws_names import BUNDLE, NOWHERE, SYSTEM_BUNDLES, ContainerNames
from cdk_processing.local.container.environments import Environment

__all__ = ["HOME", "addresses", "file_system"]

HOME = "/root"
"""The home and working directory of a container. Its processes run as root, as in AWS's images."""

_SYSTEM_FOLDERS = ("bin", "sbin", "usr", "lib", "lib32", "lib64", "libx32", "etc", "nix", "gnu")
_SYSTEM_DATA = ("/var/lib/ca-certificates", "/sys")
# A container's /etc would not have these files. An ordinary user cannot read most of them anyway.
_HIDDEN_FILES = ("shadow", "shadow-", "gshadow", "gshadow-", "sudoers", "krb5.keytab")
_HIDDEN_FOLDERS = ("ssl/private", "ssh", "sudoers.d", "kubernetes")

_Bind = tuple[str, str, bool]


def addresses(hosts: Sequence[str]) -> dict[str, str]:
    """Loopback addresses of a job's instances, so that each can listen on the same port."""
    return {host: f"127.0.0.{number}" for number, host in enumerate(hosts, start=1)}


def file_system(
    environment: Environment, instance: Path, hosts: Sequence[str], names: ContainerNames
) -> dict[str, Any]:
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
    binds += _network_files(instance, hosts, names)
    layered = [] if environment.layered is None else [str(environment.layered)]
    return {
        "layered": [path for path in layered if any(f"{path}/".startswith(f"{target}/") for target in shown)],
        "root": str(_folder(instance / "root")),
        "links": links,
        "folders": ["/opt", "/run", "/var/lib", "/mnt", "/home"],
        "binds": binds,
        "writable": [target for _, target, writable in binds if writable and target != "/var/tmp"],
    }


def _show(path: Path, links: list[tuple[str, str]], binds: list[_Bind]) -> None:
    if path.is_symlink():
        links.append((str(path), str(path.readlink())))
    elif path.exists():
        binds.append((str(path), str(path), False))


def _network_files(instance: Path, hosts: Sequence[str], names: ContainerNames) -> list[_Bind]:
    """Bind the container's own /etc/hosts and the host's resolver configuration, even if that is a link."""
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{ip} {host}" for host, ip in addresses(hosts).items())]
    lines += [f"{address} {name}" for name in names.nowhere for address in NOWHERE]
    texts = {"hosts": "".join(f"{line}\n" for line in lines)}
    resolver = Path("/etc/resolv.conf")
    if resolver.is_file():
        texts["resolv.conf"] = names.resolver(resolver.read_text(errors="surrogateescape"))
    binds: list[_Bind] = []
    for name, text in texts.items():
        own = instance / name
        own.write_text(text, errors="surrogateescape")
        binds.append((str(own), os.path.realpath(f"/etc/{name}"), False))
    bundle = names.bundle()
    if bundle is not None:
        own = instance / "ca-bundle.pem"
        own.write_text(bundle, errors="surrogateescape")
        places = {os.path.realpath(path) for path in SYSTEM_BUNDLES if Path(path).is_file()}
        binds += [(str(own), place, False) for place in (BUNDLE, *sorted(places))]
    return binds


def _folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path
