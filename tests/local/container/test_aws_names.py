"""Clients that do not read AWS_ENDPOINT_URL reach the embedded AWS from a job, or nothing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from cdk_processing.local.container.aws_names import NOWHERE
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.wire.aws_names import AwsNames, question_in
from tests.local.container.data_plane import Session, description, python, run, s3_input, s3_outputs
from tests.local.control_plane import EXECUTION_ROLE_STATEMENTS, World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

ALLOWED = [
    *EXECUTION_ROLE_STATEMENTS,
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::names-data/mine/*"},
    {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::names-data"},
]
SCRIPT = """
import os

del os.environ["AWS_ENDPOINT_URL"]
import urllib.request

import boto3
from botocore.config import Config
from pyarrow import fs

arrow = fs.S3FileSystem()
with arrow.open_input_stream("names-data/mine/a") as file:
    content = file.read()
with arrow.open_output_stream("names-data/mine/of-arrow") as file:
    file.write(content.upper())
print("arrow:", content.decode())
try:
    arrow.open_input_stream("names-data/theirs/a")
except OSError as error:
    print("arrow:", "ACCESS_DENIED" in str(error))

print("sts:", boto3.client("sts").get_caller_identity()["Arn"].split("/")[1])
sts = boto3.client("sts", region_name="eu-west-3", endpoint_url="https://sts.eu-west-3.amazonaws.com")
print("sts of a region:", sts.get_caller_identity()["Arn"].split("/")[1])
path = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
print("s3 by path:", path.get_object(Bucket="names-data", Key="mine/a")["Body"].read().decode())
url = boto3.client("s3").generate_presigned_url("get_object", Params={"Bucket": "names-data", "Key": "mine/of-arrow"})
print("urllib:", url.split("?")[0], urllib.request.urlopen(url).read().decode())
"""


def listening() -> bool:
    names = AwsNames.listen()
    if names is None:
        return False
    names.listener.close()
    names._questions.close()
    return True


may_listen = pytest.mark.skipif(not listening(), reason="this user may not listen on ports 53 and 443")


@may_listen
def test_pyarrow_and_the_sdks_own_calls_reach_the_embedded_aws() -> None:
    with LocalAws(python=sys.executable) as aws:
        world = World(aws)
        s3, logs = world.client("s3"), world.client("logs")
        s3.create_bucket(Bucket="names-data")
        for key, body in {"mine/a": "content", "theirs/a": "content", "mine/names.py": SCRIPT}.items():
            s3.put_object(Bucket="names-data", Key=key, Body=body.encode())
        request = world.request(
            world.role("sagemaker.amazonaws.com", ALLOWED, name="names-role"),
            AppSpecification={
                "ImageUri": "an-image:1",
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/names.py"],
            },
            ProcessingInputs=[s3_input("s3://names-data/mine/names.py", "code")],
        )
        name = request["ProcessingJobName"]
        world.client("sagemaker").create_processing_job(**request)
        ended = world.ended(name)
        group = "/aws/sagemaker/ProcessingJobs"
        [stream] = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        lines = [event["message"] for event in events["events"]]
        assert lines == [
            "arrow: content",
            "arrow: True",
            "sts: names-role",
            "sts of a region: names-role",
            "s3 by path: content",
            "urllib: https://names-data.s3.amazonaws.com/mine/of-arrow CONTENT",
        ]
        assert ended["ProcessingJobStatus"] == "Completed"


def test_without_a_name_server_the_names_lead_nowhere(tmp_path: Path) -> None:
    names = [
        "s3.eu-west-1.amazonaws.com",
        "s3.amazonaws.com",
        "sts.amazonaws.com",
        "sts.us-gov-west-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "api.sagemaker.eu-west-1.amazonaws.com",
        "sqs.eu-west-1.amazonaws.com",
        "some-bucket.s3.eu-west-1.amazonaws.com",
    ]
    code = f"""
import json, socket
print(json.dumps([sorted({{each[4][0] for each in socket.getaddrinfo(name, 443)}}) for name in {names}]))
"""
    outputs = s3_outputs("s3://some-bucket/out")
    described = description(python(code), ProcessingOutputConfig=outputs)
    _, observer = run(Session("http://127.0.0.1:1"), tmp_path, described)
    assert json.loads(observer.lines[0]) == [sorted(NOWHERE)] * len(names)


@may_listen
@pytest.mark.skipif(os.geteuid() != 0, reason="the other name server takes port 53, too")
def test_a_name_that_is_not_awss_is_looked_up_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    question = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.bind(("127.54.3.2", 53))
        resolver = tmp_path / "resolv.conf"
        resolver.write_text("search x\nnameserver 127.54.3.2\n")
        monkeypatch.setattr("cdk_processing.local.wire.aws_names._RESOLVER", resolver)

        def answer() -> None:
            data, asker = outside.recvfrom(512)
            assert question_in(data) == ("example.org", len(question))
            outside.sendto(b"the answer to " + data, asker)

        thread = threading.Thread(target=answer)
        thread.start()

        async def ask() -> bytes:
            names = AwsNames.listen()
            assert names is not None
            await names.answer_questions()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.setblocking(False)
                asker.connect((names.address, 53))
                asker.send(question)
                answer = await asyncio.get_running_loop().sock_recv(asker, 512)
            names.close()
            names.listener.close()
            return answer

        assert asyncio.run(ask()) == b"the answer to " + question
        thread.join()
