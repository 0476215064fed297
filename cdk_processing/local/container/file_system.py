"""What a sandbox sees of the host's file system, and where the container's own files lie on the host."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cdk_processing.local.container.aws_names import BUNDLE, NOWHERE, SYSTEM_BUNDLES, ContainerNames
from cdk_processing.local.container.environments import Environment
from cdk_processing.local.container.java_trust import TRUST_STORE, key_stores_of_java, trust_store

__all__ = ["HOME", "addresses", "file_system", "network_files"]

HOME = "/root"
"""The home and working directory of a container. Its processes run as root, as in AWS's images."""

_SYSTEM_FOLDERS = ("bin", "sbin", "usr", "lib", "lib32", "lib64", "libx32", "etc", "nix", "gnu")
_SYSTEM_DATA = ("/var/lib/ca-certificates", "/sys")
# A container's /etc would not have these files. An ordinary user cannot read most of them anyway.
_HIDDEN_FILES = ("shadow", "shadow-", "gshadow", "gshadow-", "sudoers", "krb5.keytab")
_HIDDEN_FOLDERS = ("ssl/private", "ssh", "sudoers.d", "kubernetes")

_RESOLVER = Path("/etc/resolv.conf")

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
    binds += _bound(network_files(instance, hosts, names), environment)
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


def network_files(instance: Path, hosts: Sequence[str], names: ContainerNames) -> dict[str, Path]:
    """Write the files by which a container finds other hosts and trusts them. Returns them by their place in it."""
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{ip} {host}" for host, ip in addresses(hosts).items())]
    lines += [f"{address} {name}" for name in names.nowhere for address in NOWHERE]
    contents = {"hosts": "".join(f"{line}\n" for line in lines).encode()}
    places = {"/etc/hosts": "hosts"}
    if names.service is not None:
        bundle = names.bundle()
        contents["resolv.conf"] = names.resolver(_RESOLVER.read_bytes() if _RESOLVER.is_file() else b"")
        contents["ca-bundle.pem"] = bundle
        contents["cacerts"] = trust_store(bundle)
        places |= {"/etc/resolv.conf": "resolv.conf", TRUST_STORE: "cacerts"}
        places |= dict.fromkeys((BUNDLE, *SYSTEM_BUNDLES), "ca-bundle.pem")
    instance.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (instance / name).write_bytes(content)
    return {place: instance / name for place, name in places.items()}


def _bound(files: Mapping[str, Path], environment: Environment) -> Iterator[_Bind]:
    """Bind a container's own files over the host's, even if these are links, and its resolver configuration."""
    resolver = {"/etc/resolv.conf": _RESOLVER} if _RESOLVER.is_file() else {}
    trusted, java_home = files.get(TRUST_STORE), dict(environment.variables).get("JAVA_HOME")
    javas: dict[str, Path] = {}
    if trusted is not None:
        javas = dict.fromkeys(key_stores_of_java([java_home] if java_home else []), trusted)
    found: dict[str, Path] = {}
    for place, own in {**resolver, **files, **javas}.items():
        if place in (BUNDLE, TRUST_STORE) or Path(place).is_file():
            found[os.path.realpath(place)] = own
    yield from ((str(own), place, False) for place, own in found.items())


def _folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path
