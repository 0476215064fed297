"""What a script in a sandbox cannot do to the machine, though it is root in there, and what it cannot use up."""

from __future__ import annotations

import os
import platform
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from cdk_processing.local.container import sandbox
from cdk_processing.local.container.containers import run_side_by_side
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.failures import Halt
from cdk_processing.local.container.sandbox import Limits, start_sandbox
from cdk_processing.local.container.uploads import open_beneath

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

Run = Callable[..., tuple[int, list[str]]]
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a device somewhere")


@pytest.fixture(params=["user namespace", "no user namespace"])
def sandboxed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Both ways in which root's sandboxes are made; an ordinary user has the first alone."""
    if request.param == "no user namespace":
        if os.geteuid() != 0:
            pytest.skip("an ordinary user has no sandbox without a user namespace")
        monkeypatch.setattr(sandbox, "_root_may_have_user_namespaces", lambda: False)

    def run(code: str, *, isolated: bool = True, limits: Limits | None = None) -> tuple[int, list[str]]:
        environment = environment_for("any", sys.executable)
        variables = {"PATH": ":".join(environment.path), "HOME": "/root"}
        command = ["python3", "-c", code]
        lines: list[str] = []
        started = start_sandbox(
            "algo-1", command, variables, environment, tmp_path, ["algo-1"], isolated, limits or Limits()
        )
        codes = run_side_by_side([started], Halt(threading.Event()), lines.append)
        return codes["algo-1"], lines

    return run


@pytest.mark.parametrize("kind", ["S_IFBLK", "S_IFCHR"])
@pytest.mark.parametrize("folder", ["/opt/ml", "/tmp", "/root", "/dev/shm"])
def test_no_device_can_be_made(sandboxed: Run, kind: str, folder: str) -> None:
    code = f"import os, stat; os.mknod('{folder}/disk', stat.{kind} | 0o600, os.makedev(8, 0))"
    exited, lines = sandboxed(code)
    assert exited == 1
    assert lines[-1].startswith("PermissionError: [Errno 1]")


