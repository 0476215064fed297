"""The first process of a sandbox: creates the namespaces and the file system, and starts the job's process.

Runs as a script (``python -I -S _sandbox_init.py <fd>``); the library never imports it. It reads a specification from
standard input as JSON (written by ``sandbox.py``), and reports a failed set-up as JSON on the file descriptor ``fd``.
Its exit code is that of the job's process. Two processes stay: the outer one, which gets the runner's signals, and the
inner one, which is PID 1 of the sandbox. When PID 1 ends, the kernel ends all other processes in the sandbox.

It uses only libc and few standard modules, to start fast: every container starts it once.
"""

# Importing pathlib would take as long as the rest of the start.
# ruff: noqa: PTH103, PTH110, PTH112, PTH120, PTH123, PTH211

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import struct
import sys
import warnings  # noqa: F401  # os.execvpe imports it, and by then the new root may not contain this interpreter
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE, MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 16384, 1 << 18, 1024, 2048, 1 << 21
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
AT_FDCWD, AT_RECURSIVE, ENOSYS = -100, 0x8000, 38
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
SYS_MOUNT_SETATTR = 442  # the same on every architecture; Linux 5.12
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
KEYCTL_JOIN_SESSION_KEYRING = 1
# Kept only in a new user namespace, where they apply only to the sandbox's own files and processes: CHOWN,
# DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE. Without a user namespace, none is kept.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10}
LAST_CAPABILITY = 63
# Ids other than root map to this range on the host, far from the ids of its users.
FIRST_ID, IDS = 2_000_000_000, 65_536
# Since this release, Linux limits the processes of each PID namespace. Before, the limit applied to the whole host.
PID_LIMIT_SINCE = (6, 14)
SETUP_FAILED = 125

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call libc; a failure becomes an OSError that names the call."""
    result: int = getattr(libc, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", arguments[1] if name == "mount" else None)
    return result


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system with the system call."""
    encoded = [os.fsencode(each) if each is not None else None for each in (source, target, kind)]
    call("mount", *encoded, ctypes.c_ulong(flags), os.fsencode(data) if data else None)


def restrict(target: str, *, writable: bool, devices: bool) -> None:
    """Forbid set-uid on a mount and all mounts below it, and optionally writing and opening devices."""
    taken = MOUNT_ATTR_NOSUID | (0 if writable else MOUNT_ATTR_RDONLY) | (0 if devices else MOUNT_ATTR_NODEV)
    attributes = struct.pack("=4Q", taken, 0, 0, 0)
    arguments = (AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes)))
    if libc.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), *arguments) == 0:
        return
    if ctypes.get_errno() != ENOSYS:
        raise OSError(ctypes.get_errno(), f"mount_setattr: {os.strerror(ctypes.get_errno())}", target)
    # On an older kernel, remount one by one. Keep each mount's flags: a user namespace may not clear them.
    more = MS_NOSUID | (0 if writable else MS_RDONLY) | (0 if devices else MS_NODEV)
    known = {
        "ro": MS_RDONLY,
        "nosuid": MS_NOSUID,
        "nodev": MS_NODEV,
        "noexec": MS_NOEXEC,
        "noatime": MS_NOATIME,
        "nodiratime": MS_NODIRATIME,
        "relatime": MS_RELATIME,
    }
    with open("/proc/self/mountinfo", "rb") as mounts:
        for line in mounts:
            fields = line.split(b" ")
            path = os.fsdecode(fields[4].decode("unicode_escape").encode("latin-1"))
            if path == target or path.startswith(target.rstrip("/") + "/"):
                flags = sum(known.get(option, 0) for option in fields[5].decode().split(","))
                mount("none", path, None, MS_REMOUNT | MS_BIND | flags | more)


def place_for(source: str, target: str) -> None:
    """Create the mount point for a bind mount."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def bind(root: str, source: str, target: str, writable: bool) -> None:
    """Bind a file or folder of the host below the new root. Only devices of /dev can be opened."""
    place = root + target
    place_for(source, place)
    mount(source, place, None, MS_BIND | MS_REC)
    restrict(place, writable=writable, devices=source.startswith("/dev/"))


def layer(root: str, folder: str) -> None:
    """Mount an overlay: writes below a folder go to memory, as in a container. The host's folder does not change."""
    if set(folder) & set(",:\\"):
        return  # mount options cannot contain this path; it stays read-only
    upper, work = f"{root}/.layer/upper", f"{root}/.layer/work"
    os.makedirs(upper)
    os.makedirs(work)
    options = f"lowerdir={folder},upperdir={upper},workdir={work}"
    for extra in ("", ",userxattr"):  # a user namespace needs it, since Linux 5.11
        try:
            mount("overlay", root + folder, "overlay", MS_NOSUID | MS_NODEV, options + extra)
            return
        except OSError:
            continue  # without overlays the folder stays read-only


