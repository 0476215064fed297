from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cdk_processing.local.container import sandbox, sandbox_init
from cdk_processing.local.container.containers import LINE_LIMIT, run_side_by_side
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.failures import Halt, JobFailedError, JobStoppedError
from cdk_processing.local.container.limits import Limits
from cdk_processing.local.container.sandbox import start_sandbox
from cdk_processing.local.container.system_calls import system_call_filter
from cdk_processing.local.container.user_ids import UserIds
from tests.patience import FOREVER, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def sandboxed(tmp_path: Path) -> Run:
    def run(
        command: Sequence[str],
        isolated: bool = False,
        variables: dict[str, str] | None = None,
        halt: Halt | None = None,
        grace: float = 5,
        log: Callable[[str], None] | None = None,
    ) -> tuple[int, list[str]]:
        environment = environment_for("any", sys.executable)
        given = {"PATH": ":".join(environment.path), "HOME": "/root", **(variables or {})}
        lines: list[str] = []
        container = start_sandbox("algo-1", command, given, environment, tmp_path, ["algo-1", "algo-2"], isolated)
        codes = run_side_by_side([container], halt or Halt(threading.Event()), log or lines.append, grace=grace)
        return codes["algo-1"], lines

    return run


def python(code: str) -> list[str]:
    return ["python3", "-c", code]


def test_the_exit_code_and_both_streams_come_back_in_order(sandboxed: Run) -> None:
    assert sandboxed(["/bin/sh", "-c", "echo one; echo two >&2; echo three; exit 3"]) == (3, ["one", "two", "three"])


def test_arguments_arrive_as_they_are(sandboxed: Run) -> None:
    arguments = ["", "a b", "$HOME", "`id`", "'\"", "*", "ü\n", "--x=;rm"]
    code, lines = sandboxed([*python("import json, sys; print(json.dumps(sys.argv[1:]))"), *arguments])
    assert (code, json.loads(lines[0])) == (0, arguments)


