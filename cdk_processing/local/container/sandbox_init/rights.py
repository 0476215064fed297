"""What the job's process may do and use: its capabilities, its system calls, and the limits of each process."""

# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import os
import resource
import signal
import warnings  # noqa: F401  # os.execvpe imports it, and by then the new root may not contain this interpreter
from typing import Any, NoReturn

from .kernel import PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, call, libc

SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
KEYCTL_JOIN_SESSION_KEYRING = 1
# Kept only in a new user namespace, where they apply only to the sandbox's own files and processes: CHOWN,
# DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE. Without a user namespace, none is kept.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10}
LAST_CAPABILITY = 63
SECCOMP_MODE_FILTER, INSTRUCTION_BYTES = 2, 8


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


def leave_keyring() -> None:
    """Join a new session keyring: the inherited one may hold the user's keys."""
    number = SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        libc.syscall(ctypes.c_long(number), ctypes.c_long(KEYCTL_JOIN_SESSION_KEYRING), None)


class Program(ctypes.Structure):
    """``struct sock_fprog``: a filter of system calls, as the kernel reads it."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_system_calls(instructions: bytes) -> None:
    """Apply a seccomp filter (see ``system_calls.py``) to this process and all its descendants."""
    if instructions:
        program = Program(len(instructions) // INSTRUCTION_BYTES, instructions)
        call("prctl", PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program), 0, 0)


def become(specification: dict[str, Any]) -> NoReturn:
    """Replace this process by the job's process."""
    os.setsid()
    leave_keyring()
    limit(specification)
    for number in (signal.SIGPIPE, signal.SIGINT):  # Python sets these
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    kept = KEPT_CAPABILITIES if specification["users"] is not None else ()
    for capability in range(LAST_CAPABILITY + 1):
        if capability not in kept:
            libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)  # unknown to this kernel: nothing to drop
    call("prctl", PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0)
    filter_system_calls(bytes.fromhex(specification["seccomp"]))
    command = specification["command"]
    try:
        os.chdir(specification["directory"])
        os.execvpe(command[0], command, specification["environment"])
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        os.write(2, f'exec: "{command[0]}": {error.strerror}\n'.encode(errors="backslashreplace"))
        os._exit(127 if missing else 126)
