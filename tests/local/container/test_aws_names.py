"""Clients that do not read AWS_ENDPOINT_URL reach the embedded AWS from a job, or nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdk_processing.local.container.aws_names import NOWHERE, names_nowhere
from cdk_processing.local.container.file_system import network_files
from cdk_processing.local.container.job_network import outside_problem
from cdk_processing.local.container.specification import JobSpecification
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.job_runner import Listeners, NameService
from cdk_processing.local.wire.aws_names import AwsNames, question_in
from tests.local.container.data_plane import Session, description, python, run, s3_input, s3_outputs
from tests.local.control_plane import EXECUTION_ROLE_STATEMENTS, World
from tests.patience import PATIENCE

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


class ServedInItsNetwork(Session):
    """A session where nobody may listen on the host's ports. In the job's own network, it answers each connection."""

    def serve_in(self, network: Listeners) -> NameService:
        names = AwsNames(network.address, network.questions.dup(), network.tls.dup())
        endpoint = network.endpoint.dup()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nembedded")
            writer.close()

        async def serve() -> None:
            await names.answer_questions()
            async with (
                await asyncio.start_server(answer, sock=names.listener, ssl=AwsNames.tls()),
                await asyncio.start_server(answer, sock=endpoint),
            ):
                served.set()
                await asyncio.get_running_loop().run_in_executor(None, self.ended.wait)
            names.close()

        served = threading.Event()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(serve()))
        self.thread.start()
        assert served.wait(PATIENCE)
        return NameService(names.address, names.authority)


@pytest.fixture
def unlistening() -> Iterator[Session]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        session = ServedInItsNetwork(f"http://127.0.0.1:{free.getsockname()[1]}", names=None)
    yield session
    session.ended.set()
    session.thread.join()


def test_without_ports_on_the_host_all_names_of_aws_lead_to_the_embedded_aws(
    unlistening: Session, tmp_path: Path
) -> None:
    code = """
import os, socket, urllib.request
print(urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"]).read().decode())
for name in ("s3.eu-west-1.amazonaws.com", "a-bucket-nobody-knows.s3.ap-south-2.amazonaws.com",
             "new-service.cn-north-1.amazonaws.com.cn", "new-service.eu-west-1.api.aws"):
    found = {each[4][0] for each in socket.getaddrinfo(name, 443)}
    print(*found, urllib.request.urlopen(f"https://{name}/x").read().decode())
"""
    outcome, observer = run(unlistening, tmp_path, description(python(code)))
    assert (observer.lines, outcome.status) == (["embedded", *["127.64.0.1 embedded"] * 4], "Completed")


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")
def test_java_trusts_the_embedded_aws_under_awss_own_names(unlistening: Session, tmp_path: Path) -> None:
    program = """
import java.net.URL;

class Ask {
    public static void main(String[] names) throws Exception {
        for (String name : names)
            System.out.println(new String(new URL("https://" + name + "/").openStream().readAllBytes()));
    }
}
"""
    script = 'printf "%s" "$0" > Ask.java; exec java -Xshare:auto -XX:TieredStopAtLevel=1 Ask.java "$@"'
    names = ["s3.eu-central-1.amazonaws.com", "a-bucket.s3.amazonaws.com"]
    outcome, observer = run(unlistening, tmp_path, description(["/bin/sh", "-c", script, program, *names]))
    assert (observer.lines, outcome.status) == (["embedded"] * 2, "Completed")


def test_in_their_own_network_instances_meet_each_other_and_not_the_hosts_loopback(
    unlistening: Session, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        # No port that the kernel gives to connections: whoever connects to one before anybody listens may meet himself.
        code = f"""
import os, socket
from pathlib import Path
if socket.gethostname() == "algo-1":
    listening = socket.create_server(("algo-1", 7001))
    other = listening.accept()[0]
    print(other.recv(9).decode())
    try:
        socket.create_connection(("127.0.0.1", {ours.getsockname()[1]}))
    except OSError as error:
        print(error.strerror)
else:
    while True:
        try:
            socket.create_connection(("algo-1", 7001)).send(b"met")
            break
        except ConnectionRefusedError:
            pass
"""
        outcome, observer = run(unlistening, tmp_path, description(python(code), InstanceCount=2))
    assert (observer.lines, outcome.status) == (["met", "Connection refused"], "Completed")


def routes_of_a_job(session: Session, folder: Path) -> list[str]:
    outcome, observer = run(session, folder, description(python("print(open('/proc/net/route').read())")))
    assert outcome.status == "Completed"
    return [line.split()[0] for line in observer.lines[1:] if line]


@pytest.mark.skipif(outside_problem() is not None, reason=str(outside_problem()))
def test_pasta_connects_a_jobs_network_to_the_outside(unlistening: Session, tmp_path: Path) -> None:
    assert routes_of_a_job(unlistening, tmp_path) != []
    assert subprocess.run(["pgrep", "--parent", str(os.getpid()), "pasta"], check=False, stdout=-3).returncode == 1


def test_without_pasta_a_job_reaches_nothing_outside(
    unlistening: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cdk_processing.local.container.job_network._PASTA_PROGRAM", "no-such-pasta")
    assert routes_of_a_job(unlistening, tmp_path) == []
    assert "a job reaches nothing outside the embedded AWS: pasta is not installed (Debian: passt)" in caplog.text


def test_the_names_that_a_docker_job_is_likely_to_use_lead_nowhere_without_ports_on_the_host(tmp_path: Path) -> None:
    described = description(["x"], ProcessingOutputConfig=s3_outputs("s3://some-bucket/out"))
    names = names_nowhere(JobSpecification.read(described), "eu-west-1")
    files = network_files(tmp_path, ["algo-1"], names)
    assert list(files) == ["/etc/hosts"]
    lines = files["/etc/hosts"].read_text().splitlines()
    for name in (
        "s3.eu-west-1.amazonaws.com",
        "s3.amazonaws.com",
        "sts.amazonaws.com",
        "sts.us-gov-west-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "api.sagemaker.eu-west-1.amazonaws.com",
        "sqs.eu-west-1.amazonaws.com",
        "some-bucket.s3.eu-west-1.amazonaws.com",
    ):
        assert [line.split()[0] for line in lines if line.endswith(f" {name}")] == list(NOWHERE)


@pytest.mark.skipif(not AwsNames.may_listen(), reason="this user may not listen on ports 53 and 443")
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