def test_the_environment_is_what_is_given_and_nothing_else(sandboxed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-host")
    _, lines = sandboxed(["/usr/bin/env"], variables={"A": "1"})
    assert sorted(line.partition("=")[0] for line in lines) == ["A", "HOME", "PATH"]


def test_python_is_the_environments_interpreter(sandboxed: Run) -> None:
    for name in ("python", "python3"):
        assert sandboxed([name, "-c", "import sys; print(sys.prefix)"]) == (0, [sys.prefix])


def test_the_hosts_system_and_opt_are_there_but_not_its_other_folders(sandboxed: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    secret = str(tmp_path / "secret")
    code = f"import os; print(os.path.exists({secret!r}), sorted(os.listdir('/opt')), os.listdir('/usr/bin') != [])"
    opt = sorted({*(each.name for each in Path("/opt").glob("*")), "ml"})
    assert sandboxed(python(code)) == (0, [f"False {opt} True"])


def test_the_users_credentials_are_not_there(sandboxed: Run) -> None:
    homes = sorted({str(Path.home()), "/root"})
    hidden = (".aws", ".ssh", ".netrc", ".docker", ".config", ".cache", ".gitconfig")
    code = f"from pathlib import Path; print([p for h in {homes!r} for n in {hidden!r} if (p := Path(h, n)).exists()])"
    assert sandboxed(python(code)) == (0, ["[]"])
    _, lines = sandboxed(["/bin/sh", "-c", "cat /etc/shadow | wc -c; ls /var/run/docker.sock /run/docker.sock 2>&1"])
    assert lines[0] == "0"
    assert all("cannot access" in line for line in lines[1:])


@pytest.mark.parametrize(
    "place", ["/x", "/etc/x", "/usr/x", "/opt/x", "/home/x", "/proc/sys/kernel/hostname", "/sys/x"]
)
def test_nothing_can_be_written_outside_its_own_folders(sandboxed: Run, place: str) -> None:
    code, _ = sandboxed(["/bin/sh", "-c", f"echo hacked > {place}"])
    assert code != 0
    assert not Path(place).exists() or "hacked" not in Path(place).read_text()


def test_not_even_after_mounting_anew(sandboxed: Run) -> None:
    code, _ = sandboxed(["/bin/sh", "-c", "mount -o remount,rw,bind /usr && touch /usr/x"])
    assert code != 0


def test_opt_ml_tmp_and_home_are_writable_and_fresh(sandboxed: Run, tmp_path: Path) -> None:
    command = "pwd; for d in /opt/ml /tmp /var/tmp . /dev/shm; do touch $d/made || exit 9; done"
    assert sandboxed(["/bin/sh", "-c", command]) == (0, ["/root"])
    assert (tmp_path / "ml" / "made").exists()
    assert not Path("/opt/ml/made").exists()
    assert not Path("/tmp/made").exists()


def test_the_host_has_no_trace_of_the_mounts(sandboxed: Run, tmp_path: Path) -> None:
    before = Path("/proc/self/mounts").read_text()
    had = Path("/opt/ml").exists()
    sandboxed(["/bin/true"])
    assert Path("/proc/self/mounts").read_text() == before
    assert Path("/opt/ml").exists() == had
    assert list((tmp_path / "root").iterdir()) == []


def test_host_name_and_peers_resolve_to_addresses_of_their_own(sandboxed: Run) -> None:
    code = "import socket as s; print(s.gethostname(), s.gethostbyname('algo-1'), s.gethostbyname('algo-2'))"
    assert sandboxed(python(code), isolated=True) == (0, ["algo-1 127.0.0.1 127.0.0.2"])


def test_processes_of_the_host_are_not_seen(sandboxed: Run) -> None:
    code = "import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()), os.getpid())"
    assert sandboxed(python(code)) == (0, ["[1, 2] 2"])


def test_multiprocessing_and_semaphores_work(sandboxed: Run) -> None:
    code = "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as p: print(sum(p.map(abs, range(-9, 1))))"
    assert sandboxed(python(code)) == (0, ["45"])


def test_the_network_is_the_hosts_unless_isolated(sandboxed: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = python(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('connected')")
        assert sandboxed(connect) == (0, ["connected"])
        code, lines = sandboxed(connect, isolated=True)
    assert code == 1
    assert "Connection refused" in lines[-1]  # its own loopback is up, and nobody listens there


def test_an_isolated_container_reaches_nothing_outside(sandboxed: Run) -> None:
    code, lines = sandboxed(python("import socket; socket.create_connection(('192.0.2.1', 80), 2)"), isolated=True)
    assert code == 1
    assert "Network is unreachable" in lines[-1]


def test_an_isolated_container_can_use_its_own_loopback(sandboxed: Run) -> None:
    code = (
        "import socket as s\nx = s.create_server(('algo-1', 0))\ns.create_connection(x.getsockname(), 2); print('ok')"
    )
    assert sandboxed(python(code), isolated=True) == (0, ["ok"])


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["no-such-command"], 127, "no-such-command"),
        (["/opt/ml/nothing.sh"], 127, "nothing.sh"),
        (["/etc/hosts"], 126, "Permission denied"),
    ],
)
def test_a_command_that_cannot_be_started_exits_as_a_shells_would(
    sandboxed: Run, command: list[str], code: int, said: str
) -> None:
    exited, lines = sandboxed(command)
    assert exited == code
    assert said in lines[-1]


def test_a_signal_is_an_exit_code_above_128(sandboxed: Run) -> None:
    assert sandboxed(["/bin/sh", "-c", "kill -SEGV $$"])[0] == 128 + signal.SIGSEGV


def test_a_daemon_does_not_outlive_its_job(sandboxed: Run) -> None:
    marker = f"86.{os.getpid()}"
    daemon = f"(setsid sleep {marker} &) ; (nohup sleep {marker} >/dev/null 2>&1 &); sleep 0.2; echo done"
    assert sandboxed(["/bin/sh", "-c", daemon]) == (0, ["done"])
    assert _processes(marker) == []


def test_a_daemon_that_holds_the_output_open_does_not_hold_up_the_job(sandboxed: Run) -> None:
    assert sandboxed(["/bin/sh", "-c", f"setsid sleep {FOREVER} & echo done"]) == (0, ["done"])


def test_a_stopped_container_gets_sigterm_and_may_tidy_up(sandboxed: Run) -> None:
    stop = threading.Event()
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        stop.set()

    tidy = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    with pytest.raises(JobStoppedError):
        sandboxed(["/bin/sh", "-c", tidy], halt=Halt(stop), log=log)
    assert lines == ["ready", "tidy"]


def test_a_plain_script_ends_when_stopped_without_the_grace(sandboxed: Run) -> None:
    stop = threading.Event()
    code = f"import time; print('up', flush=True); time.sleep({FOREVER})"
    with pytest.raises(JobStoppedError):
        sandboxed(python(code), halt=Halt(stop), grace=FOREVER, log=lambda _: stop.set())


def test_what_ignores_sigterm_is_killed_after_the_grace(sandboxed: Run) -> None:
    marker = f"87.{os.getpid()}"
    stubborn = f"trap '' TERM; sleep {marker} & echo ready; while :; do sleep 0.05; done"
    stop = threading.Event()
    with pytest.raises(JobStoppedError):
        sandboxed(["/bin/sh", "-c", stubborn], halt=Halt(stop), grace=0.3, log=lambda _: stop.set())
    assert _processes(marker) == []


def test_a_container_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    marker = f"88.{os.getpid()}"
    script = f"""
import sys, time
from pathlib import Path
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.sandbox import start_sandbox
environment = environment_for("any", sys.executable)
started = start_sandbox("algo-1", ["/bin/sh", "-c", "echo up; exec sleep {marker}"],
                        {{"PATH": "/bin"}}, environment, Path({str(tmp_path)!r}), ["algo-1"], False)
print(started.process.stdout.readline(), flush=True)
time.sleep({FOREVER})
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        until(lambda: _processes(marker))
        parent.kill()
    until(lambda: _processes(marker), lambda left: not left)


def test_bytes_that_are_no_text_and_endless_lines_are_logged(sandboxed: Run) -> None:
    text = f"b'\\xff\\xfe\\n' + b'x' * {LINE_LIMIT + 5} + b'\\n' + b'a\\r\\n\\nno newline'"
    code = f"import sys; sys.stdout.buffer.write({text})"
    _, lines = sandboxed(python(code))
    assert lines == ["\ufffd\ufffd", "x" * LINE_LIMIT, "xxxxx", "a", "", "no newline"]


def test_a_failed_setup_says_what_to_do(sandboxed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = (
        "import errno, sandbox_init.kernel as kernel\n"
        "def refuse(name, *_): raise PermissionError(errno.EPERM, f'{name}: Operation not permitted')\n"
        "kernel.call = refuse"
    )
    _before_main(monkeypatch, changed)
    with pytest.raises(JobFailedError, match=r"InternalServerError: .*unshare: Operation not permitted\. Start Docker"):
        sandboxed(["/bin/true"])


def test_other_systems_are_told_to_use_docker(sandboxed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(JobFailedError, match=r"this is darwin, not Linux\. Start Docker"):
        sandboxed(["/bin/true"])


def test_an_older_kernel_gives_a_read_only_system_too(sandboxed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _before_main(monkeypatch, "import sandbox_init.root as root; root.SYS_MOUNT_SETATTR = 100000")
    _, lines = sandboxed(["/bin/sh", "-c", "for d in / /usr /etc /sys; do touch $d/x 2>&1; done"])
    assert [line.rpartition(": ")[2] for line in lines] == ["Read-only file system"] * 4


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root to become a user")
def test_an_ordinary_user_can_run_containers(tmp_path_factory: pytest.TempPathFactory) -> None:
    interpreter = shutil.which("python3", path="/usr/bin:/bin")
    if interpreter is None:
        pytest.skip("needs an interpreter that every user may run")
    system = [Path(each) for each in ("/usr", "/bin", "/lib", "/lib64")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        shutil.copytree(Path(sandbox_init.__file__).parent, folder / "sandbox_init")
        (folder / "root").mkdir(mode=0o777)
        (folder / "root").chmod(0o777)
        specification = {
            "parent": -1,
            "users": UserIds(((0, 65534, 1),), ((0, 65534, 1),)).specification(),
            "seccomp": system_call_filter(pretend_chown=True).hex(),
            "hostname": "algo-1",
            "isolated": True,
            "network": None,
            "command": ["/bin/sh", "-c", "id -u; hostname; touch /usr/x || echo refused; ls /"],
            "environment": {"PATH": "/bin:/usr/bin"},
            "directory": "/",
            **Limits().specification(),
            "root": str(folder / "root"),
            "links": [[str(each), str(each.readlink())] for each in system if each.is_symlink()],
            "folders": ["/opt"],
            "writable": [],
            "binds": [[str(each), str(each), False] for each in system if each.is_dir() and not each.is_symlink()],
        }
        # The parent is only known in there.
        runner = (
            "import json, os, subprocess, sys\n"
            "s = json.loads(sys.argv[1]); s['parent'] = os.getpid(); r, w = os.pipe()\n"
            "code = f'import sys; sys.path.insert(0, {sys.argv[2]!r}); from sandbox_init.main import main; main({w})'\n"
            "p = subprocess.run([sys.executable, '-I', '-S', '-c', code], input=json.dumps(s).encode(),"
            " stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[w])\n"
            "os.close(w); print(p.returncode, os.read(r, 999).decode()); print(p.stdout.decode())\n"
        )
        done = subprocess.run(
            [
                *("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"),
                *(interpreter, "-c", runner, json.dumps(specification), name),
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
        )
    if "unshare" in done.stdout:
        pytest.skip(f"user namespaces are not allowed here: {done.stdout}")
    lines = done.stdout.split()
    assert lines[:3] == ["0", "0", "algo-1"]
    assert "refused" in lines
    assert "home" not in lines


def _before_main(monkeypatch: pytest.MonkeyPatch, changes: str) -> None:
    """Run statements in the sandbox's first process before it begins."""
    path, begin = sandbox._INIT.rsplit("; ", 1)
    monkeypatch.setattr(sandbox, "_INIT", f"{path}\n{changes}\n{begin}")


def _processes(marker: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", marker.encode()]:
            found.append(str(process))
    return found
