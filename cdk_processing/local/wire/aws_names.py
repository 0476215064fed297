"""Where AWS's own host names lead in a job: to the embedded AWS.

Some clients do not read ``AWS_ENDPOINT_URL``. In a job's container, a name server on a loopback address answers for all
of AWS's names with that address, where TLS is served with a certificate that the container trusts. It forwards
questions for other names to the machine's name servers.
"""

from __future__ import annotations

import asyncio
import functools
import re
import secrets
import socket
import ssl
from pathlib import Path
from typing import Any

__all__ = ["AWS_NAME", "AwsNames"]

AWS_NAME = re.compile(r"([a-z0-9_-]+\.)*(amazonaws\.com|amazonaws\.com\.cn|api\.aws|on\.aws)", re.IGNORECASE)

_DNS, _HTTPS = 53, 443
_ATTEMPTS = 5
_UPSTREAM_SECONDS = 10.0
_RESOLVER = Path("/etc/resolv.conf")
_ADDRESS_RECORD = 1
_SECONDS_TO_LIVE = 5


class AwsNames:
    """A name server and a TLS listener on a loopback address of their own, on the host or in a job's own network.

    Attributes:
        address: The address.
        authority: The certificate of the authority that signs for AWS's names, as PEM.
        listener: The socket on which TLS must be served.
    """

    def __init__(self, address: str, questions: socket.socket, listener: socket.socket) -> None:
        self.address = address
        self.authority: str = _authority().cert_pem.bytes().decode()
        self.listener = listener
        self._questions = questions
        questions.setblocking(False)
        self._transport: asyncio.BaseTransport | None = None

    @classmethod
    def listen(cls) -> AwsNames | None:
        """Listen on a free loopback address. None if this user may not listen on ports 53 and 443."""
        for _ in range(_ATTEMPTS):
            address = f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
            questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                questions.bind((address, _DNS))
                listener.bind((address, _HTTPS))
            except OSError:
                questions.close()
                listener.close()
                continue
            listener.listen(128)
            return cls(address, questions, listener)
        return None

    @classmethod
    def may_listen(cls) -> bool:
        """Whether this user may listen on the host's ports 53 and 443."""
        names = cls.listen()
        if names is None:
            return False
        names._questions.close()
        names.listener.close()
        return True

    async def answer_questions(self) -> None:
        """Begin to answer questions, in this event loop."""
        loop = asyncio.get_running_loop()
        servers = name_servers(_RESOLVER.read_text(errors="replace") if _RESOLVER.is_file() else "")
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _NameServer(self.address, servers), sock=self._questions
        )

    def close(self) -> None:
        """Stop answering questions."""
        if self._transport is not None:
            self._transport.close()

    @staticmethod
    def tls() -> ssl.SSLContext:
        """A context that presents a certificate for whichever of AWS's names the client asks for."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.sni_callback = _present_certificate
        return context


class _NameServer(asyncio.DatagramProtocol):
    """Answers for AWS's names, and forwards the rest."""

    def __init__(self, address: str, servers: list[str]) -> None:
        self._address = address
        self._servers = servers
        self._forwarding: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            name, end = question_in(data)
        except (IndexError, UnicodeDecodeError):
            return  # this is no question
        if AWS_NAME.fullmatch(name):
            self._transport.sendto(answer_to(data, end, self._address), addr)
            return
        task = asyncio.get_running_loop().create_task(self._forward(data, addr))
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)

    async def _forward(self, data: bytes, addr: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        for server in self._servers:
            family = socket.AF_INET6 if ":" in server else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as upstream:
                upstream.setblocking(False)
                try:
                    await loop.sock_connect(upstream, (server, _DNS))
                    await loop.sock_sendall(upstream, data)
                    reply = await asyncio.wait_for(loop.sock_recv(upstream, 65_535), _UPSTREAM_SECONDS)
                except (OSError, asyncio.TimeoutError):
                    continue
            if not self._transport.is_closing():
                self._transport.sendto(reply, addr)
            return


def question_in(data: bytes) -> tuple[str, int]:
    """Return the name that a DNS message asks for, and where the question ends."""
    labels = []
    at = 12
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 5


def answer_to(data: bytes, end: int, address: str) -> bytes:
    """Answer a DNS question with an address. A question for anything but an IPv4 address gets an empty answer."""
    found = int.from_bytes(data[end - 4 : end - 2], "big") == _ADDRESS_RECORD
    # A response, recursion desired and available; one question, and one answer or none.
    header = data[:2] + b"\x81\x80" + b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
    # The name is that of the question (0xc00c points to it); type A, class IN.
    record = b"\xc0\x0c\0\1\0\1" + _SECONDS_TO_LIVE.to_bytes(4, "big") + b"\0\4" + socket.inet_aton(address)
    return header + data[12:end] + (record if found else b"")


def name_servers(configuration: str) -> list[str]:
    """Return the name servers of a ``resolv.conf``."""
    words = [line.split() for line in configuration.splitlines()]
    return [each[1] for each in words if len(each) > 1 and each[0] == "nameserver"]


@functools.cache
def _authority() -> Any:
    import trustme  # imported here: isolated jobs do not need it

    return trustme.CA(organization_name="embedded AWS")


@functools.lru_cache(maxsize=256)
def _context_for(name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    _authority().issue_cert(name).configure_cert(context)
    return context


def _present_certificate(connection: Any, name: str | None, _: ssl.SSLContext) -> int | None:
    if name is None or not AWS_NAME.fullmatch(name):
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    connection.context = _context_for(name.lower())
    return None