@ROOT
def test_a_device_that_lies_in_a_writable_folder_cannot_be_opened(sandboxed: Run, tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    os.mknod(tmp_path / "ml" / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    exited, lines = sandboxed("open('/opt/ml/zero', 'rb').read(1)")
    assert exited == 1
    assert lines[-1].startswith("PermissionError: [Errno 13]")


def test_the_devices_of_a_container_work(sandboxed: Run) -> None:
    code = (
        "open('/dev/null', 'w').write('x')\nfor n in ('zero', 'urandom'): print(len(open(f'/dev/{n}', 'rb').read(9)))"
    )
    assert sandboxed(code) == (0, ["9", "9"])


def test_capabilities_are_those_over_its_own_files_or_none(sandboxed: Run, request: pytest.FixtureRequest) -> None:
    code = "print([l.split()[1] for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNewPrivs'))])"
    _, lines = sandboxed(code)
    held = 0x4FB if request.node.callspec.params["sandboxed"] == "user namespace" else 0
    inherited, permitted, effective, bounding, ambient, no_new_privileges = eval(lines[0])
    assert {int(permitted, 16), int(effective, 16), int(bounding, 16)} == {held}
    assert (int(inherited, 16), int(ambient, 16), no_new_privileges) == (0, 0, "1")


@pytest.mark.parametrize(
    "attempt",
    [
        "libc.mount(b'none', b'/mnt', b'tmpfs', 0, None)",
        "libc.mount(None, b'/opt/ml', None, 32 | 4096, None)",
        "libc.umount2(b'/etc/shadow', 2)",
        "libc.sethostname(b'x', 1)",
        "libc.chroot(b'/tmp')",
        "libc.swapoff(b'/x')",
        "libc.reboot(0)",
        "libc.ptrace(16, 1, None, None)",
    ],
)
def test_what_only_a_machines_root_may_do_is_refused(sandboxed: Run, attempt: str) -> None:
    code = f"import ctypes; libc = ctypes.CDLL(None, use_errno=True); print({attempt}, ctypes.get_errno())"
    _, lines = sandboxed(code)
    assert lines == ["-1 1"]


def test_the_kernels_switches_cannot_be_set(sandboxed: Run) -> None:
    code = (
        "for p in ('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/sys/power/state',"
        " '/proc/sys/vm/drop_caches'):\n try:\n  open(p, 'w').write('1'); print('set', p)\n except OSError: pass\n"
        "print('ok')"
    )
    assert sandboxed(code) == (0, ["ok"])


def test_no_descriptor_of_the_service_is_there(sandboxed: Run) -> None:
    assert sandboxed("import os; print(sorted(os.listdir('/proc/self/fd')))") == (0, ["['0', '1', '2', '3']"])


def test_the_session_keyring_is_its_own(sandboxed: Run) -> None:
    number = {"x86_64": 250, "aarch64": 219}.get(platform.machine())
    if number is None:
        pytest.skip("the number of the system call is not known here")
    import ctypes

    ours = ctypes.CDLL(None).syscall(number, 0, -3, 1)
    code = f"import ctypes; print(ctypes.CDLL(None).syscall({number}, 0, -3, 0))"
    _, lines = sandboxed(code)
    assert int(lines[0]) != ours


def test_an_abstract_socket_of_the_machine_is_out_of_an_isolated_jobs_reach(sandboxed: Run) -> None:
    name = f"\0cdk-processing-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        exited, lines = sandboxed(f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})")
    assert exited == 1
    assert lines[-1].startswith("ConnectionRefusedError")


# -- what a wild job uses up


def test_a_process_that_takes_more_memory_than_it_may_gets_an_error(sandboxed: Run) -> None:
    code = "x = bytearray(100 << 20); print('some', flush=True); y = bytearray(600 << 20)"
    exited, lines = sandboxed(code, limits=Limits(memory_bytes=512 << 20))
    assert (exited, lines[0], lines[-1]) == (1, "some", "MemoryError")


def test_a_file_cannot_outgrow_the_volume(sandboxed: Run) -> None:
    code = "f = open('/opt/ml/big', 'wb', 0); f.write(bytes(1 << 20)); print('some', flush=True); f.write(b'x')"
    exited, lines = sandboxed(code, limits=Limits(file_bytes=1 << 20))
    assert (exited, lines[0], lines[-1]) == (1, "some", "OSError: [Errno 27] File too large")


def test_a_fork_bomb_fills_its_own_container_alone(sandboxed: Run) -> None:
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if os.geteuid() == 0 and release < (6, 14):
        pytest.skip("before Linux 6.14 root's processes cannot be counted without a control group")
    code = (
        "import os, time\nchildren = 0\ntry:\n while children < 2000:\n"
        "  if os.fork() == 0: time.sleep(600)\n  children += 1\nexcept OSError as error: print(error.errno, children)"
    )
    before = Path("/proc/sys/kernel/pid_max").read_text()
    exited, lines = sandboxed(code, limits=Limits(processes=400))
    number, children = map(int, lines[-1].split())
    assert (exited, number) == (0, 11)
    assert children <= 400
    assert Path("/proc/sys/kernel/pid_max").read_text() == before


def test_the_kernel_ends_a_job_before_anything_else_where_memory_ends(sandboxed: Run) -> None:
    assert sandboxed("print(open('/proc/self/oom_score_adj').read().strip())") == (0, ["1000"])


def test_a_signal_that_comes_as_the_container_ends_is_no_error_of_the_service(tmp_path: Path) -> None:
    environment = environment_for("any", sys.executable)
    variables = {"PATH": ":".join(environment.path)}
    command = ["/bin/sh", "-c", "trap '' TERM; echo up; exit 7"]
    for _ in range(30):
        started = start_sandbox(
            "algo-1",
            command,
            variables,
            environment,
            tmp_path,
            ["algo-1"],
            True,
        )
        assert started.process.stdout is not None
        assert started.process.stdout.readline() == b"up\n"
        while started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
        assert started.close() == 7


# -- what it leaves for the service


def test_only_a_regular_file_is_opened_for_the_service(tmp_path: Path) -> None:
    (tmp_path / "regular").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "regular")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    for name in ("pipe", "link", "socket"):
        with pytest.raises(OSError, match=r"no regular file|symbolic"):
            open_beneath(tmp_path, PurePosixPath(name))
    os.close(open_beneath(tmp_path, PurePosixPath("regular")))


@ROOT
def test_a_device_is_not_opened_for_the_service(tmp_path: Path) -> None:
    os.mknod(tmp_path / "message", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    with pytest.raises(OSError, match="It is no regular file"):
        open_beneath(tmp_path, PurePosixPath("message"))
