"""Calls to libc, and the kernel's constants."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call libc; a failure becomes an OSError that names the call."""
    result: int = getattr(libc, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", arguments[1] if name == "mount" else None)
    return result


def bring_up_loopback() -> None:
    """Bring up the loopback device, which is down in a new network namespace."""
    descriptor = call("socket", 2, 2, 0)
    try:
        fcntl.ioctl(descriptor, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    finally:
        os.close(descriptor)
