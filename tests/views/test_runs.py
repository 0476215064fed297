from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from cdk_processing.client import Attempt, Diagnosis, Job, LogLine, Outcome, Run
from cdk_processing.views import OutputView, explained_view, run_view

AT = datetime(2026, 1, 31, 6, tzinfo=timezone.utc)
RUN_ID = "0123456789abcdef0123456789abcdef"
JOB = Job("Census/Preprocess", "census", "arn:aws:states:eu-west-1:111122223333:stateMachine:Machine")
TRAIN = ("train", "s3://curated/train/")


def run(status="SUCCEEDED", outcome=None):
    return Run(JOB, "execution-name", f"{JOB.executions}execution-name", status, AT, AT + timedelta(seconds=3), outcome)


def attempt(status, number=1, **fields):
    fields = {"failure_reason": None, "exit_message": None, **fields}
    return Attempt(
        name=f"census-{RUN_ID}-{number}",
        number=number,
        status=status,
        created=AT,
        ended=AT,
        outputs=dict([TRAIN]),
        execution_arn=run().arn,
        **fields,
    )


@pytest.mark.parametrize(
    ("status", "outcome", "word", "tone"),
    [
        ("RUNNING", None, "Running", "busy"),
        ("PENDING_REDRIVE", None, "Running", "busy"),
        ("SUCCEEDED", None, "Succeeded", "good"),
        ("SUCCEEDED", "Completed", "Completed", "good"),
        ("SUCCEEDED", "Duplicate", "Duplicate", "quiet"),
        ("SUCCEEDED", "Superseded", "Superseded", "quiet"),
        ("SUCCEEDED", "Skipped", "Skipped", "quiet"),
        ("SUCCEEDED", "Waiting", "Waiting", "quiet"),
        ("SUCCEEDED", "SomethingNew", "Succeeded", "good"),
        ("FAILED", None, "Failed", "bad"),
        ("TIMED_OUT", None, "Timed out", "bad"),
        ("ABORTED", None, "Aborted", "stopped"),
    ],
)
def test_a_run_has_one_word_for_its_state(status, outcome, word, tone):
    view = run_view(run(status, Outcome(outcome) if outcome else None))
    assert (view.state.word, view.state.tone) == (word, tone)
    assert view.state.ended is (tone != "busy")


def test_a_run_that_waits_says_for_what():
    state = run_view(run("SUCCEEDED", Outcome("Waiting", missing=("prices", "stock")))).state

    assert state.word == "Waiting for prices, stock"
    assert state.meaning == "nothing was done; the last marker launches the run"


def test_a_run_is_known_by_the_beginning_of_its_run_id():
    assert run_view(run(), RUN_ID).id == "01234567"
    assert run_view(run(outcome=Outcome("Completed", RUN_ID))).id == "01234567"


def test_a_run_that_never_came_to_a_job_is_known_by_its_execution():
    assert run_view(run("FAILED")).id == "execution-name"


def test_only_a_run_that_did_the_work_shows_outputs():
    assert run_view(run(outcome=Outcome("Completed", RUN_ID, outputs=(TRAIN,)))).outputs == (OutputView(*TRAIN),)
    assert run_view(run(outcome=Outcome("Duplicate", RUN_ID, outputs=(TRAIN,)))).outputs == ()


def test_a_failed_run_says_why_and_shows_no_outputs():
    failed = attempt("Failed", 2, failure_reason="AlgorithmError: exit code: 1", exit_message="no input")
    lines = (LogLine(AT, "algo-1", failed.name, "reading"),)
    view = explained_view(
        Diagnosis(run("FAILED"), "States.TaskFailed", "x", (attempt("Failed"), failed), lines), RUN_ID
    )
    assert view.label == "Census/Preprocess 01234567 attempt 2"
    assert list(view.details()) == ["reason: AlgorithmError: exit code: 1", "exit message: no input"]
    assert view.log_tail == ("reading",)


def test_a_completed_run_says_what_it_wrote_and_where():
    view = explained_view(Diagnosis(run(), None, None, (attempt("Completed"),), ()), RUN_ID)
    assert view.label == "Census/Preprocess 01234567"
    assert list(view.details()) == ["output train: s3://curated/train/"]


@pytest.mark.parametrize(
    ("status", "latest", "word", "may_help"),
    [
        ("FAILED", attempt("Failed", failure_reason="AlgorithmError: exit code: 1"), "Failed", True),
        (
            "FAILED",
            replace(attempt("Stopped"), ended=AT + timedelta(seconds=600), max_runtime_seconds=600),
            "Time limit reached",
            False,
        ),
        (
            "FAILED",
            replace(attempt("Stopped"), ended=AT + timedelta(seconds=5), max_runtime_seconds=600),
            "Stopped",
            True,
        ),
        ("TIMED_OUT", attempt("Stopped"), "Timed out", False),
        ("ABORTED", attempt("Stopped"), "Aborted", True),
    ],
)
def test_a_job_at_its_time_limit_reads_otherwise_than_one_that_somebody_stopped(status, latest, word, may_help):
    view = explained_view(Diagnosis(run(status), None, None, (latest,), ()), RUN_ID)
    assert (view.state.word, view.can_be_redriven, view.advice == "") == (word, may_help, may_help)
