"""What the tests of the data plane share: a plain MiniStack, a role, an observer, a job description."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cdk_processing.local.container.runner import RunnerSettings, run_processing_job
from cdk_processing.local.job_runner import JobResult, NameService
from tests.patience import PATIENCE

REGION = "eu-west-1"
ROLE = "arn:aws:iam::111122223333:role/Execution"
SKLEARN_IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


NOBODYS = NameService("127.255.255.254", "")  # on the host, but nobody listens there


@dataclass
class Session:
    """A role that may do everything, on a MiniStack without enforcement."""

    endpoint_url: str
    role_arn: str = ROLE
    region: str = REGION
    names: NameService | None = NOBODYS
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.endpoint_url,
                region_name=self.region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(s3={"addressing_style": "path"}),
            )
        return self.clients[service]

    def environment(self) -> Mapping[str, str]:
        return {"AWS_ACCESS_KEY_ID": "of-the-role", "AWS_ENDPOINT_URL": self.endpoint_url}

    def authorize(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
        return None


@dataclass
class Observer:
    phases: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    transfers: list[tuple[int, int]] = field(default_factory=list)
    logged: threading.Event = field(default_factory=threading.Event)

    def phase(self, phase: str, doing: str = "") -> None:
        self.phases.append(phase)

    def transferred(self, done: int, total: int) -> None:
        self.transfers.append((done, total))

    def log(self, line: str) -> None:
        self.lines.append(line)
        self.logged.set()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ministack(folder: Path) -> Iterator[Session]:
    """Run MiniStack until the generator is closed."""
    server, port = _ministack(folder)
    while not _answers(port):
        if server.poll() is not None:
            assert "already in use" in (folder / "log").read_text()
            server, port = _ministack(folder)  # somebody was faster to take the port
        time.sleep(0.05)
    try:
        session = Session(f"http://127.0.0.1:{port}")
        yield session
        for client in session.clients.values():
            client.close()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)


def _ministack(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    variables = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "ministack"]
        return subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=folder), port


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=5).close()
    except OSError:
        return False
    return True


def description(command: list[str], **overrides: Any) -> dict[str, Any]:
    """A job of one instance that runs a command."""
    count = overrides.pop("InstanceCount", 1)
    name = overrides.pop("ProcessingJobName", "a-job")
    request = {
        "ProcessingJobName": name,
        "ProcessingJobArn": f"arn:aws:sagemaker:{REGION}:111122223333:processing-job/{name}",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "an-image:1", "ContainerEntrypoint": command},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
        },
    }
    return {**request, **overrides}


def s3_input(uri: str, folder: str = "input", name: str = "in", **overrides: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/{folder}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            **overrides,
        },
    }


def s3_outputs(uri: str, mode: str = "EndOfJob", folder: str = "output", **config: str) -> dict[str, Any]:
    output = {
        "OutputName": "out",
        "S3Output": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{folder}", "S3UploadMode": mode},
    }
    return {"Outputs": [output], **config}


def put(session: Session, bucket: str, objects: Mapping[str, bytes]) -> None:
    client = session.client("s3")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, body in objects.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)


def contents(session: Session, bucket: str) -> dict[str, bytes]:
    client = session.client("s3")
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def run(
    session: Session, work_dir: Path, described: Mapping[str, Any], stop: threading.Event | None = None
) -> tuple[JobResult, Observer]:
    """Run a job with this interpreter."""
    observer = Observer()
    settings = RunnerSettings(work_dir, python=sys.executable)
    return run_processing_job(described, session, observer, stop or threading.Event(), settings), observer


def python(code: str, *arguments: str) -> list[str]:
    return ["python3", "-c", code, *arguments]
