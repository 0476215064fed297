"""The configuration of Spark and Hadoop: the image's settings, then the user's settings in EMR's format.

https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .failures import SubmitError

__all__ = ["Settings", "read_classifications", "write_settings"]

# The file of each classification, in the folders of AWS's image. Spark reads its own folder and Hadoop's.
_FILES = {
    "core-site": "hadoop/core-site.xml",
    "hadoop-env": "hadoop/hadoop-env.sh",
    "hadoop-log4j": "hadoop/log4j.properties",
    "hive-env": "hive/hive-env.sh",
    "hive-log4j": "hive/hive-log4j2.properties",
    "hive-exec-log4j": "hive/hive-exec-log4j2.properties",
    "hive-site": "hive/hive-site.xml",
    "spark-defaults": "spark/spark-defaults.conf",
    "spark-env": "spark/spark-env.sh",
    "spark-log4j": "spark/log4j.properties",
    "spark-hive-site": "spark/hive-site.xml",
    "spark-metrics": "spark/metrics.properties",
    "yarn-env": "hadoop/yarn-env.sh",
    "yarn-site": "hadoop/yarn-site.xml",
}
# The application's loggers are as in AWS. Spark's are quieter, except those whose output this package reads.
_LOGGERS = {
    "org.apache.spark": "warn",
    "org.apache.hadoop": "warn",
    "org.apache.parquet": "warn",
    "org.sparkproject": "warn",
    "io.netty": "error",
    # It logs the normal end of every executor as an error.
    "org.apache.spark.executor.CoarseGrainedExecutorBackend": "off",
    "org.apache.spark.deploy.master.Master": "info",
    "org.apache.spark.deploy.worker.Worker": "info",
    # "Unable to load native-hadoop library": there is none in pyspark.
    "org.apache.hadoop.util.NativeCodeLoader": "error",
}


@dataclass
class Settings:
    """Properties by classification. Later entries override earlier ones.

    Attributes:
        entries: Classification and properties, in their order.
    """

    entries: list[tuple[str, Mapping[str, str]]]

    def get(self, classification: str, name: str) -> str | None:
        """Return the effective value."""
        values = [given[name] for each, given in self.entries if each == classification and name in given]
        return values[-1] if values else None


def read_classifications(path: Path) -> list[tuple[str, Mapping[str, str]]]:
    """Read the user's ``configuration.json``, if there is one.

    Raises:
        SubmitError: The file is not in EMR's format.
    """
    if not path.exists():
        return []
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _refused(f"{path} is not JSON: {error}") from error
    return [_classification(each) for each in (given if isinstance(given, list) else [given])]


def _classification(given: Any) -> tuple[str, Mapping[str, str]]:
    if not isinstance(given, dict) or not {"Classification", "Properties"} <= set(given):
        raise _refused(f"Classification and Properties are missing in {json.dumps(given)[:200]}")
    name = given["Classification"]
    if name not in _FILES:
        raise _refused(f"Invalid classification: {name}. Must be one of {list(_FILES)}.")
    if not name.endswith("-env"):
        return name, _texts(given["Properties"])
    inner = given.get("Configurations") or []
    if not inner:
        raise _refused(f"{name}: 'env' classifications require a sub-configuration.")
    exported: dict[str, str] = {}
    for each in inner:
        if each.get("Classification") != "export":
            raise _refused(f"{name}: env classifications must use the 'export' sub-classification.")
        exported.update(_texts(each.get("Properties") or {}))
    return name, exported


def write_settings(settings: Settings, folder: Path) -> None:
    """Write the configuration files.

    Args:
        settings: The settings.
        folder: The parent of the folders ``spark``, ``hadoop`` and ``hive``.
    """
    merged: dict[str, dict[str, str]] = {}
    for classification, properties in settings.entries:
        merged.setdefault(classification, {}).update(properties)
    for name in ("spark", "hadoop", "hive"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for classification, properties in merged.items():
        path = folder / _FILES[classification]
        path.write_text(_rendered(path.suffix, properties), encoding="utf-8")
    _write_loggers(folder / "spark", merged.get("spark-log4j", {}))


def _rendered(suffix: str, properties: Mapping[str, str]) -> str:
    if suffix == ".xml":
        lines = [
            f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
            for name, value in properties.items()
        ]
        return _lines(['<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>"])
    form = {".sh": "export {}={}", ".conf": "{} {}"}.get(suffix, "{}={}")
    return _lines(form.format(name, value) for name, value in properties.items())


def _write_loggers(folder: Path, given: Mapping[str, str]) -> None:
    """Write the logging configuration of log4j 2 (Spark 3.3 and later) and log4j 1. Users can only set log4j 1."""
    pattern = "%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex"
    second = [
        "rootLogger.level = info",
        "rootLogger.appenderRef.console.ref = console",
        "appender.console.type = Console",
        "appender.console.name = console",
        "appender.console.target = SYSTEM_ERR",
        "appender.console.layout.type = PatternLayout",
        f"appender.console.layout.pattern = {pattern}",
    ]
    for number, (name, level) in enumerate(_LOGGERS.items()):
        second += [f"logger.l{number}.name = {name}", f"logger.l{number}.level = {level}"]
    (folder / "log4j2.properties").write_text(_lines(second), encoding="utf-8")
    first = {
        "log4j.rootCategory": "INFO, console",
        "log4j.appender.console": "org.apache.log4j.ConsoleAppender",
        "log4j.appender.console.target": "System.err",
        "log4j.appender.console.layout": "org.apache.log4j.PatternLayout",
        "log4j.appender.console.layout.ConversionPattern": pattern.replace("%ex", ""),
        **{f"log4j.logger.{name}": level.upper() for name, level in _LOGGERS.items()},
        **given,
    }
    (folder / "log4j.properties").write_text(
        _lines(f"{name}={value}" for name, value in first.items()), encoding="utf-8"
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _texts(properties: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in properties.items()}


def _refused(text: str) -> SubmitError:
    return SubmitError("ValueError", "error running Spark job", text)
