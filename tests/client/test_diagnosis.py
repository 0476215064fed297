"""Why a run ended as it did: at its time limit, stopped by somebody, or failed; and whether a redrive may help."""

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from cdk_processing.client import Attempt, Diagnosis, Job, Run
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.testing import DeployedAws
from tests.patience import PATIENCE, until

SLEEP = Path(__file__).parents[1] / "apps" / "three_jobs" / "jobs" / "sleep.py"
JOB = Job("Census/Preprocess", "census-preprocess", "arn:aws:states:eu-west-1:111122223333:stateMachine:A")
AT = datetime(2024, 3, 5, 7, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two jobs that sleep for a minute: ``Limited`` may run for a second, ``Patient`` for a day."""
    from aws_cdk import App, Stack

    from cdk_processing import ProcessingJob, SKLearnProcessor

    stack = Stack(App(outdir=str(tmp_path_factory.mktemp("out"))), "Slow")
    for name, limit in (("Limited", 1), ("Patient", 86_400)):
        processor = SKLearnProcessor(
            framework_version="1.4-2", instance_type="ml.m5.large", instance_count=1, max_runtime_in_seconds=limit
        )
        ProcessingJob(stack, name, processor.run(code=SLEEP))
    with LocalAws(python=sys.executable) as aws, DeployedAws(aws) as deployed:
        deployed.deploy(stack.node.root)
        yield deployed.processing


def finished(client, run):
    return client.explain(client.wait(run, timeout=PATIENCE, poll_seconds=0.05))


def test_a_job_at_its_time_limit_says_so_and_no_redrive_is_advised(client):
    diagnosis = finished(client, client.start("Limited"))

    assert diagnosis.attempts[-1].status == "Stopped"
    assert diagnosis.ending == "time limit"
    assert diagnosis.failure_reason == "the processing job reached its time limit: max_runtime_in_seconds is 1"
    assert diagnosis.cause == "the job reached its time limit: max_runtime_in_seconds is 1"
    assert not diagnosis.redrive_helps
    assert diagnosis.advice == (
        "a redrive would reach the same limit; raise max_runtime_in_seconds (1 s) of Slow/Limited, give it less to do, "
        "or choose a larger instance_type; deploy, then redrive"
    )


def test_a_processing_job_that_somebody_stopped_says_so_and_can_be_redriven(client):
    run = client.start("Patient")
    [attempt] = until(lambda: client.attempts(run))
    client.account.sagemaker.stop_processing_job(ProcessingJobName=attempt.name)
    diagnosis = finished(client, run)

    assert diagnosis.ending == "job stopped"
    assert diagnosis.failure_reason.startswith("somebody stopped the processing job after ")
    assert diagnosis.failure_reason.endswith(" s; it had not reached its time limit")
    assert diagnosis.redrive_helps
    assert diagnosis.advice == ""


def test_a_run_that_somebody_stopped_says_so_with_what_was_given_as_cause(client):
    run = client.start("Patient")
    until(lambda: client.attempts(run))
    diagnosis = finished(client, client.stop(run))

    assert diagnosis.ending == "run stopped"
    assert diagnosis.failure_reason == "somebody stopped the run: Stopped with cdk-processing stop"
    assert diagnosis.redrive_helps


def test_a_run_that_runs_has_no_ending_yet(client):
    run = client.start("Patient")
    diagnosis = client.explain(run)

    assert (diagnosis.ending, diagnosis.redrive_helps, diagnosis.advice) == ("running", False, "")
    client.stop(run)


def attempt(status, seconds, limit, reason=None):
    return Attempt("census-preprocess-1", 1, status, reason, None, AT, AT + timedelta(seconds=seconds), {}, None,
                   max_runtime_seconds=limit)  # fmt: skip


def explained(run_status, error, *attempts, cause=None):
    return Diagnosis(Run(JOB, "name", "arn", run_status, AT, AT), error, cause, attempts, ())


@pytest.mark.parametrize(
    ("diagnosis", "ending", "helps"),
    [
        (explained("FAILED", "States.TaskFailed", attempt("Failed", 5, 60, "AlgorithmError: x")), "failed", True),
        # Whatever fails at the last moment has failed.
        (explained("FAILED", "States.TaskFailed", attempt("Failed", 61, 60, "AlgorithmError: x")), "failed", True),
        (explained("FAILED", "States.TaskFailed", attempt("Stopped", 60, 60)), "time limit", False),
        (explained("FAILED", "States.TaskFailed", attempt("Stopped", 59, 60)), "job stopped", True),
        (explained("FAILED", "States.Timeout", attempt("Stopped", 3700, 60)), "time limit", False),
        (explained("FAILED", "States.Timeout", attempt("InProgress", 0, 60)), "overdue", False),
        (explained("TIMED_OUT", None), "overdue", False),
        (explained("ABORTED", "StoppedByUser", attempt("Stopped", 99, 60)), "run stopped", True),
        (explained("FAILED", "SageMaker.AmazonSageMakerException"), "failed", True),
        (explained("SUCCEEDED", None, attempt("Completed", 5, 60)), "succeeded", False),
    ],
)
def test_each_way_to_end_is_told_from_the_others(diagnosis, ending, helps):
    assert (diagnosis.ending, diagnosis.redrive_helps, bool(diagnosis.advice)) == (
        ending,
        helps,
        ending in ("time limit", "overdue"),
    )


def test_a_failure_keeps_the_words_of_the_service():
    failed = explained("FAILED", "States.TaskFailed", attempt("Failed", 5, 60, "AlgorithmError: exit code: 1"))
    never_made = explained("FAILED", "SageMaker.AmazonSageMakerException", cause="Rate exceeded")

    assert failed.failure_reason == "AlgorithmError: exit code: 1"
    assert never_made.failure_reason == "SageMaker.AmazonSageMakerException: Rate exceeded"
