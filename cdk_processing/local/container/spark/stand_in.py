"""Add to an interpreter what a Spark image has: Spark's home, Java and ``smspark-submit``."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.installing import cache_folder

__all__ = ["SHARED", "SparkStandIn", "spark_stand_in"]

SHARED = "/mnt/spark"
"""A folder that all instances of a job share. It replaces HDFS, and the instances find each other through it."""

_PROGRAM = Path(__file__).with_name("submit")
_PROBE = "import os, pyspark; print(os.path.dirname(os.path.realpath(pyspark.__file__)))"


@dataclass(frozen=True, slots=True)
class SparkStandIn:
    """The additions to an interpreter.

    Attributes:
        path: Folders of ``PATH`` before the interpreter's.
        folders: The host's folders that it needs.
        variables: The image's environment variables.
        entrypoint: The image's entrypoint.
        shared: ``SHARED``.
    """

    path: tuple[str, ...]
    folders: tuple[Path, ...]
    variables: Mapping[str, str]
    entrypoint: tuple[str, ...] = ("smspark-submit",)
    shared: str = SHARED


def spark_stand_in(python: Path, java: Path) -> SparkStandIn:
    """Collect everything that Spark needs.

    Args:
        python: An interpreter that has pyspark.
        java: ``JAVA_HOME`` for Spark.

    Raises:
        JobFailedError: The interpreter has no pyspark.
    """
    spark = _spark_home(python)
    programs = _programs(python)
    return SparkStandIn(
        path=(str(programs), str(java / "bin")),
        folders=(programs, _PROGRAM, spark, java, java.resolve()),
        variables={
            "JAVA_HOME": str(java),
            "SPARK_HOME": str(spark),
            "PYSPARK_PYTHON": str(python),
            # As in AWS's images: https://github.com/aws/sagemaker-spark-container, Dockerfile.cpu
            "PYTHONHASHSEED": "0",
        },
    )


@functools.lru_cache(maxsize=16)
def _spark_home(python: Path) -> Path:
    done = subprocess.run(
        [python, "-I", "-c", _PROBE], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise JobFailedError(
            "ClientError",
            f'The interpreter "{python}" cannot stand in for a Spark image, as it has no pyspark: install it there, or '
            "leave out --python.",
        )
    return Path(done.stdout.strip())


def _programs(python: Path) -> Path:
    """Return a folder with our ``smspark-submit``, which runs on this interpreter."""
    code = f"import sys; sys.path.insert(0, {str(_PROGRAM.parent)!r}); from submit.command import main; main()"
    script = f'#!/bin/sh\nexec {shlex.quote(str(python))} -I -c {shlex.quote(code)} "$@"\n'
    folder = cache_folder() / "spark" / hashlib.sha256(os.fsencode(script)).hexdigest()[:16]
    program = folder / "smspark-submit"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"smspark-submit.{uuid.uuid4().hex[:8]}"
        aside.write_text(script)
        aside.chmod(0o755)
        aside.replace(program)
    return folder
