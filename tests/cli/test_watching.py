"""`cdk-processing local` deploys again when a file of the app changes: what a person sees on a real terminal."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from cdk_processing.client import ProcessingClient
from tests.cli.terminal import Terminal
from tests.cli.test_live_screen import session_of
from tests.patience import until

THREE_JOBS = Path(__file__).parent.parent / "apps" / "three_jobs"
COMMAND = [sys.executable, "-m", "cdk_processing.cli", "local", "--python", sys.executable]
SLEEPS = """\
import time
print("old sleeps", flush=True)
while True:
    time.sleep(1)
"""


@pytest.fixture
def app(tmp_path):
    folder = Path(shutil.copytree(THREE_JOBS, tmp_path / "app"))
    (folder / "jobs" / "sleep.py").write_text(SLEEPS)
    return folder


@pytest.fixture
def start(app):
    """Start a session; it ends with the test."""
    started = []

    def start_session(*options):
        terminal = Terminal([*COMMAND, *options], app)
        started.append(terminal)
        return terminal

    yield start_session
    for terminal in started:
        terminal.close()


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_changed_script_is_deployed_told_and_used_while_a_running_job_goes_on(app, start):
    terminal = start()
    shown, _ = terminal.until(r"(?s)watching for changes.*waiting for runs")
    session, endpoint = session_of(shown)
    with ProcessingClient(session, endpoint_url=endpoint) as client:
        running = client.start("Sleep")
        terminal.until(r"Three/Sleep [0-9a-f]{8} +Processing .* old sleeps")

        edit(app / "jobs" / "sleep.py", SLEEPS, 'print("new ends", flush=True)\n')
        shown, _ = terminal.until(r"(?s)jobs/sleep\.py changed.*Three/Sleep/StateMachine changed\n")
        assert re.search(r"Three: updated\n(?s:.*)deployed 1 stack \(", shown)
        assert "Three/Copy/StateMachine changed" not in shown

        second = client.start("Sleep")
        until(lambda: client.refresh(second).status, lambda status: status == "SUCCEEDED")
        assert client.refresh(running).status == "RUNNING"
        terminal.until(r"(?s)Three/Sleep [0-9a-f]{8} Completed.*Three/Sleep [0-9a-f]{8} +Processing .* old sleeps")
    shown, exit_code = terminal.interrupt()
    assert (shown.splitlines()[-1], exit_code) == ("stopped; nothing is left behind", 0)


def test_a_broken_app_prints_its_error_and_the_next_change_is_deployed(app, start):
    terminal = start()
    terminal.until("waiting for runs")

    edit(app / "app.py", "app.synth()", "raise SystemExit('error: mine')")
    shown, _ = terminal.until(r"(?s)app\.py changed.*error: mine\n.*waiting for the next change\nwaiting for runs")
    assert "what is deployed stays as it is" in shown

    edit(app / "app.py", "raise SystemExit('error: mine')", 'job("More", "jobs/sleep.py")\napp.synth()')
    shown, _ = terminal.until(r"(?s)Three/More/StateMachine added.*job +Three/More +no trigger.*waiting for runs")

    # What CloudFormation refuses is told as well, and it too waits for the next change.
    edit(
        app / "app.py",
        "app.synth()",
        "from aws_cdk import CfnResource\nCfnResource(stack, 'F', type='AWS::Lambda::Function')\napp.synth()",
    )
    terminal.until(r"(?s)error: Stack Three ended as .*waiting for the next change\nwaiting for runs")
    assert terminal.interrupt()[1] == 0


def test_ctrl_c_while_the_app_is_synthesized_ends_it_and_leaves_nothing(app, start):
    terminal = start()
    terminal.until("waiting for runs")
    trace = app.parent / "pid"
    edit(
        app / "app.py",
        "app.synth()",
        f"import os, time\nopen({str(trace)!r}, 'w').write(str(os.getpid()))\ntime.sleep(3600)",
    )
    until(lambda: trace.exists() and trace.read_text())
    shown, exit_code = terminal.interrupt()
    assert (shown.splitlines()[-1], exit_code) == ("stopped; nothing is left behind", 0)
    until(lambda: Path(f"/proc/{trace.read_text()}").exists(), lambda alive: not alive)


def test_without_watching_a_change_deploys_nothing(app, start):
    terminal = start("--no-watch")
    shown, _ = terminal.until("waiting for runs")
    assert "watching" not in shown
    edit(app / "jobs" / "sleep.py", SLEEPS, 'print("new ends", flush=True)\n')
    session, endpoint = session_of(shown)
    with ProcessingClient(session, endpoint_url=endpoint) as client:
        client.start("Sleep")
        shown, _ = terminal.until(r"Three/Sleep [0-9a-f]{8} +Processing .* old sleeps")
    assert "changed" not in shown
    assert terminal.interrupt()[1] == 0
