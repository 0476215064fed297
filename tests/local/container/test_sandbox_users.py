"""Owners and modes of a job's files, with many user ids and with one, and what is left when the job has ended."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cdk_processing.local.container import sandbox
from cdk_processing.local.container.containers import run_side_by_side
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.failures import Halt
from cdk_processing.local.container.sandbox import start_sandbox
from cdk_processing.local.container.system_calls import system_call_filter
from cdk_processing.local.container.user_ids import UserIds, possible_user_ids
from cdk_processing.local.folders import remove_tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

Run = Callable[[str], list[str]]
ONE = UserIds(((0, os.geteuid(), 1),), ((0, os.getegid(), 1),))


@pytest.fixture(params=["many ids", "one id"])
def ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "one id":
        if not system_call_filter():
            pytest.skip("libseccomp is not installed")
        monkeypatch.setattr(sandbox, "container_user_ids", lambda: ONE)
    elif len(possible_user_ids()) < 2:
        pytest.skip("newuidmap is not installed, or /etc/subuid grants this user no ids")
    else:
        found = sandbox.container_user_ids()
        assert found is None or len(found.uid_map) == 2
    return str(request.param)


@pytest.fixture
def sandboxed(ids: str, tmp_path: Path) -> Run:
    def run(script: str) -> list[str]:
        environment = environment_for("any", sys.executable)
        variables = {"PATH": ":".join(environment.path), "HOME": "/root"}
        lines: list[str] = []
        command = ["/bin/sh", "-ec", script]
        started = start_sandbox("algo-1", command, variables, environment, tmp_path, ["algo-1"], True)
        codes = run_side_by_side([started], Halt(threading.Event()), lines.append)
        assert codes == {"algo-1": 0}, lines
        return lines

    return run


def test_an_archive_with_files_of_another_user_can_be_unpacked(sandboxed: Run, ids: str, tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    with tarfile.open(tmp_path / "ml" / "some.tar", "w") as archive:
        member = tarfile.TarInfo("of-another")
        member.uid, member.gid, member.size = 1000, 1001, 4
        archive.addfile(member, io.BytesIO(b"text"))
    owner = "1000 1001" if ids == "many ids" else "0 0"
    lines = sandboxed("cd /opt/ml; tar --extract --file some.tar; cat of-another; echo; stat -c '%u %g' of-another")
    assert lines == ["text", owner]


def test_a_file_can_be_given_to_another_user(sandboxed: Run, ids: str) -> None:
    owner = "33" if ids == "many ids" else "0"
    assert sandboxed("touch f; chown 33:33 f; stat -c %u f") == [owner]


def test_a_file_of_mode_000_is_read_and_written_by_root_in_there(sandboxed: Run) -> None:
    assert sandboxed("echo text > f; chmod 000 f; cat f; echo more >> f; wc -l < f") == ["text", "2"]


def test_files_of_others_and_closed_ones_are_ours_when_the_job_has_ended(sandboxed: Run, tmp_path: Path) -> None:
    sandboxed(
        "cd /opt/ml; mkdir -p a/b; echo text > a/b/f; chmod 000 a/b/f a/b a; ln -s /etc/hosts link;"
        " mkdir other; echo text > other/f; chown -R 33:33 other; chmod 700 other; chmod 600 other/f"
    )
    for path in ("a/b/f", "other/f"):
        assert (tmp_path / "ml" / path).read_text() == "text\n"
        assert (tmp_path / "ml" / path).stat().st_uid in (os.geteuid(), *([2_000_000_032] if os.geteuid() == 0 else []))
    assert stat.S_ISLNK((tmp_path / "ml" / "link").lstat().st_mode)
    remove_tree(tmp_path / "ml")
    assert not (tmp_path / "ml").exists()


def test_files_of_others_are_ours_also_when_the_job_is_killed(ids: str, tmp_path: Path) -> None:
    environment = environment_for("any", sys.executable)
    variables = {"PATH": ":".join(environment.path)}
    script = "cd /opt/ml; mkdir other; touch other/f; chown -R 33 other; chmod 700 other; echo up; read x < /dev/zero"
    command = ["/bin/sh", "-ec", script]
    started = start_sandbox("algo-1", command, variables, environment, tmp_path, ["algo-1"], True)
    assert started.process.stdout is not None
    assert started.process.stdout.readline() == b"up\n"
    started.kill()
    started.close()
    remove_tree(tmp_path / "ml")
    assert not (tmp_path / "ml").exists()
