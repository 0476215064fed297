import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cdk_processing.local.engine import LocalAws, LocalAwsError
from tests.patience import until


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid):
    return until(lambda: not alive(pid))


def test_it_answers_once_it_is_started_and_leaves_nothing_behind():
    aws = LocalAws.start()
    process, work_dir = aws._process, aws._work_dir
    assert aws.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    aws.stop()
    aws.stop()
    assert gone(process.pid)
    assert not work_dir.exists()


def test_account_and_region_are_those_asked_for():
    with LocalAws(region="eu-central-1", account_id="123456789012") as aws:
        assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"
        arn = aws.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        assert "/123456789012/q" in arn
        environment = aws.environment()
    assert environment["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{aws.port}"
    assert environment["AWS_DEFAULT_REGION"] == environment["AWS_REGION"] == "eu-central-1"


def test_its_environment_makes_a_child_process_use_it(world):
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    environment = {**os.environ, **world.aws.environment()}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "000000000000"


def test_it_listens_on_loopback_only(world):
    listening = Path("/proc/net/tcp").read_text().splitlines()
    port = f":{world.aws.port:04X}"
    addresses = {line.split()[1] for line in listening if line.split()[1].endswith(port) and line.split()[3] == "0A"}
    assert addresses == {f"0100007F{port}"}


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"port {port} on 127.0.0.1 cannot be had"):
            LocalAws.start(port=port)


def test_a_given_port_is_used_again_at_once():
    with LocalAws() as first:
        port = first.port
        first.client("sqs").list_queues()
    with LocalAws(port=port) as second:
        assert second.port == port


def test_a_server_that_dies_at_its_start_shows_its_last_lines(monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("")
    (tmp_path / "hypercorn").mkdir()
    (tmp_path / "hypercorn" / "__init__.py").write_text("raise RuntimeError('hypercorn is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LocalAwsError, match="hypercorn is broken here"):
        LocalAws.start()


def test_a_call_after_the_server_died_says_so():
    aws = LocalAws.start()
    aws._process.kill()
    aws._process.wait()
    with pytest.raises(LocalAwsError, match="is not running"):
        aws.runs()
    aws.stop()


def test_an_account_id_that_is_none_is_refused():
    with pytest.raises(ValueError, match="account_id must be 12 digits, got '12'"):
        LocalAws(account_id="12")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(how):
    code = """
        import json, sys, time
        from cdk_processing.local.engine import LocalAws
        aws = LocalAws.start()
        print(json.dumps([aws._process.pid, str(aws._work_dir)]), flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as parent:
        pid, work_dir = json.loads(parent.stdout.readline())
        parent.send_signal(how)
    assert gone(pid)
    assert not Path(work_dir).exists()


def test_stopping_ends_a_job_and_the_processes_it_started(stub_on_path, tmp_path, monkeypatch):
    (tmp_path / "leaky.py").write_text(
        textwrap.dedent(
            """
            import subprocess
            from pathlib import Path

            def run(description, session, observer, stop, settings):
                child = subprocess.Popen(["sleep", "60"], start_new_session=True)
                Path(description["Environment"]["PID"]).write_text(str(child.pid))
                stop.wait()
                raise RuntimeError("did not clean up")
            """
        )
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
    from tests.local.control_plane import World

    with LocalAws(runner="leaky:run") as aws:
        world = World(aws)
        file = tmp_path / "pid"
        request = world.request(world.execution_role(), Environment={"PID": str(file)})
        aws.client("sagemaker").create_processing_job(**request)
        pid = int(world.until(lambda: file.read_text() if file.exists() else "", bool))
        assert alive(pid)
    assert gone(pid)


def test_a_users_own_aws_settings_do_not_reach_it(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "stray")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with LocalAws() as aws:
        assert aws.runs() == []
