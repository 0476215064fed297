"""A job's log stream in CloudWatch Logs, written with the execution role's own permissions.

The stream collects lines and sends them a few times a second, so a quick job costs two calls. A job that writes faster
than that waits, so that the buffer stays small.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import Any

from cdk_processing.local.job_runner import AccessDeniedError, RoleSession

__all__ = ["LOG_GROUP", "LogStream"]

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_SEND_EVERY = 0.5
_BATCH_EVENTS = 5_000
_BATCH_BYTES = 900_000
# PutLogEvents adds 26 bytes to the size of each event, and refuses events over the limit.
_OVERHEAD = 26
_LONGEST_LINE = 250_000
_MOST_COLLECTED = 8 << 20


class LogStream:
    """One stream, ``<job>/algo-1-<epoch milliseconds>``."""

    def __init__(self, session: RoleSession, job_name: str) -> None:
        self.name = f"{job_name}/algo-1-{int(time.time() * 1000)}"
        self.denial: AccessDeniedError | None = None
        self.recent: deque[str] = deque(maxlen=20)
        self._session = session
        self._pending: deque[dict[str, Any]] = deque()
        self._collected = 0  # bytes in _pending
        self._room = threading.Condition()
        self._closed = threading.Event()
        self._sender: threading.Thread | None = None
        self._sending = threading.Lock()

    def open(self) -> None:
        """Create the stream, and the log group if it does not exist yet.

        Raises:
            AccessDeniedError: The execution role does not allow it.
        """
        logs = self._session.client("logs")
        try:
            self._call(logs.create_log_stream, logGroupName=LOG_GROUP, logStreamName=self.name)
        except logs.exceptions.ResourceNotFoundException:
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                self._call(logs.create_log_group, logGroupName=LOG_GROUP)
            self._call(logs.create_log_stream, logGroupName=LOG_GROUP, logStreamName=self.name)

    def write(self, line: str) -> None:
        """Add a line, to be sent soon."""
        line = line.rstrip("\r\n")
        self.recent.append(line)
        if not line:
            return  # CloudWatch Logs refuses an empty message
        encoded = line.encode(errors="replace")
        for start in range(0, len(encoded), _LONGEST_LINE):
            part = encoded[start : start + _LONGEST_LINE].decode(errors="replace")
            self._collect(part)

    def _collect(self, message: str) -> None:
        with self._room:
            self._room.wait_for(lambda: self._collected < _MOST_COLLECTED or self.denial is not None)
            if self.denial is None:
                self._collected += len(message.encode()) + _OVERHEAD
                self._pending.append({"timestamp": int(time.time() * 1000), "message": message})
        self._start()

    def _start(self) -> None:
        if self._sender is None:
            self._sender = threading.Thread(target=self._send_until_closed, name="log-stream", daemon=True)
            self._sender.start()

    def close(self) -> None:
        """Send the remaining lines."""
        self._closed.set()
        self._send()

    def _send_until_closed(self) -> None:
        while not self._closed.wait(_SEND_EVERY):
            self._send()

    def _send(self) -> None:
        with self._sending:
            while self._pending and self.denial is None:
                batch = self._next_batch()
                try:
                    self._call(
                        self._session.client("logs").put_log_events,
                        logGroupName=LOG_GROUP,
                        logStreamName=self.name,
                        logEvents=batch,
                    )
                except AccessDeniedError as denied:
                    with self._room:
                        self.denial = denied
                        self._pending.clear()
                        self._room.notify_all()
                except Exception as problem:
                    # A job must not fail because log lines are lost. AWS delivers logs on a best-effort basis too.
                    self.recent.append(f"(lines lost: {problem})")
                finally:
                    with self._room:
                        self._collected -= sum(len(event["message"].encode()) + _OVERHEAD for event in batch)
                        self._room.notify_all()

    def _next_batch(self) -> list[dict[str, Any]]:
        batch: list[dict[str, Any]] = []
        size = 0
        while self._pending and len(batch) < _BATCH_EVENTS:
            size += len(self._pending[0]["message"].encode()) + _OVERHEAD
            if batch and size > _BATCH_BYTES:
                break
            batch.append(self._pending.popleft())
        return batch

    @staticmethod
    def _call(operation: Any, **arguments: Any) -> None:
        from botocore.exceptions import ClientError

        try:
            operation(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"):
                raise AccessDeniedError(error.response["Error"]["Message"]) from error
            raise
