"""S3 in a Spark job: S3A's settings and jars, and the files that ``smspark-submit`` itself downloads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlparse

from .failures import SubmitError

__all__ = ["S3A_MISSING", "fetch", "hadoop_release", "has_s3a", "s3a_hint", "s3a_settings"]

S3A_MISSING = re.compile(rb"S3AFileSystem not found|No FileSystem for scheme:? \"?s3")
"""Spark's error for an S3 URI if S3A's jars are missing."""

# The AWS SDK release that each Hadoop release in pyspark was built with: hadoop-project/pom.xml.
_SDKS = {
    "2.7.4": "aws-java-sdk-1.7.4.jar",
    "3.2.0": "aws-java-sdk-bundle-1.11.375.jar",
    "3.3.1": "aws-java-sdk-bundle-1.11.901.jar",
    "3.3.2": "aws-java-sdk-bundle-1.11.1026.jar",
    "3.3.4": "aws-java-sdk-bundle-1.12.262.jar",
}
_HADOOP_JAR = re.compile(r"hadoop-(?:client-api|common)-(\d+\.\d+\.\d+)\.jar")


def hadoop_release(spark_home: Path) -> str:
    """Return the Hadoop release that a Spark contains."""
    for jar in sorted((spark_home / "jars").glob("hadoop-c*.jar")):
        matched = _HADOOP_JAR.fullmatch(jar.name)
        if matched:
            return matched[1]
    return ""


def has_s3a(spark_home: Path, jars: Iterable[str]) -> bool:
    """Return whether S3A's jar is in Spark's folder or among the job's jars."""
    names = [path.name for path in (spark_home / "jars").glob("hadoop-aws-*.jar")]
    return any(Path(name).name.startswith("hadoop-aws-") for name in (*names, *jars))


def s3a_hint(spark_home: Path) -> str:
    """Return a hint: which jars are missing, and where to put them."""
    release = hadoop_release(spark_home)
    sdk = _SDKS.get(release, f"the aws-java-sdk-bundle of Hadoop {release}")
    return (
        f"Spark reads and writes s3:// through S3A, whose jars are not part of pyspark. Put hadoop-aws-{release}.jar "
        f"and {sdk} (Maven Central: org.apache.hadoop, com.amazonaws) into {spark_home}/jars on this machine, or give "
        "them as submit_jars, or use inputs and outputs of the job (file:///opt/ml/processing/...)."
    )


def s3a_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Map ``s3://`` and ``s3a://`` to the embedded AWS, with the credentials of the execution role.

    Args:
        variables: The container's environment variables. They contain no endpoint under network isolation, because S3
            cannot be reached then.
    """
    settings = {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        # The role's credentials are in the environment. Other providers would look for credentials of this machine.
        "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
    }
    endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL")
    if endpoint:
        settings["fs.s3a.endpoint"] = endpoint
        settings["fs.s3a.path.style.access"] = "true"
        settings["fs.s3a.connection.ssl.enabled"] = str(urlparse(endpoint).scheme == "https").lower()
        settings["fs.s3a.endpoint.region"] = variables.get("AWS_REGION", "")
    return settings


def fetch(uri: str, folder: Path) -> str:
    """Download the object of an ``s3://`` URI with the execution role. Other paths are returned unchanged.

    Raises:
        SubmitError: S3 refuses the request, or the object does not exist.
    """
    parsed = urlparse(uri)
    if parsed.scheme not in ("s3", "s3a"):
        return uri
    import boto3  # imported here: most jobs do not need it
    from botocore.exceptions import BotoCoreError, ClientError

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / Path(parsed.path).name
    try:
        boto3.client("s3").download_file(parsed.netloc, parsed.path.lstrip("/"), str(path))
    except (BotoCoreError, ClientError) as error:
        raise SubmitError(type(error).__name__, "error preparing for spark submit", f"{uri}: {error}") from error
    return str(path)
