"""Creates the network of one job, and holds it until the job has ended.

Runs as ``main(fd)``. It reads a specification from standard input as JSON (written by ``job_network.py``).
Over the socket ``fd`` it sends the file descriptors of what it created: the user namespace, if there is one, the
network namespace, and sockets that listen in it. Whoever has these sockets accepts connections from that network, from
anywhere on the host. If the set-up fails, it sends the error as JSON, and no file descriptors.

The next message is the number of the process that connects the network to the outside, if there is one. It answers once
the network is connected. When standard input ends, the runner has ended the job, or was killed: the connecting process
is killed, and this one ends.
"""

# Importing contextlib would take longer than the rest.
# ruff: noqa: PTH123, SIM105

from __future__ import annotations

import json
import os
import select
import signal
import socket
from typing import Any

from .kernel import CLONE_NEWNET, bring_up_loopback, call
from .users import enter_user_namespace

MESSAGE_BYTES, LOOK_SECONDS = 4096, 0.005
# In the order in which they are sent.
KINDS = {"endpoint": socket.SOCK_STREAM, "questions": socket.SOCK_DGRAM, "tls": socket.SOCK_STREAM}


def listen(specification: dict[str, Any]) -> list[socket.socket]:
    """Listen for the job's endpoint, and for questions about AWS's names and TLS on an address of their own."""
    sockets = []
    for name, kind in KINDS.items():
        each = socket.socket(socket.AF_INET, kind)
        each.bind(tuple(specification[name]))
        if kind == socket.SOCK_STREAM:
            each.listen(128)
        sockets.append(each)
    return sockets


def create(specification: dict[str, Any]) -> list[int]:
    """Enter new namespaces. Return the file descriptors of the namespaces and of the sockets."""
    users = specification["users"]
    enter_user_namespace(users)
    call("unshare", CLONE_NEWNET)
    bring_up_loopback()
    namespaces = ["net"] if users is None else ["user", "net"]
    found = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in namespaces]
    return [*found, *(each.detach() for each in listen(specification))]


def connected() -> bool:
    """Whether there is a route to the outside."""
    for name in ("route", "ipv6_route"):
        with open(f"/proc/self/net/{name}", "rb") as routes:
            if any(line.split()[-1:] != [b"lo"] and not line.startswith(b"Iface") for line in routes):
                return True
    return False


def hold(runner: socket.socket, connecting: int) -> None:
    """Say when the network is connected, wait for the runner's end, and kill the connecting process."""
    process = os.pidfd_open(connecting)
    ended: list[int] = []
    while not ended and not connected():
        ended = select.select([0], [], [], LOOK_SECONDS)[0]
    runner.send(b"{}")
    os.read(0, 1)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except ProcessLookupError:
        pass  # the runner killed it


def main(channel: int) -> None:
    """Create the network, hand it over, and hold it."""
    runner = socket.socket(fileno=channel)
    specification = json.loads(os.read(0, MESSAGE_BYTES))
    try:
        created = create(specification)
    except OSError as error:
        runner.send(json.dumps({"errno": error.errno, "text": str(error.strerror)}).encode())
        return
    socket.send_fds(runner, [b"{}"], created)
    connecting = os.read(0, MESSAGE_BYTES)
    if connecting.strip():
        hold(runner, int(connecting))
    else:
        os.read(0, 1)
