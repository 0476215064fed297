import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from cdk_processing.client import Job, Run
from cdk_processing.local.deployment.deploy import DeployedJob
from cdk_processing.local.session.screen import LiveScreen, PlainScreen
from cdk_processing.local.session.watch import Watch

RUN_ID = "0123456789abcdef0123456789abcdef"
MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:Machine"
JOB = DeployedJob("Census/Preprocess", "census-preprocess", MACHINE, (), {}, "Census")


class Aws:
    """Says of its jobs and executions what a test has put there."""

    def __init__(self):
        self.running = []
        self.deployed = []
        self.executions = []
        self.diagnosis = SimpleNamespace(attempts=(), failure_reason="AccessDenied: no")
        self.account = SimpleNamespace(sagemaker=self)

    def runs(self, job=None, limit=None):
        return self.running if job is None else self.executions

    def jobs(self):
        return self.deployed

    def describe_processing_job(self, **request):
        return {"ExitMessage": "bad input"}

    def explain(self, run, log_lines):
        return self.diagnosis

    def set(self, status="InProgress", **fields):
        name = fields.pop("name", f"census-preprocess-{RUN_ID}-1")
        self.running = [{"name": name, "status": status, "created": 100.0, "last_lines": [], **fields}]


@pytest.fixture
def aws():
    return Aws()


@pytest.fixture
def watch(aws):
    return Watch(aws, [JOB], aws)


def test_each_phase_of_a_job_is_told_once(aws, watch):
    told = []
    for phase in ("Preparing", "Downloading", "Downloading", "Processing"):
        aws.set(phase=phase, bytes_done=1, bytes_total=2)
        told += [(change.label, change.what) for change in watch.look()[1]]
    aws.set("Completed", ended=103.5)
    for _ in range(2):
        told += [(change.label, change.what, change.seconds, change.bad) for change in watch.look()[1]]
    label = "Census/Preprocess 01234567"
    assert told == [
        (label, "Preparing"),
        (label, "Downloading"),
        (label, "Processing"),
        (label, "Completed", 3.5, False),
    ]


def test_a_failed_job_is_told_with_its_log_its_reason_and_its_exit_message(aws, watch):
    lines = [f"line {number}" for number in range(15)]
    aws.set("Failed", ended=101.0, last_lines=lines, failure_reason="AlgorithmError: exit code: 1")
    (change,) = watch.look()[1]
    assert change.bad
    assert change.details == (
        *(f"| line {number}" for number in range(5, 15)),
        "reason: AlgorithmError: exit code: 1",
        "exit message: bad input",
    )


def test_a_run_that_failed_before_a_job_was_made_is_told_once(aws, watch):
    from datetime import datetime, timezone

    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    aws.executions = [Run(Job("Census/Preprocess", "census-preprocess", MACHINE), "one", "arn:one", "FAILED", at, at)]
    (change,) = watch.look()[1]
    assert (change.what, change.details) == (
        "FAILED before a processing job was made",
        ("reason: AccessDenied: no",),
    )
    watch._next_look = 0.0
    assert watch.look()[1] == []


def test_later_attempts_and_jobs_of_others_are_called_by_what_tells_them_apart(aws, watch):
    aws.set(name=f"census-preprocess-{RUN_ID}-2")
    assert watch.look()[0][0].label == "Census/Preprocess 01234567 attempt 2"
    aws.set(name="made-by-hand")
    assert watch.look()[0][0].label == "made-by-hand"


def test_jobs_deployed_later_are_learned_when_they_run(aws, watch):
    aws.deployed = [Job("Later/Report", "later-report", f"{MACHINE}2")]
    aws.set(name=f"later-report-{RUN_ID}-1")
    assert watch.look()[0][0].label == "Later/Report 01234567"


def printed(screen_type, *looks, terminal=False):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
    with screen_type(console) as screen:
        for look in looks:
            screen.show(*look)
    return text.getvalue()


def test_a_plain_screen_prints_a_line_a_change_and_its_details_uncut(aws, watch):
    aws.set("Failed", ended=101.0, failure_reason="ClientError: " + "x" * 200)
    lines = printed(PlainScreen, watch.look()).splitlines()
    assert lines[0].endswith("Census/Preprocess 01234567 Failed 1.0 s")
    assert lines[1] == "         reason: ClientError: " + "x" * 200
    assert len(lines) == 3


def test_a_live_screen_draws_what_runs_with_the_transfer_and_the_last_line(aws, watch):
    aws.set(phase="Downloading", bytes_done=1_500_000, bytes_total=3_000_000, last_lines=["one", "[two]"])
    running, changes = watch.look()
    text = printed(
        LiveScreen, (running, changes), ([replace(running[0], name=str(i)) for i in range(20)], []), terminal=True
    )
    assert "Census/Preprocess 01234567" in text
    assert "1.5 MB/3.0 MB" in text
    assert "[two]" in text
    assert "and 8 more" in text
