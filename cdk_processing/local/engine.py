"""Starts and stops the embedded AWS, a process that listens on loopback and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.faults import Fault, InjectedFault
from cdk_processing.local.folders import OwnedFolder
from cdk_processing.local.server_secrets import ServerSecrets

__all__ = ["LocalAws", "LocalAwsError"]

DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "000000000000"
_STARTS_WITHIN = 120.0  # enough on a machine with all cores busy; otherwise a start takes a second
_STOPS_WITHIN = 12.0
_LOG_LINES = 20


class LocalAwsError(CdkProcessingError, RuntimeError):
    """The embedded AWS could not start, or has died."""


class LocalAws:
    """An embedded AWS that runs processing jobs and their triggers on this machine, with IAM enforced.

    Args:
        port: Port to listen on; left out, a free one.
        python: The interpreter for all jobs, instead of an environment like their image's.
        region: The region of :meth:`environment` and :meth:`client`. Other regions work too.
        account_id: The account of :meth:`environment` and :meth:`client`.
        wait_scale: A factor from 0 to 1 for Wait states and for delays before a Retry. With 0.01, 100 seconds take one.
            ``TimeoutSeconds`` and everything else keep their time.
        stand_in_roles: Make execution roles that a stack names by ARN and that do not exist. A stand-in may do
            everything, so it does not show which permissions the real role has. Left out, such a stack is refused.
        allow_origins: Origins of web pages that may read answers (CORS), such as ``http://localhost:3000``; left out,
            none. Their requests must be signed too.
        runner: ``module:function`` that runs a job, for tests of the embedded AWS itself.

    Example:
        >>> with LocalAws() as aws:  # doctest: +SKIP
        ...     aws.client("s3").create_bucket(Bucket="raw")
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        python: str | os.PathLike[str] | None = None,
        region: str = DEFAULT_REGION,
        account_id: str = DEFAULT_ACCOUNT,
        wait_scale: float = 1.0,
        stand_in_roles: bool = False,
        allow_origins: Sequence[str] = (),
        runner: str | None = None,
    ) -> None:
        if not (len(account_id) == 12 and account_id.isdigit()):
            raise ValueError(f"account_id must be 12 digits, got {account_id!r}")
        if not (isinstance(wait_scale, (int, float)) and 0 <= wait_scale <= 1):
            raise ValueError(
                f"wait_scale must be a number from 0 (no wait at all) to 1 (as in AWS), got {wait_scale!r}"
            )
        self.region = region
        self.account_id = account_id
        self.port = port or 0
        self._python = os.fspath(python) if python is not None else None
        self._wait_scale = float(wait_scale)
        self._stand_in_roles = stand_in_roles
        self._allow_origins = tuple(allow_origins)
        self._runner = runner
        self._secrets = ServerSecrets.make()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: OwnedFolder | None = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    @classmethod
    def start(cls, **options: Any) -> LocalAws:
        """Start an embedded AWS, with the arguments of the class; :meth:`stop` ends it.

        Raises:
            LocalAwsError: The port is taken, or the server died (its last lines are in the message).
        """
        aws = cls(**options)
        aws.__enter__()
        return aws

    def __enter__(self) -> LocalAws:
        """Start the process and wait until it answers."""
        if self._process is not None:
            raise LocalAwsError("this embedded AWS runs already")
        listener = self._listen()
        self._secrets = ServerSecrets.make()
        self._folder = OwnedFolder()
        try:
            self._spawn(listener)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        finally:
            listener.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """End the process and its jobs, and remove its temporary files. A second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(_STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # The server has its own session, so this also ends child processes that a killed server left.
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()

    @property
    def _work_dir(self) -> Path | None:
        return self._folder.path if self._folder is not None else None

    @property
    def pid(self) -> int:
        """The id of the server's process, for measuring its resource usage.

        Raises:
            LocalAwsError: The process is not running.
        """
        if self._process is None:
            raise LocalAwsError("this embedded AWS does not run")
        return self._process.pid

    @property
    def endpoint_url(self) -> str:
        """The URL of the embedded AWS."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Environment variables with which AWS SDKs and tools call the embedded AWS as the account's root."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            # The account's id is the access key of its root. Each start has a new secret.
            "AWS_ACCESS_KEY_ID": self.account_id,
            "AWS_SECRET_ACCESS_KEY": self._secrets.root,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCOUNT_ID": self.account_id,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A boto3 client of the account's root (one per service, thread-safe)."""
        with self._lock:
            if service not in self._clients:
                import boto3
                from botocore.config import Config

                self._clients[service] = boto3.Session(region_name=self.region).client(
                    service,
                    endpoint_url=self.endpoint_url,
                    aws_access_key_id=self.account_id,
                    aws_secret_access_key=self._secrets.root,
                    config=Config(s3={"addressing_style": "path"}, max_pool_connections=32),
                )
            return self._clients[service]

    def fire_schedule(self, name: str, at: datetime | None = None, *, group: str | None = None) -> str:
        """Fire a schedule as of an instant (left out, now). Return the execution id.

        Raises:
            ValueError: There is no such schedule, or ``at`` has no timezone.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError(f"at must have a timezone, got {at!r}; datetime.now(timezone.utc) has one")
        request = {
            "name": name,
            "group": group,
            "at": at.isoformat() if at else None,
            "account": self.account_id,
            "region": self.region,
        }
        return str(self._admin("POST", "fire-schedule", request)["execution_id"])

    def runs(self) -> list[dict[str, Any]]:
        """Every processing job so far: name, status, phase, bytes, last lines of its log."""
        runs: list[dict[str, Any]] = self._admin("GET", "runs")["runs"]
        return runs

    def alarms(self, at: datetime | None = None) -> list[dict[str, Any]]:
        """Every CloudWatch alarm, evaluated as of an instant: now, or "26 hours later" without waiting.

        An alarm is evaluated when a new datapoint arrives, and by this call. A change of state that this call finds
        notifies and stays, like any other. Later datapoints are evaluated at their own time again.

        Args:
            at: The instant, with a timezone; left out, now. The call assumes that nothing happens until then.

        Returns:
            ``name``, ``arn``, ``description``, ``state`` (``OK``, ``ALARM`` or ``INSUFFICIENT_DATA``) and ``reason`` of
            each, sorted by name.

        Raises:
            ValueError: ``at`` has no timezone.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError(f"at must have a timezone, got {at!r}; datetime.now(timezone.utc) has one")
        alarms: list[dict[str, Any]] = self._admin("POST", "alarms", {"at": at.isoformat() if at else None})["alarms"]
        return alarms

    def alerts(self) -> list[dict[str, Any]]:
        """Every notification of an alarm that a topic has accepted, oldest first.

        It leaves out those that the policy of the topic, or of its key, refuses.

        Returns:
            ``topic_arn``, ``alarm`` (its name), ``state`` (the new one), ``description`` and ``message`` (what
            CloudWatch publishes, as a dict) of each.
        """
        alerts: list[dict[str, Any]] = self._admin("GET", "alerts")["alerts"]
        return alerts

    def inject(self, fault: Fault) -> InjectedFault:
        """Inject a fault of :mod:`cdk_processing.local.faults`.

        Returns:
            The injected fault. A ``with`` block or ``remove()`` ends it, and ``hits`` counts how often it has struck.

        Raises:
            ValueError: AWS has no such service or operation.

        Example:
            >>> with aws.inject(faults.throttling(times=3)) as throttled:  # doctest: +SKIP
            ...     ...
            >>> throttled.hits  # doctest: +SKIP
            3
        """
        number = self._admin("POST", "faults", fault.to_json())["id"]
        return InjectedFault(fault, number, self._admin)

    def clear_faults(self) -> None:
        """Remove every fault. EventBridge then delivers the events that a fault held."""
        self._admin("DELETE", "faults")

    # -- the process

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError as error:
            listener.close()
            raise LocalAwsError(
                f"port {self.port} on 127.0.0.1 cannot be had ({error.strerror}); stop what listens there, or "
                "leave the port out to get a free one"
            ) from error
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        return listener

    def _spawn(self, listener: socket.socket) -> None:
        assert self._folder is not None
        work_dir = self._folder.path
        command = [
            sys.executable,
            "-m",
            "cdk_processing.local.server",
            f"--socket={listener.fileno()}",
            f"--port={self.port}",
            f"--work-dir={work_dir}",
        ]
        if self._python:
            command.append(f"--python={self._python}")
        if self._runner:
            command.append(f"--runner={self._runner}")
        if self._stand_in_roles:
            command.append("--stand-in-roles")
        command += [f"--allow-origin={origin}" for origin in self._allow_origins]
        with (work_dir / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._server_environment(),
                # The lock makes the server an owner of the folder too.
                pass_fds=[listener.fileno(), self._folder.lock],
                start_new_session=True,
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the server has already ended; its log says why
            self._process.stdin.write(self._secrets.to_line())
            self._process.stdin.flush()

    def _server_environment(self) -> dict[str, str]:
        # The server must not see the user's AWS settings: it would read a profile and compare a token.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MINISTACK_"))}
        for stray in ("GATEWAY_PORT", "EDGE_PORT", "SERVICES", "PERSIST_STATE", "S3_PERSIST", "USE_SSL"):
            kept.pop(stray, None)
        return {
            **kept,
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account_id,
            "SFN_WAIT_SCALE": repr(self._wait_scale),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "LOG_LEVEL": os.environ.get("CDK_PROCESSING_LOCAL_LOG_LEVEL", "WARNING"),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "TMPDIR": str(self._work_dir),
            # Python warnings of the server would only fill its log. Jobs still show theirs.
            "PYTHONWARNINGS": "ignore",
        }

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                # The socket was listening before the process started, so the request waits there, without polling.
                self._admin("GET", "ping", timeout=1.0)
                return
            except (LocalAwsError, OSError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise LocalAwsError(f"the embedded AWS did not start:\n{self._last_lines()}") from None

    def _last_lines(self) -> str:
        with contextlib.suppress(OSError, AttributeError):
            assert self._work_dir is not None
            lines = (self._work_dir / "server.log").read_text(errors="replace").splitlines()
            return "\n".join(lines[-_LOG_LINES:]) or "(it wrote nothing)"
        return "(its log is gone)"

    def _admin(self, method: str, path: str, body: Any = None, timeout: float = 30.0) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint_url}/_cdk_processing/{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {self._secrets.admin}"},
        )
        # Never use a proxy, because the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["error"]) from None
        except urllib.error.URLError as error:
            if self._process is None or self._process.poll() is not None:
                raise LocalAwsError(f"the embedded AWS is not running:\n{self._last_lines()}") from error
            raise LocalAwsError(f"the embedded AWS does not answer: {error.reason}") from error
