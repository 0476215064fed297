"""What a script in a sandbox cannot do to the machine, though it is root in there, and what it cannot use up."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from cdk_processing.local.container import sandbox, system_calls
from cdk_processing.local.container.containers import run_side_by_side
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.failures import Halt
from cdk_processing.local.container.limits import Limits
from cdk_processing.local.container.sandbox import start_sandbox
from cdk_processing.local.container.system_calls import system_call_filter
from cdk_processing.local.container.uploads import open_beneath

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

Run = Callable[..., tuple[int, list[str]]]
SECCOMP = pytest.mark.skipif(not system_call_filter(), reason="libseccomp is not installed")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a device somewhere")


@pytest.fixture(params=["user namespace", "no user namespace"])
def sandboxed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Both ways in which root's sandboxes are made; an ordinary user has the first alone."""
    if request.param == "no user namespace":
        if os.geteuid() != 0:
            pytest.skip("an ordinary user has no sandbox without a user namespace")
        monkeypatch.setattr(sandbox, "container_user_ids", lambda: None)

    def run(
        code: str,
        *,
        isolated: bool = True,
        limits: Limits | None = None,
        log: Callable[[str], None] | None = None,
    ) -> tuple[int, list[str]]:
        environment = environment_for("any", sys.executable)
        variables = {"PATH": ":".join(environment.path), "HOME": "/root"}
        command = ["python3", "-c", code]
        lines: list[str] = []
        started = start_sandbox(
            "algo-1", command, variables, environment, tmp_path, ["algo-1"], isolated, limits or Limits()
        )
        codes = run_side_by_side([started], Halt(threading.Event()), log or lines.append)
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


def test_no_keyring_can_be_reached(sandboxed: Run) -> None:
    number = {"x86_64": 250, "aarch64": 219}.get(platform.machine())
    if number is None:
        pytest.skip("the number of the system call is not known here")
    code = f"import ctypes as c; print(c.CDLL(None, use_errno=True).syscall({number}, 0, -3, 0), c.get_errno())"
    assert sandboxed(code)[1] == ["-1 1"]


@SECCOMP
def test_system_calls_that_docker_refuses_are_refused(sandboxed: Run) -> None:
    names = """
        add_key bpf fsopen io_uring_setup kexec_file_load kexec_load keyctl mount move_mount open_by_handle_at
        perf_event_open pivot_root reboot request_key setns swapon umount2 unshare userfaultfd
    """.split()  # noqa: SIM905
    resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name
    numbers = {name: resolve(name.encode()) for name in names}
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {numbers}.items():
    # unshare and others succeed with these arguments, if the kernel looks at them.
    done = libc.syscall(number, 0, 0, 0, 0, 0)
    print(name, done, ctypes.get_errno())
"""
    assert sandboxed(code) == (0, [f"{name} -1 1" for name in names])


@SECCOMP
@pytest.mark.parametrize("flag", [0x20000, 0x10000000, 0x20000000, 0x40000000])
def test_no_namespace_can_be_created_by_clone(sandboxed: Run, flag: int) -> None:
    number = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name(b"clone")
    code = f"""
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
child = libc.syscall({number}, {flag} | signal.SIGCHLD, 0, 0, 0, 0)
if child == 0: os._exit(0)
print(child, ctypes.get_errno())
"""
    assert sandboxed(code) == (0, ["-1 1"])


def test_its_own_processes_can_be_traced(sandboxed: Run) -> None:
    code = """
