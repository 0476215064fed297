"""The two processes that stay while the job's process runs.

Runs as ``main(fd)``. It reads a specification from standard input as JSON (written by ``sandbox.py``), and reports a
failed set-up as JSON on the file descriptor ``fd``. Its exit code is that of the job's process. The outer process gets
the runner's signals. The inner one is PID 1 of the sandbox. When PID 1 ends, the kernel ends all other processes in the
sandbox.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from .kernel import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    PR_SET_PDEATHSIG,
    bring_up_loopback,
    call,
)
from .ownership import reclaim
from .rights import become
from .root import build_root
from .usage import Usage
from .users import enter_namespaces_of, enter_user_namespace

# Blocked in both processes from their first step to their last, and taken one by one: none of them can arrive at a
# moment at which its default action, or a handler, would end the process.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)
SETUP_FAILED = 125


def exit_status(status: int) -> int:
    """Convert a wait status to an exit code, as a shell does."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def status_of(child: int) -> int | None:
    """Reap all processes that ended. Return the child's exit code once it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = exit_status(status)


def inner(specification: dict[str, Any], alive: int) -> int:
    """Act as PID 1 of the sandbox until the job's process ends, or the container exceeds a limit."""
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
    usage = Usage(specification)
    while True:
        received = signal.sigtimedwait(SIGNALS, usage.next_look())
        if received is not None and received.si_signo == signal.SIGTERM:
            os.kill(child, signal.SIGTERM)
        code = status_of(child)
        if code is not None:
            return code
        exceeded = usage.exceeded()
        if exceeded is not None:
            os.kill(-1, signal.SIGKILL)  # all others in here; then nobody fills the log before the next line
            os.write(1, f"{exceeded.text}\n".encode())
            return exceeded.code


def outer(specification: dict[str, Any], report: int) -> int:
    """Create the namespaces, start PID 1 in them, and forward the runner's signals."""
    if specification["network"] is None:
        enter_user_namespace(specification["users"])
    else:
        enter_namespaces_of(specification["network"])
    call(
        "unshare",
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (CLONE_NEWNET if specification["isolated"] else 0),
    )
    # Set it only now: entering a user namespace clears it.
    call("prctl", PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGUSR1), 0, 0, 0)
    if os.getppid() != specification["parent"]:
        return SETUP_FAILED
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        os._exit(guarded(lambda: inner(specification, alive), report))
    # The kernel reports the end of PID 1 only after all processes of its namespace ended. None outlives this loop.
    while (code := status_of(child)) is None:
        received = signal.sigwaitinfo(SIGNALS)
        if received.si_signo == signal.SIGTERM:
            os.kill(child, signal.SIGTERM)
        elif received.si_signo == signal.SIGUSR1:
            os.kill(child, signal.SIGKILL)
    if specification["users"] is not None:
        reclaim(specification["writable"])
    return code


def guarded(step: Callable[[], int], report: int) -> int:
    """Run a step of the set-up. Errors go to the report, not into the job's log."""
    try:
        return step()
    except OSError as error:
        where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        os.write(report, json.dumps({"errno": error.errno, "text": f"{error.strerror}{where}"}).encode())
        return SETUP_FAILED


def main(report: int) -> None:
    """Read the specification and run the sandbox."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would not arrive, and the kernel would reap for us
    os.set_inheritable(report, False)
    specification = json.loads(sys.stdin.buffer.read())
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os._exit(guarded(lambda: outer(specification, report), report))
