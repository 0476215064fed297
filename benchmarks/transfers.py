"""Data of the embedded AWS: how fast it comes into a job, and how much memory the server needs for it.

boto3 downloads the same objects in a process of its own, with as many connections as a job has. What a job takes that
reads one small object is taken off. While a job reads many small objects, another client calls a service whose answer
needs no work.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

from benchmarks.measure import Row, at_least, at_most, fact, program, server_memory
from cdk_processing.client import ProcessingClient
from cdk_processing.local.container.channels import PARALLEL_TRANSFERS
from cdk_processing.local.deployment.deploy import deploy
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.engine import LocalAws

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
LARGE, LARGE_BYTES = 8, 128 * MIB
MANY, MANY_BYTES = 10_000, 1024
STORED_BYTES, LOGGED_BYTES = 10 * 1024 * MIB, 1024 * MIB
ROUNDS = 3
DOWNLOAD = f"""
import sys, time, boto3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
bucket, prefix, folder = sys.argv[1:]
s3 = boto3.client("s3")
began = time.perf_counter()
def fetch(key):
    with Path(folder, key.rpartition("/")[2]).open("wb") as file:
        for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks({MIB}):
            file.write(chunk)
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
with ThreadPoolExecutor({PARALLEL_TRANSFERS}) as pool:
    list(pool.map(fetch, [each["Key"] for page in pages for each in page["Contents"]]))
print(time.perf_counter() - began)
"""


def run() -> list[Row]:
    """Measure, and compare with the budgets."""
    with tempfile.TemporaryDirectory(prefix="cdk-processing-bench-") as folder, LocalAws(python=sys.executable) as aws:
        app = " ".join(program("transfers"))
        deployment = deploy(
            synthesize(ROOT, Path(folder, "cdk.out"), app=app, account_id=aws.account_id, region=aws.region), aws
        )
        data, noted = deployment.bucket("Data"), deployment.bucket("Noted")
        s3 = aws.client("s3")
        idle = server_memory(aws.pid)
        s3.put_object(Bucket=data, Key="one/1", Body=b"x")
        content = os.urandom(LARGE_BYTES)
        for number in range(LARGE):
            s3.upload_fileobj(io.BytesIO(content), data, f"large/{number}")
        with ThreadPoolExecutor(PARALLEL_TRANSFERS) as pool:
            for number in range(MANY):
                pool.submit(s3.put_object, Bucket=data, Key=f"many/{number}", Body=content[:MANY_BYTES])
        ratios = dict(_compared(aws, data, noted))
        slowest = _slowest_call(aws, noted)
        for number in range(STORED_BYTES // LARGE_BYTES - LARGE):
            s3.upload_fileobj(io.BytesIO(content), data, f"more/{number}")
        stored = server_memory(aws.pid)
        _log(aws)
        logged = server_memory(aws.pid)
    return [
        at_least(f"{LARGE} objects of {LARGE_BYTES // MIB} MiB into a job, to boto3's own", ratios["large"], 0.8, "x"),
        at_least(f"{MANY:,} objects of 1 KiB into a job, to boto3's own", ratios["many"], 0.8, "x"),
        at_most("the slowest of another client's calls meanwhile", slowest, 0.5, "s"),
        fact("memory of the server at first", idle, "MB"),
        at_most("memory of the server, 10 GiB of objects stored", stored, 300, "MB"),
        at_most("memory of the server, 1 GiB of log events more", logged, 300, "MB"),
    ]


def _compared(aws: LocalAws, data: str, noted: str) -> Iterator[tuple[str, float]]:
    """How fast objects come into a job, as a part of how fast boto3 downloads them; both sides in turn."""
    fixed = min(_job(aws, "one", noted) for _ in range(ROUNDS))
    for name in ("large", "many"):
        sides = [(_outside(aws, data, name), _job(aws, name, noted)) for _ in range(ROUNDS)]
        outside, job = (min(times) for times in zip(*sides, strict=True))
        yield name, outside / max(job - fixed, 0.001)


def _slowest_call(aws: LocalAws, noted: str) -> float:
    """Seconds that the slowest call took while a job read many objects."""
    queues, ended = aws.client("sqs"), threading.Event()

    def call() -> float:
        took = 0.0
        while not ended.is_set():
            began = time.perf_counter()
            queues.list_queues()
            took = max(took, time.perf_counter() - began)
        return took

    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(call)
        try:
            _job(aws, "many", noted)
        finally:
            ended.set()
        return calls.result()


def _job(aws: LocalAws, name: str, noted: str) -> float:
    """Seconds from the start of a run to the first line of its script."""
    session = boto3.Session(aws.account_id, aws.environment()["AWS_SECRET_ACCESS_KEY"], region_name=aws.region)
    client = ProcessingClient(session, endpoint_url=aws.endpoint_url)
    began = time.time()
    run = client.start(f"Transfers/{name.capitalize()}")
    client.wait(run)
    keys = [each["Key"] for each in aws.client("s3").list_objects_v2(Bucket=noted, Prefix=f"{name}/")["Contents"]]
    bodies = [aws.client("s3").get_object(Bucket=noted, Key=key)["Body"].read() for key in keys]
    return max(float(body.split()[0]) for body in bodies) - began


def _outside(aws: LocalAws, data: str, name: str) -> float:
    """Seconds that boto3 takes in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="cdk-processing-bench-") as folder:
        command = [sys.executable, "-c", DOWNLOAD, data, f"{name}/", folder]
        environment = {**os.environ, **aws.environment()}
        return float(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)


def _log(aws: LocalAws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="bench")
    logs.create_log_stream(logGroupName="bench", logStreamName="one")
    line, lines = "x" * 1000, 900
    for _ in range(LOGGED_BYTES // (len(line) * lines)):
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line}] * lines
        logs.put_log_events(logGroupName="bench", logStreamName="one", logEvents=events)
