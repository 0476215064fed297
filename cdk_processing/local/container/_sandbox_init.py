"""The first process of a sandbox: makes the namespaces, the file system and the process that the job asked for.

Run as a script (``python -I -S _sandbox_init.py <fd>``), never imported by the library. Reads what to do from standard
input as JSON (written by ``sandbox.py``), reports a failure to set up as JSON on the file descriptor it is given, and
exits as the job's process did. Two processes stay: the outer one, which the runner signals, and the inner one, which
is PID 1 of the sandbox; when it ends the kernel ends everything else in there.

Needs nothing but libc and little of the standard library, as it starts once for every container.
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
import warnings  # noqa: F401  # os.execvpe imports it, by when the new root may not show this interpreter
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
# In a user namespace of its own, where they reach its own files and processes alone: CHOWN, DAC_OVERRIDE, FOWNER,
# FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE. Without one, none is kept.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10}
LAST_CAPABILITY = 63
# Where ids other than root's lie on the host: far from those of its users.
FIRST_ID, IDS = 2_000_000_000, 65_536
# Linux counts the processes of each PID namespace from this release on; before it, the limit was the host's.
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
    """Mount something, as the system call does."""
    encoded = [os.fsencode(each) if each is not None else None for each in (source, target, kind)]
    call("mount", *encoded, ctypes.c_ulong(flags), os.fsencode(data) if data else None)


def restrict(target: str, *, writable: bool, devices: bool) -> None:
    """Take rights from a mount and all below it: to set ids, and where it is said so, to write and to open devices."""
    taken = MOUNT_ATTR_NOSUID | (0 if writable else MOUNT_ATTR_RDONLY) | (0 if devices else MOUNT_ATTR_NODEV)
    attributes = struct.pack("=4Q", taken, 0, 0, 0)
    arguments = (AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes)))
    if libc.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), *arguments) == 0:
        return
    if ctypes.get_errno() != ENOSYS:
        raise OSError(ctypes.get_errno(), f"mount_setattr: {os.strerror(ctypes.get_errno())}", target)
    # An older kernel: one by one, each with the flags it has, as a user namespace may not clear those.
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
    """Make what a bind mount needs to be mounted on."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def bind(root: str, source: str, target: str, writable: bool) -> None:
    """Show a file or folder of the host at a place below the new root; no device in it can be opened but /dev's own."""
    place = root + target
    place_for(source, place)
    mount(source, place, None, MS_BIND | MS_REC)
    restrict(place, writable=writable, devices=source.startswith("/dev/"))


def layer(root: str, folder: str) -> None:
    """Let what is written below a folder lie in memory over it, as in a container; the host's stays as it is."""
    if set(folder) & set(",:\\"):
        return  # the mount's options could not name it; it stays read-only
    upper, work = f"{root}/.layer/upper", f"{root}/.layer/work"
    os.makedirs(upper)
    os.makedirs(work)
    options = f"lowerdir={folder},upperdir={upper},workdir={work}"
    for extra in ("", ",userxattr"):  # what a user namespace needs, from Linux 5.11 on
        try:
            mount("overlay", root + folder, "overlay", MS_NOSUID | MS_NODEV, options + extra)
            return
        except OSError:
            continue  # without overlays the folder stays read-only


def build_root(specification: dict[str, Any]) -> None:
    """Put a new file system in place of the host's: only what is listed is there."""
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
    # The sandbox's root may be the host's: keep it from the kernel's own switches, as Docker does.
    for name in ("bus", "fs", "irq", "sys", "sysrq-trigger"):
        if os.path.exists(f"{root}/proc/{name}"):
            bind(root, f"{root}/proc/{name}", f"/proc/{name}", writable=False)
    for name in ("kcore", "keys", "latency_stats", "timer_list", "sched_debug"):
        if os.path.exists(f"{root}/proc/{name}"):
            bind(root, "/dev/null", f"/proc/{name}", writable=True)
    mount("none", root, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(root)
    # With both arguments ".", the old root lies on top of the new one and is taken off: pivot_root(2), NOTES.
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def bring_up_loopback() -> None:
    """A new network namespace has a loopback device, but it is down."""
    descriptor = call("socket", 2, 2, 0)
    try:
        fcntl.ioctl(descriptor, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    finally:
        os.close(descriptor)


def limit(specification: dict[str, Any]) -> None:
    """Let a job that runs wild end itself, and not the host: each limit holds for one process."""
    for name, most in specification["limits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(number)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (least, least))
    # Where the memory of all processes together ends, the kernel picks a job before the embedded AWS.
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def limit_processes(proc: str, most: int) -> None:
    """Let a fork bomb fill its own namespace: the limit on processes of a user does not hold for the host's root."""
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit())
    if release >= PID_LIMIT_SINCE:
        try:
            with open(f"{proc}/sys/kernel/pid_max", "w") as file:
                file.write(str(most))
        except OSError:
            pass  # the namespace is not ours to limit


def leave_keyring() -> None:
    """Take a session keyring of its own: the one that it inherits may hold the user's keys."""
    number = SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        libc.syscall(ctypes.c_long(number), ctypes.c_long(KEYCTL_JOIN_SESSION_KEYRING), None)


def become(specification: dict[str, Any]) -> NoReturn:
    """Turn into the job's own process."""
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
    """Return a wait status as a shell tells it."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def inner(specification: dict[str, Any], alive: int) -> int:
    """Be PID 1 of the sandbox until the job's process has ended."""
    call("prctl", PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    os.set_blocking(alive, False)
    try:
        if os.read(alive, 1) == b"":
            os._exit(SETUP_FAILED)  # the outer process died before it could be watched
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
        # Left to be reaped: as long as it is not, its number is its own, and a signal that comes now finds it.
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        if ended.si_pid == child:
            return exit_status(reap(child))
        os.waitpid(ended.si_pid, 0)


def reap(child: int) -> int:
    """Wait for a child; from when it is reaped, no signal is passed on to its number, which may be another's."""
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    return os.waitpid(child, 0)[1]


def map_user() -> None:
    """Be root in the new user namespace, and nobody else in the old one."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def map_users() -> None:
    """As the host's root: be root in the new user namespace too, and have all other ids, so that ``chown`` works."""
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
    """Make the namespaces, start PID 1 in them, and pass on what the runner asks for."""
    if specification["user_namespace"]:
        map_users() if os.geteuid() == 0 else map_user()
    call(
        "unshare",
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (CLONE_NEWNET if specification["isolated"] else 0),
    )
    # Not before: entering a user namespace clears it.
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
    # PID 1 counts as ended only when everything in its namespace has: nothing of the job outlives this call.
    return exit_status(reap(child))


def guarded(step: Any, report: int) -> int:
    """Run a step of the set-up; what goes wrong is reported, not printed among the job's own lines."""
    try:
        return int(step())
    except OSError as error:
        where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        os.write(report, json.dumps({"errno": error.errno, "text": f"{error.strerror}{where}"}).encode())
        return SETUP_FAILED


def main() -> None:
    """Read what to do, and do it."""
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    specification = json.loads(sys.stdin.buffer.read())
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os._exit(guarded(lambda: outer(specification, report), report))


if __name__ == "__main__":
    main()
