from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_processing.local.container import docker
from cdk_processing.local.container.runner import RunnerSettings, run_processing_job
from tests.local.container import data_plane
from tests.local.container.data_plane import Observer, Session, description

STAND_IN = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["RECORD"], "a") as file:
    given = {{name: value for name, value in os.environ.items() if name.startswith(("AWS_", "GIVEN"))}}
    file.write(json.dumps([sys.argv[1:], given]) + "\\n")
if sys.argv[1] == "image":
    sys.exit(0 if sys.argv[-1] == "an-image:1" else 1)
if sys.argv[1] == "info":
    limited = {{"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "Driver": "btrfs"}}
    print(json.dumps({{"MemTotal": 4 << 30, **limited}}))
    sys.exit()
print("from the container")
sys.exit(int(os.environ.get("EXIT", "0")))
"""


TRUSTED = ("AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(STAND_IN)
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    asked = docker._engine
    asked.cache_clear()
    for name in [name for name in os.environ if name.startswith("AWS_") or name in TRUSTED]:
        monkeypatch.delenv(name)
    yield tmp_path / "record"
    asked.cache_clear()


def run(tmp_path: Path, described: dict[str, Any]) -> tuple[Any, Observer]:
    observer = Observer()
    session = Session("http://127.0.0.1:1")
    settings = RunnerSettings(tmp_path / "work")
    return run_processing_job(described, session, observer, threading.Event(), settings), observer


def calls(record: Path) -> list[tuple[list[str], dict[str, str]]]:
    return [tuple(json.loads(line)) for line in record.read_text().splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="the network options are Linux's")
def test_the_whole_command_line(record: Path, tmp_path: Path) -> None:
    described = description(["python3", "-v"], Environment={"GIVEN": "a b", "HOME": "/elsewhere"})
    described["AppSpecification"]["ContainerArguments"] = ["", "$x", "two words"]
    outcome, observer = run(tmp_path, described)
    assert (outcome.status, observer.lines) == ("Completed", ["from the container"])
    inspected, _, ran = calls(record)[:3]
    assert inspected[0] == ["image", "inspect", "--format", "{{.Id}}", "an-image:1"]
    instance = f"{tmp_path}/work/a-job/algo-1"
    files = {
        "/etc/hosts": "hosts",
        "/etc/resolv.conf": "resolv.conf",
        "/run/cdk-processing/cacerts": "cacerts",
        "/run/cdk-processing/ca-bundle.pem": "ca-bundle.pem",
        "/etc/ssl/certs/ca-certificates.crt": "ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt": "ca-bundle.pem",
        "/etc/ssl/cert.pem": "ca-bundle.pem",
    }
    assert ran[0] == [
        *("run", "--rm", "--init", "--pull", "never", "--name", f"a-job-algo-1-{os.getpid()}", "--hostname", "algo-1"),
        *("--network", "host", "--oom-score-adj", "1000", "--ulimit", "core=0"),
        *("--memory", str(4 << 30), "--memory-swap", str(4 << 30), "--pids-limit", "16384"),
        *("--ulimit", f"fsize={1 << 30}", "--storage-opt", f"size={1 << 30}", "-v", f"{instance}/ml:/opt/ml"),
        *(option for place, file in files.items() for option in ("-v", f"{instance}/{file}:{place}:ro")),
        *(option for name in (*TRUSTED, "JAVA_TOOL_OPTIONS") for option in ("-e", name)),
        *("-e", "AWS_ACCESS_KEY_ID", "-e", "AWS_ENDPOINT_URL", "-e", "AWS_REGION", "-e", "AWS_DEFAULT_REGION"),
        *("-e", "PROCESSING_JOB_ARN", "-e", "GIVEN", "-e", "HOME=/elsewhere"),
        *("--entrypoint", "python3", "an-image:1", "-v", "", "$x", "two words"),
    ]
    assert ran[1] == {
        "AWS_CA_BUNDLE": "/run/cdk-processing/ca-bundle.pem",
        "AWS_ACCESS_KEY_ID": "of-the-role",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": data_plane.REGION,
        "AWS_DEFAULT_REGION": data_plane.REGION,
        "GIVEN": "a b",
    }


def test_an_isolated_container_has_no_network_and_no_credentials(record: Path, tmp_path: Path) -> None:
    run(tmp_path, description(["x"], NetworkConfig={"EnableNetworkIsolation": True}))
    arguments, variables = calls(record)[2]
    assert arguments[arguments.index("--network") + 1] == "none"
    assert set(variables) == {"AWS_REGION", "AWS_DEFAULT_REGION"}


def test_an_engine_that_cannot_limit_is_not_asked_to(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_engine", lambda: {"MemTotal": 4 << 30, "Driver": "overlay2"})
    run(tmp_path, description(["x"]))
    arguments, _ = calls(record)[1]
    assert not {"--memory", "--memory-swap", "--pids-limit", "--storage-opt"}.intersection(arguments)


def test_without_an_entrypoint_the_image_uses_its_own(record: Path, tmp_path: Path) -> None:
    described = description([])
    described["AppSpecification"] = {"ImageUri": "an-image:1", "ContainerArguments": ["--x"]}
    run(tmp_path, described)
    arguments, _ = calls(record)[2]
    assert "--entrypoint" not in arguments
    assert arguments[-2:] == ["an-image:1", "--x"]


def test_a_failing_container_fails_the_job(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXIT", "3")
    assert run(tmp_path, description(["x"]))[0].failure_reason == "AlgorithmError: , exit code: 3"


def test_dockers_own_failure_is_not_the_scripts(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXIT", "125")
    assert run(tmp_path, description(["x"]))[0].failure_reason.startswith("InternalServerError: Docker could not start")


def test_an_image_that_is_not_there_is_not_pulled(record: Path, tmp_path: Path) -> None:
    described = description(["x"])
    described["AppSpecification"]["ImageUri"] = "other:2"
    outcome, _ = run(tmp_path, described)
    assert outcome.failure_reason.startswith('ClientError: The image "other:2" is not on this machine. Start Docker')
    assert [arguments[0] for arguments, _ in calls(record)] == ["image"]
