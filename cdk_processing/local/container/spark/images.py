"""The contents of AWS's Spark images, as data. ``environments.py`` builds from it; ``stand_in.py`` makes it run."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["SPARK_IMAGES", "SparkImage", "spark_image"]

_SPARK_URI = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/sagemaker-spark-processing:"
    r"(?P<line>\d+\.\d+)-cpu(?:-(?P<python>py\d+))?(?:-v[0-9.]+)?"
)


@dataclass(frozen=True, slots=True)
class SparkImage:
    """The contents of one of AWS's Spark images.

    Attributes:
        release: Spark's exact release.
        pythons: The image's Python version, then the other versions that the release runs on.
        exact: Other requirements, pinned as in the image, for the image's Python version.
        loose: The same requirements for other Python versions, for which the pinned releases may have no wheels.
        javas: Java versions that the release runs on, the preferred one first.
    """

    release: str
    pythons: tuple[str, ...]
    exact: tuple[str, ...]
    loose: tuple[str, ...]
    javas: tuple[int, ...]

    @property
    def name(self) -> str:
        """The framework's name in the package index."""
        return "pyspark"

    @property
    def uses_torch(self) -> bool:
        """Whether it contains PyTorch."""
        return False

    @property
    def from_source(self) -> bool:
        """Whether the framework has no wheels: pyspark's source archive holds the jars."""
        return True


# Spark's releases come from the EMR release that an image installs: spark/processing/*/py3/yum/emr-apps.repo in
# https://github.com/aws/sagemaker-spark-container. numpy and boto3 are in its smsparkbuild/*/Pipfile. boto3 is at least
# 1.28.57: older releases ignore AWS_ENDPOINT_URL and would call the real AWS. Java versions:
# https://spark.apache.org/docs/3.5.6/#downloading and the same page of the other releases.
_BOTO3 = "boto3==1.28.57"
_JAVAS = (17, 11, 8)
_LOOSE = ("numpy<2", "pandas<2.3", "pyarrow<18", "boto3>=1.28.57", "setuptools<81")
_PYTHON_39 = ("numpy==1.25.2", "pandas==2.1.4", "pyarrow==14.0.2", _BOTO3)
_PANDAS_1 = ("numpy<1.24", "pandas<1.6", "pyarrow<15", _BOTO3)
# The newest boto3 for Python 3.7 supports the variable, too.
_PYTHON_37 = ("numpy<1.22", "pandas<1.4", "pyarrow<7", "boto3>=1.28.57")

SPARK_IMAGES = {
    ("2.4", "py37"): SparkImage("2.4.6", ("3.7", "3.6"), _PYTHON_37, _PYTHON_37, (8,)),
    ("3.0", "py37"): SparkImage("3.0.1", ("3.7", "3.8"), _PYTHON_37, _PYTHON_37, (11, 8)),
    ("3.1", "py37"): SparkImage("3.1.1", ("3.7", "3.8", "3.9"), _PYTHON_37, _PYTHON_37, (11, 8)),
    ("3.0", "py39"): SparkImage("3.0.1", ("3.9", "3.8"), _PANDAS_1, _PANDAS_1, (11, 8)),
    ("3.1", "py39"): SparkImage("3.1.1", ("3.9", "3.8"), _PANDAS_1, _PANDAS_1, (11, 8)),
    ("3.2", "py39"): SparkImage("3.2.1", ("3.9", "3.8", "3.10"), _PANDAS_1, _PANDAS_1, (11, 8)),
    ("3.3", "py39"): SparkImage("3.3.1", ("3.9", "3.10", "3.8"), _PANDAS_1, _PANDAS_1, _JAVAS),
    ("3.4", "py39"): SparkImage("3.4.1", ("3.9", "3.10", "3.11"), _PANDAS_1, _PANDAS_1, _JAVAS),
    ("3.5", "py39"): SparkImage("3.5.0", ("3.9", "3.10", "3.11", "3.12"), _PYTHON_39, _LOOSE, _JAVAS),
    ("3.5", "py312"): SparkImage(
        "3.5.6",
        ("3.12", "3.11", "3.10", "3.9"),
        ("numpy==1.26.4", "pandas==2.2.3", "pyarrow==17.0.0", "boto3==1.42.38", "setuptools<81"),
        _LOOSE,
        _JAVAS,
    ),
}


def spark_image(image: str) -> SparkImage | None:
    """Return the contents of an image; None if it is not one of AWS's Spark images.

    >>> spark_image("153931337802.dkr.ecr.us-west-2.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py39-v1").release
    '3.5.0'
    """
    matched = _SPARK_URI.fullmatch(image)
    if matched is None:
        return None
    # A tag without a Python version means the first image of that Spark version, which is the first one here.
    pythons = [python for line, python in SPARK_IMAGES if line == matched["line"]]
    return SPARK_IMAGES.get((matched["line"], matched["python"] or next(iter(pythons), "")))
