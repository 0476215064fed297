import io
from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from rich.console import Console

from cdk_processing.client import Diagnosis, Job, Run
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
        self.events = []
        self.diagnosis = None
        self.account = SimpleNamespace(states=self)

    def runs(self, job=None, limit=None):
        return self.running if job is None else self.executions

    def jobs(self):
        return self.deployed

    def explain(self, run, log_lines):
        return self.diagnosis or Diagnosis(run, "AccessDenied", "no", (), ())

    def run_id(self, run):
        return RUN_ID if CREATE in self.events else None

    def get_execution_history(self, **request):
        return {"events": self.events[::-1]}

    def set(self, status="InProgress", **fields):
        name = fields.pop("name", f"census-preprocess-{RUN_ID}-1")
        self.running = [{**ROW, "name": name, "status": status, **fields}]


ROW = {
    "job": "Census/Preprocess",
    "execution": "arn:aws:states:eu-west-1:111122223333:execution:Machine:one",
    "created": 100.0,
    "last_lines": [],
    "outputs": {"train": "s3://curated/train/"},
}


@pytest.fixture
def aws():
    return Aws()


@pytest.fixture
def watch(aws):
    return Watch(aws, [JOB], aws)


def look_again(watch):
    watch._next_look = 0.0
    return watch.look()


def test_each_phase_of_a_job_is_shown_once(aws, watch):
    told = []
    for phase in ("Preparing", "Downloading", "Downloading", "Processing"):
        aws.set(phase=phase, bytes_done=1, bytes_total=2)
        told += [(change.label, change.what) for change in watch.look()[1]]
    aws.set("Completed", ended=103.5)
    for _ in range(2):
        told += [(change.label, change.what, change.seconds, change.tone) for change in watch.look()[1]]
    label = "Census/Preprocess 01234567"
    assert told == [
        (label, "Preparing"),
        (label, "Downloading"),
        (label, "Processing"),
        (label, "Completed", 3.5, "good"),
    ]


def test_what_takes_long_within_a_phase_is_shown(aws, watch):
    aws.set(phase="Preparing")
    watch.look()
    aws.set(phase="Preparing", doing="building an environment with scikit-learn 1.4.2")
    running, (change,) = watch.look()
    assert running[0].progress.doing == "building an environment with scikit-learn 1.4.2"
    assert change.what == "Preparing building an environment with scikit-learn 1.4.2"


def test_a_job_that_this_machine_has_no_room_for_says_what_it_waits_for(aws, watch):
    aws.set(phase=None)
    (view,), (change,) = watch.look()
    assert (view.progress.phase, view.progress.doing) == ("Waiting", "for another job on this machine to end")
    assert change.what == "Waiting for another job on this machine to end"


def test_a_completed_job_shows_what_it_wrote_and_where(aws, watch):
    aws.set("Completed", ended=101.0)
    (change,) = watch.look()[1]
    assert change.details == ("output train: s3://curated/train/",)


def test_a_failed_job_shows_its_log_its_reason_and_its_exit_message(aws, watch):
    lines = [f"line {number}" for number in range(15)]
    reason = "AlgorithmError: exit code: 1"
    aws.set("Failed", ended=101.0, last_lines=lines, failure_reason=reason, exit_message="bad input")
    (change,) = watch.look()[1]
    assert change.tone == "bad"
    assert change.details == (
        *(f"| line {number}" for number in range(5, 15)),
        "reason: AlgorithmError: exit code: 1",
        "exit message: bad input",
    )


AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def execution(status):
    job = Job("Census/Preprocess", "census-preprocess", MACHINE)
    return Run(job, "one", ROW["execution"], status, AT, None if status == "RUNNING" else AT)


def test_a_run_that_failed_before_a_job_was_made_is_shown_once(aws, watch):
    aws.executions = [execution("FAILED")]
    (change,) = watch.look()[1]
    assert (change.what, change.details) == ("Failed before a processing job was made", ("reason: AccessDenied: no",))
    assert look_again(watch)[1] == []


