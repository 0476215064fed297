"""Jobs in containers of a real Docker engine: what the sandbox promises, Docker keeps.

Needs Docker; skipped only where no engine responds and none can be started.
"""

from __future__ import annotations

import json
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_processing.local.container.runner import RunnerSettings, run_processing_job
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.job_runner import JobResult
from cdk_processing.local.wire.aws_names import AwsNames
from tests.local.container.data_plane import (
    Observer,
    Session,
    contents,
    description,
    free_port,
    ministack,
    put,
    python,
    s3_input,
    s3_outputs,
)
from tests.local.container.docker_engine import a_docker_engine, import_image
from tests.local.control_plane import EXECUTION_ROLE_STATEMENTS, World
from tests.patience import FOREVER, PATIENCE, until

IMAGE = "cdk-processing-tests:python"
OWN_ENTRYPOINT = "cdk-processing-tests:own-entrypoint"
ISOLATED = {"EnableNetworkIsolation": True}


@pytest.fixture(scope="module", autouse=True)
def engine() -> Iterator[None]:
    for _ in a_docker_engine():
        packages = "ENV PYTHONPATH=/opt/packages"
        import_image(IMAGE, packages)
        import_image(OWN_ENTRYPOINT, packages, 'ENTRYPOINT ["/bin/sh", "-c", "echo of the image: $0 $1; exit 3"]')
        yield
        subprocess.run(["docker", "image", "rm", "--force", IMAGE, OWN_ENTRYPOINT], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def no_container_is_left() -> Iterator[None]:
    """Whatever a test does, its containers are gone at its end."""
    yield
    until(_containers, lambda left: left == [])


def _containers() -> list[str]:
    command = ["docker", "ps", "--all", "--format", "{{.Image}}"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return [image for image in listed if image in (IMAGE, OWN_ENTRYPOINT)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    yield from ministack(tmp_path_factory.mktemp("ministack"))


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    return f"r-{abs(hash(request.node.name))}"


@pytest.fixture
def nowhere() -> Session:
    return Session("http://127.0.0.1:1")


def described(command: list[str], image: str = IMAGE, **changes: Any) -> dict[str, Any]:
    made = description(command, **changes)
    made["AppSpecification"]["ImageUri"] = image
    if not command:
        del made["AppSpecification"]["ContainerEntrypoint"]
    return made


def run(
    session: Session, folder: Path, job: dict[str, Any], stop: threading.Event | None = None
) -> tuple[JobResult, Observer]:
    observer = Observer()
    return run_processing_job(job, session, observer, stop or threading.Event(), RunnerSettings(folder)), observer


def stopped_once_it_says_something(session: Session, folder: Path, job: dict[str, Any]) -> tuple[JobResult, Observer]:
    observer, stop = Observer(), threading.Event()
    threading.Thread(target=lambda: (observer.logged.wait(PATIENCE), stop.set())).start()
    return run_processing_job(job, session, observer, stop, RunnerSettings(folder)), observer


def test_a_job_reads_its_input_and_writes_its_output(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in/a.txt": b"a", "in/deep/ü.txt": b"b"})
    code = """
from pathlib import Path
source, target = Path("/opt/ml/processing/input"), Path("/opt/ml/processing/output")
for path in source.rglob("*.txt"):
    (target / path.relative_to(source).as_posix().replace("/", "-")).write_text(path.read_text().upper())
print("done")
"""
    job = described(
        python(code),
        ProcessingInputs=[s3_input(f"s3://{bucket}/in/")],
        ProcessingOutputConfig=s3_outputs(f"s3://{bucket}/out"),
    )
    outcome, observer = run(server, tmp_path, job)
    assert (outcome, observer.lines) == (JobResult("Completed"), ["done"])
    assert observer.phases == ["Preparing", "Downloading", "Processing", "Uploading"]
    found = {key: body for key, body in contents(server, bucket).items() if key.startswith("out/")}
    assert found == {"out/a.txt": b"A", "out/deep-ü.txt": b"B"}
    assert list(tmp_path.iterdir()) == []


def test_arguments_and_variables_come_through_exactly(nowhere: Session, tmp_path: Path) -> None:
    given = {"SPACED": "a b", "QUOTED": "'\"$HOME`", "HOME": "/elsewhere", "PATH": "/bin:/x", "EMPTY": ""}
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    job = described(["/bin/python3", "-c", code], Environment=given)
    job["AppSpecification"]["ContainerArguments"] = ["", "$x", "two words", "--init", "ü"]
    outcome, observer = run(nowhere, tmp_path, job)
    assert outcome == JobResult("Completed")
    arguments, variables = json.loads(observer.lines[0])
    assert arguments == ["", "$x", "two words", "--init", "ü"]
    assert {name: variables[name] for name in given} == given
    assert variables["AWS_REGION"] == nowhere.region
    assert variables["PROCESSING_JOB_ARN"] == job["ProcessingJobArn"]


def test_an_isolated_job_has_no_network_and_no_credentials(nowhere: Session, tmp_path: Path) -> None:
    code = "import os, socket; print([n for _, n in socket.if_nameindex()], [k for k in os.environ if 'KEY' in k])"
    outcome, observer = run(nowhere, tmp_path, described(python(code), NetworkConfig=ISOLATED))
    assert (outcome, observer.lines) == (JobResult("Completed"), ["['lo'] []"])


def test_an_isolated_job_does_not_reach_this_machine(server: Session, tmp_path: Path) -> None:
    code = """
import socket, sys
try: socket.create_connection(("127.0.0.1", int(sys.argv[1]))); print("connected")
except OSError: print("refused")
"""
    port = server.endpoint_url.rpartition(":")[2]
    assert run(server, tmp_path, described(python(code, port)))[1].lines == ["connected"]
    assert run(server, tmp_path, described(python(code, port), NetworkConfig=ISOLATED))[1].lines == ["refused"]


def test_a_job_sees_nothing_of_this_machines_files(nowhere: Session, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("secret")
    _, observer = run(nowhere, tmp_path / "work", described(["/bin/cat", str(outside)]))
    assert observer.lines == [f"/bin/cat: {outside}: No such file or directory"]


def test_instances_meet_each_other_by_their_names(nowhere: Session, tmp_path: Path) -> None:
    code = """
import json, socket, sys, time
config = json.load(open("/opt/ml/config/resourceconfig.json"))
meeting = ("algo-1", int(sys.argv[1]))
if config["current_host"] == "algo-1":
    with socket.create_server(meeting) as server: print(server.accept()[0].recv(9).decode(), config["hosts"])
else:
    while True:
        try: c = socket.create_connection(meeting); break
        except OSError: time.sleep(0.05)
    c.send(socket.gethostname().encode())
"""
    outcome, observer = run(nowhere, tmp_path, described(python(code, str(free_port())), InstanceCount=2))
    assert (outcome, observer.lines) == (JobResult("Completed"), ["algo-2 ['algo-1', 'algo-2']"])


def test_outputs_of_all_instances_are_uploaded(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    code = "import socket; host = socket.gethostname(); open(f'/opt/ml/processing/output/{host}', 'w').write(host)"
    job = described(python(code), InstanceCount=2, ProcessingOutputConfig=s3_outputs(f"s3://{bucket}/o"))
    assert run(server, tmp_path, job)[0] == JobResult("Completed")
    assert contents(server, bucket) == {"o/algo-1": b"algo-1", "o/algo-2": b"algo-2"}


def test_a_script_that_fails_fails_the_job_with_its_code_and_message(nowhere: Session, tmp_path: Path) -> None:
    code = "open('/opt/ml/output/message', 'w').write('no rows'); print('bad'); raise SystemExit(3)"
    outcome, observer = run(nowhere, tmp_path, described(python(code)))
    assert outcome == JobResult("Failed", "AlgorithmError: , exit code: 3", "no rows")
    assert observer.lines == ["bad"]
    assert list(tmp_path.iterdir()) == []


def test_a_script_that_a_signal_ends_has_the_signals_exit_code(nowhere: Session, tmp_path: Path) -> None:
    outcome, _ = run(nowhere, tmp_path, described(["/bin/sh", "-c", "kill -9 $$"]))
    assert outcome.failure_reason == "AlgorithmError: , exit code: 137"


def test_a_program_that_is_not_in_the_image_fails_the_job_and_the_log_says_which(
    nowhere: Session, tmp_path: Path
) -> None:
    outcome, observer = run(nowhere, tmp_path, described(["/no/such/program"]))
    assert outcome.failure_reason == "AlgorithmError: , exit code: 127"
    assert "/no/such/program" in "\n".join(observer.lines)


def test_the_images_own_entrypoint_runs_where_none_is_given(nowhere: Session, tmp_path: Path) -> None:
    job = described([], OWN_ENTRYPOINT)
    job["AppSpecification"]["ContainerArguments"] = ["a", "b"]
    outcome, observer = run(nowhere, tmp_path, job)
    assert observer.lines == ["of the image: a b"]
    assert outcome.failure_reason == "AlgorithmError: , exit code: 3"


def test_a_stopped_job_gets_sigterm_and_may_tidy_up(nowhere: Session, tmp_path: Path) -> None:
    tidy = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    outcome, observer = stopped_once_it_says_something(nowhere, tmp_path, described(["/bin/sh", "-c", tidy]))
    assert (outcome, observer.lines) == (JobResult("Stopped"), ["ready", "tidy"])


def test_what_ignores_sigterm_is_killed_with_all_it_started(nowhere: Session, tmp_path: Path) -> None:
    stubborn = f"trap '' TERM; sleep {FOREVER} & echo ready; while :; do sleep 0.05; done"
    outcome, _ = stopped_once_it_says_something(nowhere, tmp_path, described(["/bin/sh", "-c", stubborn]))
    assert outcome == JobResult("Stopped")


def test_the_time_limit_stops_the_job(nowhere: Session, tmp_path: Path) -> None:
    job = described(["/bin/sleep", str(FOREVER)], StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert run(nowhere, tmp_path, job)[0] == JobResult("Stopped")


def test_an_instance_that_fails_stops_the_others(nowhere: Session, tmp_path: Path) -> None:
    code = f"import socket, time; socket.gethostname() == 'algo-1' and time.sleep({FOREVER}); raise SystemExit(4)"
    outcome, _ = run(nowhere, tmp_path, described(python(code), InstanceCount=2))
    assert outcome.failure_reason == "AlgorithmError: , exit code: 4"


def test_what_a_container_wrote_is_removed_whoever_owns_it_there(nowhere: Session, tmp_path: Path) -> None:
    locked = "/opt/ml/processing/a"
    code = f"import os; os.makedirs('{locked}/b'); os.chmod('{locked}', 0); os.chown('{locked}', 4242, 4242)"
    assert run(nowhere, tmp_path, described(python(code)))[0] == JobResult("Completed")
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_the_engine_does_not_have_is_named_and_not_pulled(nowhere: Session, tmp_path: Path) -> None:
    outcome, _ = run(nowhere, tmp_path, described(["x"], "no-such-image:1"))
    assert str(outcome.failure_reason).startswith('ClientError: The image "no-such-image:1" is not on this machine.')


def test_a_container_has_the_memory_of_its_instance_type_and_no_more(
    nowhere: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdk_processing.local.container.runner.memory_of", lambda _: 64 << 20)
    job = described(python("print('up', flush=True); held = b'x' * (96 << 20); print('more than it has')"))
    outcome, observer = run(nowhere, tmp_path, job)
    assert (observer.lines, outcome.failure_reason) == (["up"], "AlgorithmError: , exit code: 137")


def test_a_file_is_no_larger_than_the_volume_and_no_core_is_dumped(nowhere: Session, tmp_path: Path) -> None:
    code = """
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
print(resource.getrlimit(resource.RLIMIT_CORE), open("/proc/self/oom_score_adj").read().strip())
with open("/opt/ml/processing/large", "w") as file:
    os.truncate(file.fileno(), 1 << 30)
    try: os.truncate(file.fileno(), (1 << 30) + 1)
    except OSError as error: print(error.strerror)
"""
    outcome, observer = run(nowhere, tmp_path, described(python(code)))
    assert (observer.lines, outcome.status) == (["(0, 0) 1000", "File too large"], "Completed")


def test_a_container_has_no_more_processes_than_a_sandbox(nowhere: Session, tmp_path: Path) -> None:
    code = """
from pathlib import Path
for place in ("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"):
    if Path(place).exists(): print(Path(place).read_text().strip())
"""
    assert run(nowhere, tmp_path, described(python(code)))[1].lines == ["16384"]


ALLOWED = [
    *EXECUTION_ROLE_STATEMENTS,
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::docker-data/mine/*"},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::docker-data"},
]
ASK = textwrap.dedent(
    """
    import os, sys
    import boto3
    from botocore.exceptions import ClientError

    for _ in range(int(sys.argv[1])):
        print(boto3.client("sts").get_caller_identity()["Arn"].split("/")[1])
        for key in ("mine/a", "theirs/a"):
            try:
                print(boto3.client("s3").get_object(Bucket="docker-data", Key=key)["Body"].read().decode())
            except ClientError as error:
                print(error.response["Error"]["Code"])
        os.environ.pop("AWS_ENDPOINT_URL", None)
    """
)


def test_a_scripts_own_calls_reach_the_embedded_aws_as_the_execution_role() -> None:
    # By its endpoint and, where this user may listen on ports 53 and 443, by AWS's own names.
    times = 2 if AwsNames.may_listen() else 1
    group = "/aws/sagemaker/ProcessingJobs"
    with LocalAws() as aws:
        world = World(aws)
        s3, sagemaker, logs = (world.client(service) for service in ("s3", "sagemaker", "logs"))
        s3.create_bucket(Bucket="docker-data")
        for key, body in {"mine/a": "content", "theirs/a": "content", "mine/ask.py": ASK}.items():
            s3.put_object(Bucket="docker-data", Key=key, Body=body.encode())
        request = world.request(
            world.role("sagemaker.amazonaws.com", ALLOWED, name="docker-role"),
            AppSpecification={
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/ask.py", str(times)],
            },
            ProcessingInputs=[s3_input("s3://docker-data/mine/ask.py", "code")],
        )
        name = request["ProcessingJobName"]
        sagemaker.create_processing_job(**request)
        ended = world.ended(name)
        assert (ended["ProcessingJobStatus"], ended.get("FailureReason")) == ("Completed", None)
        [stream] = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        assert [event["message"] for event in events["events"]] == ["docker-role", "content", "AccessDenied"] * times