def build_root(specification: dict[str, Any]) -> None:
    """Replace the host's root file system by a new one with only the listed files and folders."""
    root = specification["root"]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    for folder in specification["folders"]:
        os.makedirs(root + folder, exist_ok=True)
    for link, destination in specification["links"]:
        os.symlink(destination, root + link)
    for source, target, writable in specification["binds"]:
        bind(root, source, target, writable)
    for folder in specification.get("layered", ()):
        layer(root, folder)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        bind(root, f"/dev/{name}", f"/dev/{name}", writable=True)
    for name, destination in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{destination}", f"{root}/dev/{name}")
    os.makedirs(f"{root}/dev/shm")
    mount("tmpfs", f"{root}/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    os.makedirs(f"{root}/dev/pts")
    mount("devpts", f"{root}/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    os.symlink("pts/ptmx", f"{root}/dev/ptmx")
    os.makedirs(f"{root}/proc", exist_ok=True)
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    limit_processes(f"{root}/proc", specification["processes"])
    # Root in the sandbox may be root on the host: protect the kernel's settings, as Docker does.
    for name in ("bus", "fs", "irq", "sys", "sysrq-trigger"):
        if os.path.exists(f"{root}/proc/{name}"):
            bind(root, f"{root}/proc/{name}", f"/proc/{name}", writable=False)
    for name in ("kcore", "keys", "latency_stats", "timer_list", "sched_debug"):
        if os.path.exists(f"{root}/proc/{name}"):
            bind(root, "/dev/null", f"/proc/{name}", writable=True)
    mount("none", root, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(root)
    # With "." for both arguments, the old root is mounted over the new one, then unmounted: pivot_root(2), NOTES.
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def bring_up_loopback() -> None:
    """Bring up the loopback device, which is down in a new network namespace."""
    descriptor = call("socket", 2, 2, 0)
    try:
        fcntl.ioctl(descriptor, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    finally:
        os.close(descriptor)


def limit(specification: dict[str, Any]) -> None:
    """Set resource limits, so that a runaway job cannot bring down the host. Each limit applies to one process."""
    for name, most in specification["limits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(number)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (least, least))
    # When the machine runs out of memory, the kernel kills a job before the embedded AWS.
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def limit_processes(proc: str, most: int) -> None:
    """Confine a fork bomb to its namespace: the limit on a user's processes does not apply to the host's root."""
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit())
    if release >= PID_LIMIT_SINCE:
        try:
            with open(f"{proc}/sys/kernel/pid_max", "w") as file:
                file.write(str(most))
        except OSError:
            pass  # no permission to limit this namespace


def leave_keyring() -> None:
    """Join a new session keyring: the inherited one may hold the user's keys."""
    number = SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        libc.syscall(ctypes.c_long(number), ctypes.c_long(KEYCTL_JOIN_SESSION_KEYRING), None)


def become(specification: dict[str, Any]) -> NoReturn:
    """Replace this process by the job's process."""
    os.setsid()
    leave_keyring()
    limit(specification)
    for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    kept = KEPT_CAPABILITIES if specification["user_namespace"] else ()
    for capability in range(LAST_CAPABILITY + 1):
        if capability not in kept:
            libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)  # unknown to this kernel: nothing to drop
    call("prctl", PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    command = specification["command"]
    try:
        os.chdir(specification["directory"])
        os.execvpe(command[0], command, specification["environment"])
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        os.write(2, f'exec: "{command[0]}": {error.strerror}\n'.encode(errors="backslashreplace"))
        os._exit(127 if missing else 126)


def exit_status(status: int) -> int:
    """Convert a wait status to an exit code, as a shell does."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def inner(specification: dict[str, Any], alive: int) -> int:
    """Act as PID 1 of the sandbox until the job's process ends."""
    call("prctl", PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    os.set_blocking(alive, False)
    try:
        if os.read(alive, 1) == b"":
            os._exit(SETUP_FAILED)  # the outer process died before this one could watch it
    except BlockingIOError:
        pass
    hostname = os.fsencode(specification["hostname"])
    call("sethostname", hostname, ctypes.c_size_t(len(hostname)))
    if specification["isolated"]:
        bring_up_loopback()
    build_root(specification)
    child = os.fork()
    if child == 0:
        become(specification)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    while True:
        # Do not reap it yet. Until then its PID is not reused, so a signal that arrives now reaches the right process.
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        if ended.si_pid == child:
            return exit_status(reap(child))
        os.waitpid(ended.si_pid, 0)


def reap(child: int) -> int:
    """Wait for a child. Once it is reaped, forward no more signals: its PID may belong to another process."""
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    return os.waitpid(child, 0)[1]


def map_user() -> None:
    """Map root in the new user namespace to the current user. Map no other id."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def map_users() -> None:
    """If run as the host's root: map root and all other ids in the new user namespace, so that ``chown`` works."""
    entered, told = os.pipe()
    here = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.close(told)
        os.read(entered, 1)
        text = f"0 0 1\n1 {FIRST_ID} {IDS - 1}"
        try:
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{here}/{name}", "w") as file:
                    file.write(text)
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    os.close(entered)
    try:
        call("unshare", CLONE_NEWUSER)
    finally:
        os.close(told)
        failed = os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1])
    if failed:
        raise OSError(failed, f"uid_map: {os.strerror(failed)}")


def outer(specification: dict[str, Any], report: int) -> int:
    """Create the namespaces, start PID 1 in them, and forward the runner's signals."""
    if specification["user_namespace"]:
        map_users() if os.geteuid() == 0 else map_user()
    call(
        "unshare",
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (CLONE_NEWNET if specification["isolated"] else 0),
    )
    # Set it only now: entering a user namespace clears it.
    call("prctl", PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != specification["parent"]:
        return SETUP_FAILED
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        os._exit(guarded(lambda: inner(specification, alive), report))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(child, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # The kernel reports the end of PID 1 only after all processes of its namespace ended. None outlives this call.
    return exit_status(reap(child))


def guarded(step: Any, report: int) -> int:
    """Run a step of the set-up. Errors go to the report, not into the job's log."""
    try:
        return int(step())
    except OSError as error:
        where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        os.write(report, json.dumps({"errno": error.errno, "text": f"{error.strerror}{where}"}).encode())
        return SETUP_FAILED


def main() -> None:
    """Read the specification and run the sandbox."""
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    specification = json.loads(sys.stdin.buffer.read())
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os._exit(guarded(lambda: outer(specification, report), report))


if __name__ == "__main__":
    main()
