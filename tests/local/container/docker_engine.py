"""A real Docker engine for tests, and an image with a Python in it that was pulled from nowhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE, until

__all__ = ["a_docker_engine", "import_image"]

# What the tests run in a container besides Python.
_PROGRAMS = ("sh", "cat", "chown", "env", "ls", "sleep")
_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_MODELS = ("s3", "sts")
_LEFT_OUT = {"test", "idlelib", "tkinter", "ensurepip", "site-packages", "__pycache__", "turtledemo", "lib2to3"}


def a_docker_engine() -> Iterator[None]:
    """The engine that runs on this machine, or one that is started for these tests; skips where neither can be had."""
    if shutil.which("docker") is None:
        pytest.skip("needs Docker: there is no docker command")
    if _responds():
        yield
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs Docker: no engine responds, and only root with dockerd at hand can start one")
    # Short: the path of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="dockerd-"))
    command = ["dockerd", "--host", f"unix://{folder}/docker.sock", "--pidfile", f"{folder}/pid"]
    command += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    # No network of its own: nothing of the machine's firewall or forwarding is touched.
    command += ["--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    try:
        until(lambda: engine.poll() is not None or _responds(), every=0.2)
        if engine.poll() is not None:
            pytest.skip(f"needs Docker: its engine does not start here: {(folder / 'log').read_text()[-500:]}")
        yield
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        engine.send_signal(signal.SIGTERM)
        engine.wait(PATIENCE)
        # The engine leaves this mount behind.
        subprocess.run(["umount", f"{folder}/exec/netns/default"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _responds() -> bool:
    # It also fails where the command is there without an engine.
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def import_image(name: str, *changes: str) -> None:
    """Make an image with this interpreter, boto3 and a few programs, out of what this machine has.

    Args:
        name: Its name and tag.
        changes: Instructions of a Dockerfile: ``ENTRYPOINT ["/bin/sh"]``, say.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root.tar")
        with tarfile.open(root, "w") as archive:
            _fill(archive)
        options = [option for change in changes for option in ("--change", change)]
        subprocess.run(["docker", "import", *options, str(root), name], check=True, capture_output=True)


def _fill(archive: tarfile.TarFile) -> None:
    interpreter = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib")).resolve()
    compiled = list((library / "lib-dynload").glob("*.so"))
    programs = {name: Path(str(shutil.which(name))).resolve() for name in _PROGRAMS}
    files = {interpreter: str(interpreter), **{path: f"/usr/bin/{name}" for name, path in programs.items()}}
    for needed in _libraries([interpreter, *compiled, *programs.values()]):
        files[Path(needed)] = needed
    for path, name in files.items():
        archive.add(path.resolve(), name)
    archive.add(library, str(library), filter=_kept)
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        archive.add(source, f"/opt/packages/{source.name}", filter=_kept)
    for link, target in (("/usr/bin/python3", str(interpreter)), ("/bin", "usr/bin")):
        made = tarfile.TarInfo(link)
        made.type, made.linkname = tarfile.SYMTYPE, target
        archive.addfile(made)
    for name, mode in (("/tmp", 0o1777), ("/root", 0o700), ("/etc", 0o755)):
        made = tarfile.TarInfo(name)
        made.type, made.mode = tarfile.DIRTYPE, mode
        archive.addfile(made)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(member.name).parts
    if _LEFT_OUT.intersection(parts[-1:]):
        return None
    # botocore's models of hundreds of services are nine tenths of all.
    if "botocore" in parts and "data" in parts[:-1] and member.isdir():
        service = parts[parts.index("data") + 1]
        return member if service in _MODELS else None
    return member


def _libraries(programs: Iterable[Path]) -> set[str]:
    """The shared libraries that programs need, by the names that the loader looks them up with."""
    found: set[str] = set()
    for program in programs:
        said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
        found.update(re.findall(r"(/\S+) \(0x", said))
    return found
