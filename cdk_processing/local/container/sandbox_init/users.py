"""The user namespace of a sandbox: which of its ids are which on the host.

It is a new one, or that of the job's network.
"""

# ruff: noqa: PTH123

from __future__ import annotations

import errno
import os
from typing import Any

from .kernel import CLONE_NEWUSER, call


def enter_user_namespace(users: dict[str, Any] | None) -> None:
    """Create a user namespace.

    Args:
        users: ``uid_map`` and ``gid_map``, each a list of first id inside, first id outside, and number of ids.
            ``programs`` are the programs that may write them (``newuidmap``, ``newgidmap``); without, this process's
            user may. None: no user namespace.
    """
    if users is None:
        return
    maps = {name: users[name] for name in ("uid_map", "gid_map")}
    if all(len(each) == 1 for each in maps.values()) and os.geteuid() != 0:
        call("unshare", CLONE_NEWUSER)
        write("self", "setgroups", "deny")  # without it, an ordinary user may not map its group
        for name, ranges in maps.items():
            write("self", name, text(ranges))
        return
    from_outside(os.getpid(), maps, users["programs"])


def enter_namespaces_of(network: list[int]) -> None:
    """Enter the namespaces of a job's network, given their file descriptors: the user namespace comes first."""
    for descriptor in network:
        call("setns", descriptor, 0)
        os.close(descriptor)


def from_outside(here: int, maps: dict[str, list[list[int]]], programs: dict[str, str]) -> None:
    """Create a user namespace whose ids a process outside of it maps: only that one has the permission."""
    entered, told = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(told)
        os.read(entered, 1)
        try:
            for name, ranges in maps.items():
                if name in programs:
                    run(programs[name], str(here), *text(ranges).split())
                else:
                    write(str(here), name, text(ranges))
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


def text(ranges: list[list[int]]) -> str:
    """Write ranges as the kernel reads them."""
    return "\n".join(" ".join(map(str, each)) for each in ranges)


def write(process: str, name: str, content: str) -> None:
    """Write a file of a process in ``/proc``."""
    with open(f"/proc/{process}/{name}", "w") as file:
        file.write(content)


def run(program: str, *arguments: str) -> None:
    """Run a program; its failure becomes an OSError."""
    if os.spawnv(os.P_WAIT, program, [program, *arguments]) != 0:
        raise OSError(errno.EPERM, f"{program}: {os.strerror(errno.EPERM)}")