import ctypes, os, time
child = os.fork()
if child == 0: time.sleep(600)
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(16, child, None, None)); os.kill(child, 9)
"""
    assert sandboxed(code) == (0, ["0"])


def test_without_libseccomp_a_sandbox_has_no_filter_and_the_log_says_so(
    sandboxed: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(system_calls.ctypes, "CDLL", _missing)
    monkeypatch.setattr(sandbox, "system_call_filter", system_calls.system_call_filter.__wrapped__)
    _, lines = sandboxed("print([l.split()[1] for l in open('/proc/self/status') if l.startswith('Seccomp:')])")
    assert lines == ["['0']"]
    assert "libseccomp is not installed" in caplog.text


def _missing(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


def test_an_abstract_socket_of_the_machine_is_out_of_an_isolated_jobs_reach(sandboxed: Run) -> None:
    name = f"\0cdk-processing-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        exited, lines = sandboxed(f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})")
    assert exited == 1
    assert lines[-1].startswith("ConnectionRefusedError")


# -- what a wild job uses up


def test_processes_whose_memory_adds_up_to_more_than_the_instances_are_killed(sandboxed: Run) -> None:
    code = (
        "import os, time\nfor _ in range(6):\n"
        " if os.fork() == 0: mine = bytearray(os.urandom(1 << 20)) * 50; time.sleep(600)\n"
        "print('waiting', flush=True); os.wait()"
    )
    exited, lines = sandboxed(code, limits=Limits(memory_bytes=200 << 20))
    assert (exited, lines[0]) == (137, "waiting")
    assert lines[-1].startswith("Killed: the container's processes use ")
    assert lines[-1].endswith(" of 200 MB of memory.")


def test_memory_that_processes_share_counts_once(sandboxed: Run) -> None:
    code = (
        "import os, time\nmine = bytearray(os.urandom(1 << 20)) * 80\nfor _ in range(6):\n"
        " if os.fork() == 0: time.sleep(2); os._exit(0)\n"
        "for _ in range(6): os.wait()\nprint('done')"
    )
    assert sandboxed(code, limits=Limits(memory_bytes=200 << 20)) == (0, ["done"])


@pytest.mark.parametrize(
    "keeps", ["open('/dev/shm/f', 'wb').write(some)", "m = mmap.mmap(-1, 90 << 20); m.write(some)"]
)
def test_memory_outside_of_the_heap_counts_too(sandboxed: Run, keeps: str) -> None:
    code = f"import mmap, time\nsome = bytes(90 << 20)\n{keeps}\ndel some\ntime.sleep(600)"
    assert sandboxed(code, limits=Limits(memory_bytes=80 << 20))[0] == 137


def test_files_that_together_outgrow_the_volume_end_the_job(sandboxed: Run) -> None:
    code = (
        "import itertools, os, time\nfor folder in itertools.cycle(['/opt/ml', '/tmp', '/root']):\n"
        " open(f'{folder}/{time.monotonic_ns()}', 'wb').write(bytes(1 << 20)); time.sleep(0.01)"
    )
    exited, lines = sandboxed(code, limits=Limits(volume_bytes=20 << 20))
    assert exited == 1
    assert lines[-1].startswith("No space left on device: the container's files take ")
    assert lines[-1].endswith(" of VolumeSizeInGB, 20 MB.")


def test_a_file_without_a_name_takes_its_part_of_the_volume(sandboxed: Run) -> None:
    code = (
        "import tempfile, time\nfiles = [tempfile.TemporaryFile(dir='/opt/ml') for _ in range(3)]\n"
        "for file in files: file.write(bytes(10 << 20)); file.flush()\ntime.sleep(600)"
    )
    exited, lines = sandboxed(code, limits=Limits(volume_bytes=20 << 20))
    assert (exited, lines[-1][:24]) == (1, "No space left on device:")


def test_a_file_cannot_outgrow_the_volume(sandboxed: Run) -> None:
    code = "f = open('/opt/ml/big', 'wb', 0); f.write(bytes(1 << 20)); print('some', flush=True); f.write(b'x')"
    exited, lines = sandboxed(code, limits=Limits(volume_bytes=1 << 20))
    assert (exited, lines[0]) == (1, "some")
    assert lines[-1].startswith(("OSError: [Errno 27] File too large", "No space left on device:"))


def test_a_fork_bomb_fills_its_own_container_alone(sandboxed: Run) -> None:
    code = (
        "import os, time\nchildren = 0\ntry:\n while children < 2000:\n"
        "  if os.fork() == 0: time.sleep(600)\n  children += 1\n time.sleep(600)\n"
        "except OSError as error: print(error.errno, children)"
    )
    before = Path("/proc/sys/kernel/pid_max").read_text()
    exited, lines = sandboxed(code, limits=Limits(processes=400))
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if os.geteuid() == 0 and release < (6, 14):
        # The kernel does not count root's processes there.
        assert (exited, lines[-1][:24]) == (137, "Killed: the container ha")
        return
    number, children = map(int, lines[-1].split())
    assert (exited, number) == (0, 11)
    assert children <= 400
    assert Path("/proc/sys/kernel/pid_max").read_text() == before


def test_threads_are_counted_where_the_kernel_does_not(sandboxed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begin = sandbox._INIT.rsplit("; ", 1)
    changed = "import sandbox_init.root as root; root.PID_LIMIT_SINCE = (99,)"
    monkeypatch.setattr(sandbox, "_INIT", f"{path}\n{changed}\n{begin}")
    code = (
        "import threading, time\nfor _ in range(300):\n"
        " threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\ntime.sleep(600)"
    )
    exited, lines = sandboxed(code, limits=Limits(processes=200))
    if os.geteuid() == 0:
        assert exited == 137
        assert lines[-1].endswith(" processes and threads of 200.")
    else:
        assert exited == 1  # the kernel counts those of an ordinary user


def test_200_mb_of_log_pass_through_without_being_held(sandboxed: Run) -> None:
    code = "import os\nfor _ in range(200): os.write(1, (b'x' * 127 + b'\\n') * 8192)"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 0

    def log(line: str) -> None:
        nonlocal count
        count += 1

    assert sandboxed(code, log=log)[0] == 0
    assert count == 200 * 8192
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


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


def test_no_handler_can_run_at_a_wrong_moment_as_signals_are_waited_for(tmp_path: Path) -> None:
    environment = environment_for("any", sys.executable)
    command = ["/bin/sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"]
    variables = {"PATH": ":".join(environment.path)}
    started = start_sandbox("algo-1", command, variables, environment, tmp_path, ["algo-1"], True)
    assert started.process.stdout is not None
    started.process.stdout.readline()
    status = dict(line.split(":\t") for line in Path(f"/proc/{started.process.pid}/status").read_text().splitlines())
    handled = int(status["SigCgt"], 16) | int(status["SigIgn"], 16)
    assert not handled & sum(1 << (number - 1) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD))
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