CREATE = {
    "type": "TaskScheduled",
    "taskScheduledEventDetails": {
        "resourceType": "sagemaker",
        "resource": "createProcessingJob.sync",
        "parameters": f'{{"ProcessingJobName": "census-preprocess-{RUN_ID}-1"}}',
    },
}
REFUSED = {
    "type": "TaskFailed",
    "taskFailedEventDetails": {"error": "SageMaker.AmazonSageMakerException", "cause": "Could not assume role"},
}


def entered(kind, state):
    return {"type": f"{kind}StateEntered", "stateEnteredEventDetails": {"name": state}}


def test_a_run_that_waits_to_try_again_shows_what_for_and_the_last_failure(aws, watch):
    aws.executions = [execution("RUNNING")]
    aws.events = [CREATE, REFUSED, entered("Choice", "Triage"), entered("Wait", "Backoff")]
    (view,), (change,) = watch.look()
    failure = "SageMaker.AmazonSageMakerException: Could not assume role"
    assert (view.label, view.progress.phase, view.reason) == ("Census/Preprocess 01234567", "Waiting", failure)
    assert change.what == "Waiting to create the processing job again"
    assert change.details == (f"last failure: {failure}",)
    assert look_again(watch)[1] == []
    aws.events = [*aws.events, entered("Task", "RunJob"), CREATE]
    assert look_again(watch) == ([], [])
    aws.events = [*aws.events, REFUSED, entered("Wait", "Backoff")]
    (again,), changes = look_again(watch)
    assert (again.label, changes) == (view.label, [])
    aws.executions = [execution("FAILED")]
    assert look_again(watch)[0] == []


def test_a_run_that_waits_for_an_earlier_one_says_so(aws, watch):
    aws.executions = [execution("RUNNING")]
    aws.events = [entered("Wait", "WaitForTurn")]
    (view,), _ = watch.look()
    assert view.progress.doing == "for an earlier run of the job to end"


def test_a_run_whose_job_runs_is_shown_once_by_its_job(aws, watch):
    aws.set(phase="Processing")
    aws.executions = [execution("RUNNING")]
    aws.events = [CREATE, REFUSED, entered("Wait", "Backoff")]
    assert [view.progress.phase for view in watch.look()[0]] == ["Processing"]


def test_jobs_of_one_base_name_are_shown_under_their_own_names(aws, watch):
    other = {**ROW, "job": "Other/Preprocess", "name": f"census-preprocess-{'f' * 32}-1", "status": "InProgress"}
    aws.set(phase="Processing")
    aws.running.append({**other, "phase": "Processing"})
    labels = [view.label for view in watch.look()[0]]
    assert labels == ["Census/Preprocess 01234567", "Other/Preprocess ffffffff"]


def test_later_attempts_and_jobs_of_others_are_called_by_what_tells_them_apart(aws, watch):
    aws.set(name=f"census-preprocess-{RUN_ID}-2")
    assert watch.look()[0][0].label == "Census/Preprocess 01234567 attempt 2"
    aws.set(name="made-by-hand", job=None, execution=None)
    assert watch.look()[0][0].label == "made-by-hand"


def test_the_runs_of_jobs_deployed_later_are_watched_too(aws, watch):
    aws.deployed = [Job("Later/Report", "later-report", f"{MACHINE}2")]
    aws.set(name=f"later-report-{RUN_ID}-1", job="Later/Report")
    assert watch.look()[0][0].label == "Later/Report 01234567"
    assert set(watch._jobs) == {"Census/Preprocess", "Later/Report"}


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
    assert len(lines) == 2


def test_a_live_screen_draws_what_runs_with_the_transfer_and_the_last_line(aws, watch):
    aws.set(phase="Downloading", bytes_done=1_500_000, bytes_total=3_000_000, last_lines=["one", "[two]"])
    running, changes = watch.look()
    text = printed(
        LiveScreen, (running, changes), ([replace(running[0], execution=str(i)) for i in range(20)], []), terminal=True
    )
    assert "Census/Preprocess 01234567" in text
    assert "1.5 MB/3.0 MB" in text
    assert "[two]" in text
    assert "and 8 more" in text
