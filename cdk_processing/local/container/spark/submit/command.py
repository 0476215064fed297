"""``smspark-submit``: run a Spark job on the instances of a processing job."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from .cluster import Cluster, settings_for
from .configuration import Settings, read_classifications, write_settings
from .failures import SubmitError
from .host import Host, tell
from .logs import Repeated, copy_event_logs, executor_lines
from .options import Options, read_options
from .s3 import S3A_MISSING, fetch, hadoop_release, has_s3a, s3a_hint, s3a_settings

__all__ = ["main"]

_EVENT_LOGS = Path("/tmp/spark-events")
_EVENT_LOG_SECONDS = 20.0
_EXECUTOR_LOG_SECONDS = 0.5
_NO_RESOURCES = re.compile(rb"Initial job has not accepted any resources")
_S3_URI = re.compile(r"s3a?://")
_FALLBACK_SINCE = "3.3.1"  # before, nothing can be written there
_OVERLAP = 256
_READ_BYTES = 64 * 1024


def main() -> NoReturn:
    """Run the command, and exit."""
    host = Host.here(os.environ)
    try:
        submit(host, read_options(sys.argv[1:]))
    except SubmitError as error:
        error.write(host.ml / "output" / "message")
        tell(f"exiting with code {error.code}: {error}")
        sys.exit(error.code)
    sys.exit(0)


def submit(host: Host, options: Options) -> None:
    """Run this instance's part of the job.

    Raises:
        SubmitError: The job cannot be run, or has failed.
    """
    cluster = Cluster(host)
    if len(host.hosts) == 1:
        configure(host, options, {})
        with _event_logs(options):
            spark_submit(host, options, f"local[{host.cores}]")
        return
    try:
        if host.isolated and not host.primary:
            cluster.wait_for_primary()
            return
        configure(host, options, {"spark.authenticate": "true", "spark.authenticate.secret": cluster.secret})
        master = cluster.start()
        with Repeated(executor_lines(cluster.work), _EXECUTOR_LOG_SECONDS):
            if host.primary:
                with _event_logs(options):
                    spark_submit(host, options, master)
            else:
                cluster.wait_for_primary()
    finally:
        cluster.end()


def configure(host: Host, options: Options, cluster: dict[str, str]) -> None:
    """Write Spark's and Hadoop's configuration for this instance.

    Raises:
        SubmitError: The user's configuration is not in EMR's format, or requires missing jars.
    """
    given = Settings(read_classifications(host.ml / "processing" / "input" / "conf" / "configuration.json"))
    defaults = settings_for(host, given.get("spark-defaults", "spark.executor.cores"))
    core = s3a_settings(os.environ)
    if hadoop_release(host.spark_home) >= _FALLBACK_SINCE:
        # As in AWS, a path without a scheme is in a file system that all instances share, not a local path.
        (host.shared / "hdfs").mkdir(exist_ok=True)
        core["fs.defaultFS"] = "viewfs://hdfs/"
        core["fs.viewfs.mounttable.hdfs.linkFallback"] = (host.shared / "hdfs").as_uri()
    settings = Settings(
        [
            ("core-site", core),
            ("spark-defaults", {**defaults, **cluster}),
            *given.entries,
            ("spark-defaults", _event_log_settings(options)),
        ]
    )
    _check_s3a(host, options, settings)
    write_settings(settings, host.work / "conf")


def _event_log_settings(options: Options) -> dict[str, str]:
    uri = options.values.get("spark-event-logs-s3-uri")
    if uri:
        return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": uri.replace("s3://", "s3a://", 1)}
    if "local-spark-event-logs-dir" in options.values:
        _EVENT_LOGS.mkdir(parents=True, exist_ok=True)
        return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": _EVENT_LOGS.as_uri()}
    return {}


def _check_s3a(host: Host, options: Options, settings: Settings) -> None:
    """Refuse jobs that cannot work without S3A's jars; warn if a job may need them."""
    if has_s3a(host.spark_home, options.values.get("jars", "").split(",") + _channel_jars(options)):
        return
    for _, properties in settings.entries:
        for name, value in properties.items():
            if _S3_URI.match(value):
                raise SubmitError(
                    "ClassNotFoundException", f"{name} is {value}", "no S3A", hint=s3a_hint(host.spark_home)
                )
    if any(_S3_URI.search(argument) for argument in options.arguments) and host.primary:
        tell(f"if the application reads or writes the s3:// of its arguments with Spark: {s3a_hint(host.spark_home)}")


def _channel_jars(options: Options) -> list[str]:
    folders = [Path(each) for each in options.values.get("jars", "").split(",") if each]
    return [child.name for folder in folders if folder.is_dir() for child in folder.iterdir()]


@contextlib.contextmanager
def _event_logs(options: Options) -> Iterator[None]:
    destination = options.values.get("local-spark-event-logs-dir")
    if not destination:
        yield
        return
    with Repeated(lambda: copy_event_logs(_EVENT_LOGS, Path(destination)), _EVENT_LOG_SECONDS):
        yield


def spark_submit(host: Host, options: Options, master: str) -> None:
    """Run ``spark-submit``. Its output is the job's log.

    Raises:
        SubmitError: ``spark-submit`` failed.
    """
    arguments = ["--master", master, "--deploy-mode", "client"]
    arguments += options.for_spark(lambda uri: fetch(uri, host.work / "fetched"))
    tell(f"running spark-submit {_quoted(arguments)}")
    running = subprocess.Popen(
        [str(host.spark_home / "bin" / "spark-submit"), *arguments],
        env=host.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    hint = _pass_on(running, host)
    code = running.wait()
    code = 128 - code if code < 0 else code
    if code != 0:
        raise SubmitError(
            "CalledProcessError",
            "spark failed with a non-zero exit code",
            f"Command 'spark-submit {_quoted(arguments)}' returned non-zero exit status {code}.",
            code,
            hint,
        )
    tell("spark submit was successful. primary node exiting.")


def _pass_on(running: subprocess.Popen[bytes], host: Host) -> str:
    """Copy a process's output to the log, and return a hint if it shows a known problem."""
    assert running.stdout is not None
    hint, starved, kept = "", False, b""
    for data in iter(lambda: os.read(running.stdout.fileno(), _READ_BYTES), b""):  # type: ignore[union-attr]
        os.write(1, data)
        seen = kept + data
        if not hint and S3A_MISSING.search(seen):
            hint = s3a_hint(host.spark_home)
        if not starved and _NO_RESOURCES.search(seen):
            starved = True
            tell(
                f"no executor fits yet: {len(host.hosts)} instances with {host.cores} of this machine's cores each; "
                "lower spark.executor.cores in the application, or set it in the processor's configuration"
            )
        kept = seen[-_OVERLAP:]
    return hint


def _quoted(arguments: Sequence[str]) -> str:
    return " ".join(shlex.quote(each) for each in arguments)
