from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdk_processing.local.container.runner import RunnerSettings, run_processing_job
from cdk_processing.local.job_runner import JobResult
from tests.local.container.data_plane import (
    REGION,
    SKLEARN_IMAGE,
    Observer,
    Session,
    contents,
    description,
    free_port,
    ministack,
    put,
    python,
    run,
    s3_input,
    s3_outputs,
)
from tests.patience import FOREVER, PATIENCE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    yield from ministack(tmp_path_factory.mktemp("ministack"))


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    return f"r-{abs(hash(request.node.name))}"


@pytest.fixture
def nowhere() -> Session:
    return Session("http://127.0.0.1:1")


def test_a_job_reads_its_input_and_writes_its_output(server: Session, bucket: str, tmp_path: Path) -> None:
    code = b"""
import sys
print("working")
text = open("/opt/ml/processing/input/a.txt").read()
open("/opt/ml/processing/output/b.txt", "w").write(text.upper() + sys.argv[1])
"""
    put(server, bucket, {"in/a.txt": b"hello", "code/up.py": code})
    described = description(
        ["python3", "/opt/ml/processing/code/up.py"],
        ProcessingInputs=[
            s3_input(f"s3://{bucket}/in/"),
            s3_input(f"s3://{bucket}/code/up.py", "code", "code"),
        ],
        ProcessingOutputConfig=s3_outputs(f"s3://{bucket}/out"),
    )
    described["AppSpecification"]["ContainerArguments"] = ["!"]
    outcome, observer = run(server, tmp_path, described)
    assert outcome == JobResult("Completed")
    assert contents(server, bucket)["out/b.txt"] == b"HELLO!"
    assert observer.phases == ["Preparing", "Downloading", "Processing", "Uploading"]
    assert observer.lines == ["working"]
    assert list(tmp_path.iterdir()) == []


