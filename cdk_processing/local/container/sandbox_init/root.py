"""The file system of a sandbox: mounts below a new root, which then replaces the host's."""

# Importing pathlib would take as long as the rest of the start.
# ruff: noqa: PTH103, PTH110, PTH112, PTH120, PTH123, PTH211

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

from .kernel import call, libc

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE, MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 16384, 1 << 18, 1024, 2048, 1 << 21
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE, ENOSYS = -100, 0x8000, 38
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
SYS_MOUNT_SETATTR = 442  # the same on every architecture; Linux 5.12
# Since this release, Linux limits the processes of each PID namespace. Before, the limit applied to the whole host.
PID_LIMIT_SINCE = (6, 14)


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


def limit_processes(proc: str, most: int) -> None:
    """Confine a fork bomb to its namespace: the limit on a user's processes does not apply to the host's root."""
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit())
    if release >= PID_LIMIT_SINCE:
        try:
            with open(f"{proc}/sys/kernel/pid_max", "w") as file:
                file.write(str(most))
        except OSError:
            pass  # no permission to limit this namespace
