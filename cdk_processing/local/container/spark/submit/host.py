"""This instance of the job: its name, its resources, and its folders."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Host", "tell"]

_ML = Path("/opt/ml")
_SHARED = Path("/mnt/spark")


@dataclass
class Host:
    """An instance.

    Attributes:
        name: ``algo-1`` and so on.
        hosts: All instances of the job.
        isolated: Whether there is no network between them.
        cores: This instance's share of the machine's cores.
        spark_home: Spark's folder.
        ml: ``/opt/ml``.
        work: This instance's folder for configuration and logs.
        shared: A folder that all instances share.
    """

    name: str
    hosts: list[str]
    isolated: bool
    cores: int
    spark_home: Path
    ml: Path = _ML
    work: Path = Path("/root/.spark")
    shared: Path = _SHARED

    @classmethod
    def here(cls, variables: Mapping[str, str], ml: Path = _ML) -> Host:
        """Read ``/opt/ml/config``."""
        resources = json.loads((ml / "config" / "resourceconfig.json").read_text(encoding="utf-8"))
        job = json.loads((ml / "config" / "processingjobconfig.json").read_text(encoding="utf-8"))
        hosts = sorted(resources["hosts"], key=lambda name: (len(name), name))
        return cls(
            name=resources["current_host"],
            hosts=hosts,
            isolated=bool((job.get("NetworkConfig") or {}).get("EnableNetworkIsolation")),
            # All instances are on this machine, so they share its cores.
            cores=max(1, len(os.sched_getaffinity(0)) // len(hosts)),
            spark_home=Path(variables["SPARK_HOME"]),
            ml=ml,
        )

    @property
    def primary(self) -> bool:
        """Whether the driver runs here."""
        return self.name == self.hosts[0]

    @property
    def address(self) -> str:
        """Its IP address."""
        return socket.gethostbyname(self.name)

    def variables(self) -> dict[str, str]:
        """Environment variables for Spark's programs."""
        return {
            **os.environ,
            "SPARK_CONF_DIR": str(self.work / "conf" / "spark"),
            "HADOOP_CONF_DIR": str(self.work / "conf" / "hadoop"),
            "SPARK_LOCAL_IP": self.address,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }


def tell(text: str) -> None:
    """Write a line to the job's log."""
    os.write(1, f"smspark-submit: {text}\n".encode(errors="backslashreplace"))