def test_the_container_contract(nowhere: Session, tmp_path: Path) -> None:
    code = """
import json, os
config = {n: json.load(open(f"/opt/ml/config/{n}.json")) for n in ("resourceconfig", "processingjobconfig")}
print(json.dumps([config, dict(os.environ)]))
"""
    described = description(python(code), Environment={"MINE": "1", "PYTHONUNBUFFERED": "0"})
    outcome, observer = run(nowhere, tmp_path, described)
    assert outcome.status == "Completed"
    config, variables = json.loads(observer.lines[0])
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    assert config["resourceconfig"] == {
        "current_host": "algo-1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [group],
        "network_interface_name": "lo",
    }
    assert {name: config["processingjobconfig"][name] for name in described} == described
    variables.pop("PATH")
    trusted = ("AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    assert variables == {
        **dict.fromkeys(trusted, "/run/cdk-processing/ca-bundle.pem"),
        "AWS_ACCESS_KEY_ID": "of-the-role",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "MINE": "1",
        "PROCESSING_JOB_ARN": described["ProcessingJobArn"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "UTF-8",
        "PYTHONUNBUFFERED": "0",
    }


def test_an_isolated_job_has_neither_network_nor_credentials(server: Session, tmp_path: Path) -> None:
    address = server.endpoint_url.removeprefix("http://").split(":")
    code = f"""
import os, socket
print(sorted(n for n in os.environ if n.startswith("AWS_")))
try: socket.create_connection(("{address[0]}", {address[1]}), 2)
except OSError as e: print(type(e).__name__)
"""
    described = description(python(code), NetworkConfig={"EnableNetworkIsolation": True})
    assert run(server, tmp_path, described)[1].lines == [
        "['AWS_DEFAULT_REGION', 'AWS_REGION']",
        "ConnectionRefusedError",
    ]


def test_a_failing_script_fails_the_job_and_nothing_is_uploaded(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    code = "m = '/opt/ml/'; open(m + 'processing/output/x', 'w'); open(m + 'output/message', 'w').write('why'); exit(3)"
    described = description(python(code), ProcessingOutputConfig=s3_outputs(f"s3://{bucket}/out"))
    outcome, observer = run(server, tmp_path, described)
    assert outcome == JobResult("Failed", "AlgorithmError: , exit code: 3", "why")
    assert contents(server, bucket) == {}
    assert observer.phases[-1] == "Processing"


def test_continuous_outputs_stay_when_the_script_fails(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    code = "open('/opt/ml/processing/output/x', 'w').write('1'); raise SystemExit(3)"
    described = description(python(code), ProcessingOutputConfig=s3_outputs(f"s3://{bucket}/out", "Continuous"))
    assert run(server, tmp_path, described)[0].status == "Failed"
    assert contents(server, bucket) == {"out/x": b"1"}


def test_the_exit_message_is_the_first_kilobyte(nowhere: Session, tmp_path: Path) -> None:
    code = "open('/opt/ml/output/message', 'w').write('x' + 'ü' * 1000)"
    assert run(nowhere, tmp_path, description(python(code)))[0] == JobResult("Completed", None, "x" + "ü" * 511)


def test_an_exit_message_that_is_no_text_fails_the_job(nowhere: Session, tmp_path: Path) -> None:
    code = "open('/opt/ml/output/message', 'wb').write(b'a\\xffb')"
    outcome, _ = run(nowhere, tmp_path, description(python(code)))
    assert outcome == JobResult("Failed", "ClientError: /opt/ml/output/message is not UTF-8 encoded.", "a\ufffdb")


def test_an_exit_message_that_is_a_link_or_a_pipe_is_not_read(nowhere: Session, tmp_path: Path) -> None:
    for code in (
        "import os; os.symlink('/etc/passwd', '/opt/ml/output/message')",
        "import os; os.mkfifo('/opt/ml/output/message')",
        "import os; os.rename('/opt/ml/output', '/opt/ml/x'); os.symlink('/etc', '/opt/ml/output')",
    ):
        assert run(nowhere, tmp_path, description(python(code)))[0] == JobResult("Completed")


def test_a_download_that_fails_fails_the_job_before_any_container(server: Session, tmp_path: Path) -> None:
    described = description(["/bin/true"], ProcessingInputs=[s3_input("s3://no-such-bucket/in")])
    outcome, observer = run(server, tmp_path, described)
    assert outcome.status == "Failed"
    assert str(outcome.failure_reason).startswith("ClientError: Data download failed: An error occurred (NoSuchBucket)")
    assert observer.phases == ["Preparing", "Downloading"]
    assert list(tmp_path.iterdir()) == []


def test_a_reason_has_at_most_a_kilobyte(nowhere: Session, tmp_path: Path) -> None:
    described = description(["/bin/true"], ProcessingInputs=[s3_input("https://" + "x" * 2000)])
    assert len(str(run(nowhere, tmp_path, described)[0].failure_reason)) == 1024


def test_the_time_limit_stops_the_job(nowhere: Session, tmp_path: Path) -> None:
    started = time.monotonic()
    code = f"import time; time.sleep({FOREVER})"
    described = description(python(code), StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert run(nowhere, tmp_path, described)[0] == JobResult("Stopped")
    assert time.monotonic() - started >= 1
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_job_uploads_nothing_at_its_end(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    code = f"import time; open('/opt/ml/processing/output/x', 'w').close(); print('up'); time.sleep({FOREVER})"
    described = description(python(code), ProcessingOutputConfig=s3_outputs(f"s3://{bucket}/out"))
    observer, stop = Observer(), threading.Event()
    threading.Thread(target=lambda: (observer.logged.wait(PATIENCE), stop.set())).start()
    outcome = run_processing_job(described, server, observer, stop, RunnerSettings(tmp_path, sys.executable))
    assert outcome == JobResult("Stopped")
    assert contents(server, bucket) == {}


def test_a_job_that_is_stopped_before_it_runs_runs_nothing(nowhere: Session, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    outcome, observer = run(nowhere, tmp_path, description(["/bin/echo", "x"]), stop)
    assert (outcome, observer.lines) == (JobResult("Stopped"), [])


def test_instances_meet_each_other(nowhere: Session, tmp_path: Path) -> None:
    code = """
import json, socket, sys, time
host, meeting = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"], ("algo-1", int(sys.argv[1]))
if host == "algo-1":
    with socket.create_server(meeting) as server: print(server.accept()[0].recv(9).decode())
else:
    while True:
        try: c = socket.create_connection(meeting); break
        except OSError: time.sleep(0.05)
    c.send(host.encode())
"""
    outcome, observer = run(nowhere, tmp_path, description(python(code, str(free_port())), InstanceCount=2))
    assert (outcome, observer.lines) == (JobResult("Completed"), ["algo-2"])


def test_an_instance_that_fails_stops_the_others(nowhere: Session, tmp_path: Path) -> None:
    code = (
        f"import socket, time; time.sleep({FOREVER} if socket.gethostname() == 'algo-1' else 0.2); raise SystemExit(4)"
    )
    outcome, _ = run(nowhere, tmp_path, description(python(code), InstanceCount=2))
    assert outcome.failure_reason == "AlgorithmError: , exit code: 4"


def test_the_messages_of_instances_are_joined(nowhere: Session, tmp_path: Path) -> None:
    code = "import socket; open('/opt/ml/output/message', 'w').write(socket.gethostname() + ' ')"
    outcome, _ = run(nowhere, tmp_path, description(python(code), InstanceCount=2))
    assert outcome.exit_message == "algo-1 algo-2 "


def test_an_unknown_image_names_the_choices(nowhere: Session, tmp_path: Path) -> None:
    outcome = run_processing_job(
        description(["/bin/true"]), nowhere, Observer(), threading.Event(), RunnerSettings(tmp_path)
    )
    reason = str(outcome.failure_reason)
    assert reason.startswith(
        'ClientError: The image "an-image:1" is not on this machine. Start Docker and build or pull'
    )
    assert "--python /path/to/python" in reason


def test_without_docker_an_entrypoint_is_needed(nowhere: Session, tmp_path: Path) -> None:
    described = description([])
    del described["AppSpecification"]["ContainerEntrypoint"]
    assert "give ContainerEntrypoint" in str(run(nowhere, tmp_path, described)[0].failure_reason)


def test_a_mistake_of_the_runner_is_an_internal_error(nowhere: Session, tmp_path: Path) -> None:
    broken = description(["/bin/true"])
    del broken["AppSpecification"]
    outcome, _ = run(nowhere, tmp_path, broken)
    assert outcome.status == "Failed"
    assert str(outcome.failure_reason).startswith("InternalServerError: We encountered an internal error.")


def test_the_work_folder_may_be_relative(nowhere: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(nowhere, Path("jobs"), description(["/bin/true"]))[0] == JobResult("Completed")


def test_what_a_job_locked_is_removed_and_what_it_links_to_is_left_alone(nowhere: Session, tmp_path: Path) -> None:
    outside, work = tmp_path / "outside", tmp_path / "work"
    outside.mkdir(mode=0o500)
    folder = "/opt/ml/processing/a"
    code = f"import os; os.makedirs('{folder}/b'); os.symlink('{outside}', '{folder}/c'); os.chmod('{folder}', 0)"
    assert run(nowhere, work, description(python(code)))[0].status == "Completed"
    assert list(work.iterdir()) == []
    assert outside.stat().st_mode & 0o777 == 0o500


def test_sixty_jobs_run_eight_at_a_time(nowhere: Session, tmp_path: Path) -> None:
    def one(number: int) -> JobResult:
        described = description(["/bin/sh", "-c", f"echo {number}"], ProcessingJobName=f"job-{number}")
        outcome, observer = run(nowhere, tmp_path, described)
        assert observer.lines == [str(number)]
        return outcome

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(60))) == {JobResult("Completed")}
    assert list(tmp_path.iterdir()) == []


def test_a_script_has_the_images_scikit_learn(nowhere: Session, tmp_path: Path) -> None:
    code = "import sklearn, pandas, joblib, pyarrow, scipy, boto3; print(sklearn.__version__)"
    described = description(python(code), NetworkConfig={"EnableNetworkIsolation": True})
    described["AppSpecification"]["ImageUri"] = SKLEARN_IMAGE
    observer = Observer()
    outcome = run_processing_job(described, nowhere, observer, threading.Event(), RunnerSettings(tmp_path))
    assert (outcome, observer.lines) == (JobResult("Completed"), ["1.4.2"])
