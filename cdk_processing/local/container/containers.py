"""Run the containers of one job in parallel: read their log lines, wait for their end, and stop them.

``sandbox.py`` and ``docker.py`` create the containers.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cdk_processing.local.container.failures import Halt, JobFailedError, JobStoppedError

__all__ = ["LINE_LIMIT", "STOP_GRACE_SECONDS", "Container", "run_side_by_side"]

STOP_GRACE_SECONDS = 10.0
"""Seconds between SIGTERM and SIGKILL. SageMaker waits 120 s, which is too long on a laptop.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html
"""

LINE_LIMIT = 256 * 1024 - 26
"""Characters in a log line. A longer line is split: a CloudWatch Logs event holds no more.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
"""

_POLL_SECONDS = 0.05
_READ_BYTES = 64 * 1024
_UNKNOWN = -1


class Container(Protocol):
    """A container that has been started."""

    @property
    def host(self) -> str:
        """Its host name: ``algo-1`` and so on."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that runs the container. Its ``stdout`` carries both streams and stays open while it runs."""

    def terminate(self) -> None:
        """Send SIGTERM to the container's process."""

    def kill(self) -> None:
        """Kill all processes of the container (SIGKILL)."""

    def close(self) -> int:
        """Wait for the process, after its output has ended, and free its resources.

        Returns:
            The exit code of the container's process; 128 plus the signal number if a signal ended it.

        Raises:
            JobFailedError: The container could not be started.
        """


@dataclass(slots=True)
class _Lines:
    """Cuts a stream of bytes into lines of text."""

    log: Callable[[str], None]
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )
    parts: list[str] = field(default_factory=list)
    held: int = 0

    def feed(self, data: bytes, end: bool = False) -> None:
        """Take bytes that were read, and pass on complete lines."""
        *whole, rest = self.decoder.decode(data, end).split("\n")
        for line in whole:
            self._hold(line)
            self._hand_on()
        self._hold(rest)
        if end and self.held:
            self._hand_on()

    def _hold(self, text: str) -> None:
        while self.held + len(text) > LINE_LIMIT:
            cut = LINE_LIMIT - self.held
            self.parts.append(text[:cut])
            text = text[cut:]
            self._hand_on()
        if text:
            self.parts.append(text)
            self.held += len(text)

    def _hand_on(self) -> None:
        self.log("".join(self.parts).removesuffix("\r"))
        self.parts, self.held = [], 0


def run_side_by_side(
    containers: Sequence[Container],
    halt: Halt,
    log: Callable[[str], None],
    failed: Callable[[], bool] = lambda: False,
    grace: float = STOP_GRACE_SECONDS,
) -> dict[str, int]:
    """Run until every container has ended. A failed container stops the others.

    Call it in the thread that started the containers: a sandbox dies with that thread.

    Args:
        containers: The started containers.
        halt: When to end early.
        log: Called with every line that a container writes.
        failed: Whether something outside the containers has failed, so that they must end.
        grace: Seconds between SIGTERM and SIGKILL.

    Returns:
        Exit codes by host, in the order in which the containers ended: the first non-zero code is the cause.

    Raises:
        JobStoppedError: ``halt`` came first. All containers have ended by then.
        JobFailedError: A container could not be started.
    """
    codes: dict[str, int] = {}
    halted = False
    ask_at: float | None = None  # when SIGTERM was sent
    killed = False
    with selectors.DefaultSelector() as selector:
        for container in containers:
            stream = container.process.stdout
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ, (container, _Lines(log)))
        try:
            while selector.get_map():
                for key, _ in selector.select(_POLL_SECONDS):
                    container, lines = key.data
                    data = os.read(key.fd, _READ_BYTES)
                    lines.feed(data, end=not data)
                    if not data:
                        selector.unregister(key.fileobj)
                        codes[container.host] = _UNKNOWN  # closing may raise, and must happen only once
                        codes[container.host] = container.close()
                if ask_at is None and selector.get_map() and (halt.due() or failed() or any(codes.values())):
                    halted = halt.due() and not any(codes.values())
                    ask_at = time.monotonic()
                    for container in _running(containers, codes):
                        container.terminate()
                elif ask_at is not None and not killed and time.monotonic() > ask_at + grace:
                    killed = True
                    for container in _running(containers, codes):
                        container.kill()
        finally:
            for container in _running(containers, codes):
                container.kill()
                with contextlib.suppress(JobFailedError):
                    container.close()
    if halted:
        raise JobStoppedError
    return codes


def _running(containers: Sequence[Container], codes: dict[str, int]) -> list[Container]:
    return [container for container in containers if container.host not in codes]
