"""A network of its own for the containers of one job, where AWS's names lead to the embedded AWS.

An ordinary user may not listen on the host's ports 53 and 443, but may in a network namespace. The embedded AWS listens
there with sockets that were created in it. The network is connected to the outside by ``pasta``, a program for exactly
that (Debian: ``passt``, https://passt.top). Without it, a container reaches the embedded AWS and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.user_ids import UserIds
from cdk_processing.local.job_runner import Listeners

__all__ = ["JobNetwork", "job_network", "outside_problem"]

logger = logging.getLogger(__name__)

_INIT = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from sandbox_init.network import main"
_ADDRESS = "127.64.0.1"
_DNS, _HTTPS = 53, 443
_SOCKETS = 3
_MESSAGE_BYTES = 4096
_PASTA_PROGRAM = "pasta"
_TUNNEL = Path("/dev/net/tun")
# No port of the container is opened on the host, and none of the host's, or of its loopback, in the container.
_PORTS = ("-t", "none", "-u", "none", "-T", "none", "-U", "none")
_PASTA = ("--foreground", "--config-net", "--no-map-gw", "--quiet", "--stderr", *_PORTS)
_CONNECTED_WITHIN = 30.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class JobNetwork:
    """The network of one job.

    Attributes:
        namespaces: File descriptors of its namespaces, in the order in which a process must enter them.
        listeners: Sockets that listen in it, for the embedded AWS.
    """

    namespaces: Sequence[int]
    listeners: Listeners


@contextmanager
def job_network(endpoint_port: int, user_ids: UserIds | None) -> Iterator[JobNetwork]:
    """Create a network, and remove it at the end.

    Args:
        endpoint_port: The port of the job's endpoint on loopback.
        user_ids: The ids that the job's containers have.

    Raises:
        JobFailedError: The kernel does not allow it.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with its:
            holder = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", f"{_INIT}; main({its.fileno()})"],
                stdin=subprocess.PIPE,
                pass_fds=[its.fileno()],
                cwd="/",
                env={},
            )
        assert holder.stdin is not None
        with holder, holder.stdin as stdin:
            specification = {
                "users": user_ids and user_ids.specification(),
                "endpoint": ["127.0.0.1", endpoint_port],
                "questions": [_ADDRESS, _DNS],
                "tls": [_ADDRESS, _HTTPS],
            }
            stdin.write(json.dumps(specification).encode())
            stdin.flush()
            namespaces, listeners = _received(ours)
            try:
                with _connected(holder.pid, ours, stdin):
                    yield JobNetwork(namespaces, listeners)
            finally:
                for each in namespaces:
                    os.close(each)
                for own in (listeners.endpoint, listeners.questions, listeners.tls):
                    own.close()


def _received(channel: socket.socket) -> tuple[list[int], Listeners]:
    message, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 2 + _SOCKETS)
    told = json.loads(message or b'{"text": "its process ended"}')
    if not descriptors:
        raise JobFailedError("InternalServerError", f"The network of the job could not be created: {told['text']}.")
    endpoint, questions, tls = (socket.socket(fileno=each) for each in descriptors[-_SOCKETS:])
    return descriptors[:-_SOCKETS], Listeners(endpoint, _ADDRESS, questions, tls)


@contextmanager
def _connected(holder: int, channel: socket.socket, to_holder: IO[bytes]) -> Iterator[None]:
    """Connect the network of its holding process to the outside, if this machine can."""
    problem = outside_problem()
    if problem is not None:
        _warn(problem)
        yield
        return
    with tempfile.TemporaryFile() as messages:
        same_user = ("--runas", "0") if os.geteuid() == 0 else ()  # by default, root's becomes nobody
        command = [str(shutil.which(_PASTA_PROGRAM)), *same_user, *_PASTA, str(holder)]
        pasta = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        try:
            to_holder.write(str(pasta.pid).encode())
            to_holder.flush()
            deadline = time.monotonic() + _CONNECTED_WITHIN
            while not select.select([channel], [], [], _LOOK_SECONDS)[0]:
                if pasta.poll() is not None or time.monotonic() > deadline:
                    messages.seek(0)
                    _warn(f"pasta failed: {messages.read().decode(errors='replace').strip()}")
                    break
            yield
        finally:
            pasta.kill()
            pasta.wait()


def _warn(problem: str) -> None:
    logger.warning("a job reaches nothing outside the embedded AWS: %s", problem)


def outside_problem() -> str | None:
    """Say why a job's own network cannot be connected to the outside. None if it can."""
    if shutil.which(_PASTA_PROGRAM) is None:
        return "pasta is not installed (Debian: passt)"
    if not os.access(_TUNNEL, os.R_OK | os.W_OK):
        return f"pasta needs {_TUNNEL}, which this user may not open"
    return None
