"""A standalone Spark cluster instead of AWS's YARN: a master on the first instance, a worker on each instance."""

from __future__ import annotations

import re
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from .failures import SubmitError
from .host import Host, tell

__all__ = ["Cluster", "settings_for"]

_START_SECONDS = 600.0
_POLL_SECONDS = 0.1
_MASTER_URL = re.compile(r"Starting Spark master at (spark://\S+)")
# A worker offers more than it has, so that the master accepts executors of any size.
_WORKER_CORES, _WORKER_MEMORY_MB = 1024, 1024 * 1024
_TAIL = 20
_JAVA_OPTIONS = "-XX:+IgnoreUnrecognizedVMOptions -XX:TieredStopAtLevel=1"

T = TypeVar("T")


@dataclass
class Cluster:
    """The part of the cluster on this instance.

    Attributes:
        host: This instance.
        daemons: The master and workers that run here, by name.
    """

    host: Host
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def secret(self) -> str:
        """Secret with which the job's programs authenticate: other users of the machine can reach the loopback, too."""
        path = self.host.shared / "secret"
        if self.host.primary and not path.exists():
            self._publish("secret", secrets.token_hex(16))
        return self._wait_for("the primary", lambda: _read(path))

    @property
    def work(self) -> Path:
        """The folder for executor logs."""
        return self.host.work / "work"

    def start(self) -> str:
        """Start the daemons of this instance, and return the master's URL."""
        if self.host.primary:
            log = self._daemon("master", "master.Master", "--host", self.host.name, "--port", "0", "--webui-port", "0")
            url = self._wait_for("the master", lambda: _found(_MASTER_URL, log))
            self._publish("master", url)
        else:
            url = self._wait_for("the primary", lambda: _read(self.host.shared / "master"))
        # Without a network between the instances, all workers run on the first one.
        for number in range(1, len(self.host.hosts) + 1 if self.host.isolated else 2):
            self._daemon(
                f"worker-{number}",
                "worker.Worker",
                *("--host", self.host.name, "--webui-port", "0", "--work-dir", str(self.work / str(number))),
                *("--cores", str(_WORKER_CORES), "--memory", f"{_WORKER_MEMORY_MB}m", url),
            )
        tell(f"{len(self.host.hosts)} instances, {self.host.name} is up with {url}")
        return url

    def wait_for_primary(self) -> None:
        """Wait until the first instance has ended."""
        ended = self.host.shared / "ended"
        while not ended.exists():
            self._check()
            time.sleep(_POLL_SECONDS)
        tell("the primary has ended, and so does this instance")

    def end(self) -> None:
        """Tell the other instances that the job has ended, and stop the daemons of this instance."""
        if self.host.primary:
            self._publish("ended", "")
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()

    def _daemon(self, name: str, program: str, *arguments: str) -> Path:
        log = self.host.work / f"{name}.log"
        with log.open("wb") as file:
            self.daemons[name] = subprocess.Popen(
                [str(self.host.spark_home / "bin" / "spark-class"), f"org.apache.spark.deploy.{program}", *arguments],
                env=self.host.variables(),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return log

    def _publish(self, name: str, text: str) -> None:
        aside = self.host.shared / f".{name}"
        aside.touch(0o600)
        aside.write_text(text)
        aside.rename(self.host.shared / name)

    def _wait_for(self, what: str, look: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            found = look()
            if found is not None:
                return found
            self._check()
            if time.monotonic() > deadline:
                raise SubmitError("TimeoutError", "Timed out waiting", f"{what} did not come up")
            time.sleep(_POLL_SECONDS)

    def _check(self) -> None:
        """Raise an error if a daemon no longer runs."""
        for name, daemon in self.daemons.items():
            if daemon.poll() is not None:
                lines = (self.host.work / f"{name}.log").read_text(errors="replace").splitlines()[-_TAIL:]
                for line in lines:
                    tell(f"{name}: {line}")
                raise SubmitError("CalledProcessError", f"Spark's {name} has ended", lines[-1] if lines else "")


def settings_for(host: Host, executor_cores: str | None) -> dict[str, str]:
    """Return settings that size the job for its instances.

    Args:
        host: This instance.
        executor_cores: The user's ``spark.executor.cores``.
    """
    cores = host.cores
    if executor_cores and executor_cores.strip().isdigit():
        cores = max(cores, int(executor_cores))
    count = len(host.hosts)
    settings = {
        "spark.driver.memory": "1g",
        "spark.default.parallelism": str(count * host.cores * 2),
        "spark.driver.host": host.name,
        "spark.driver.bindAddress": host.address,
        # Jobs on a laptop end before the second compiler pays off.
        "spark.driver.defaultJavaOptions": _JAVA_OPTIONS,
        "spark.executor.defaultJavaOptions": _JAVA_OPTIONS,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # As in AWS's image. Each instance commits its own files; otherwise only the driver's files would remain.
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        "spark.rpc.askTimeout": "300s",
    }
    if count > 1:
        settings.update(
            {
                "spark.executor.memory": "1g",
                # One executor for each instance. No work starts before all are registered.
                "spark.cores.max": str(count * cores),
                "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            }
        )
    return settings


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _found(pattern: re.Pattern[str], log: Path) -> str | None:
    matched = pattern.search(log.read_text(errors="replace"))
    return matched[1] if matched else None
