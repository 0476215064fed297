import threading

import pytest

from cdk_processing.client import NothingToRedriveError, UnknownJobError, WaitTimeoutError
from tests.patience import PATIENCE, until


@pytest.fixture(scope="module", autouse=True)
def arrived(three_jobs):
    """Something to read, for the jobs that read a folder."""
    three_jobs.put("Raw", "in/there.dat", "x")


@pytest.fixture(scope="module")
def failed(three_jobs, client):
    three_jobs.client("s3").delete_object(Bucket=three_jobs.bucket("Raw"), Key="in/good.txt")
    return client.wait(client.start("Three/Break", run_key="to-be-mended"), timeout=PATIENCE, poll_seconds=0.05)


def test_jobs_are_found_by_their_tags(client):
    assert [(job.name, job.base_name) for job in client.jobs()] == [
        ("Three/Break", "three-break"),
        ("Three/Copy", "three-copy"),
        ("Three/Sleep", "three-sleep"),
    ]


def test_a_started_run_gets_the_parameters_and_ends_well(three_jobs, client):
    three_jobs.put("Three/Raw", "in/parameters.dat", "not a text file")
    known = {run.name for run in client.runs("Copy")}
    three_jobs.put("Three/Raw", "in/hello.txt", "hello")
    [launched] = until(lambda: [run for run in client.runs("Copy") if run.name not in known])
    client.wait(launched, timeout=PATIENCE, poll_seconds=0.05)
    started = client.start("Copy", {"suffix": "-mine"}, run_key="parameters")
    run = client.wait(started, timeout=PATIENCE, poll_seconds=0.05)
    assert run.status == "SUCCEEDED"
    assert three_jobs.get("Results", "copy/hello-mine.txt") == b"hello"
    assert [attempt.status for attempt in client.attempts(run)] == ["Completed"]
    assert client.runs("Copy", limit=1)[0].name == run.name


def test_a_second_execution_with_the_key_of_a_completed_run_does_nothing(client, start_anyway):
    first = client.wait(client.start("Copy", run_key="twice"), timeout=PATIENCE, poll_seconds=0.05)
    second = client.wait(start_anyway("Copy", "twice"), timeout=PATIENCE, poll_seconds=0.05)
    assert first.succeeded
    assert second.succeeded
    assert len(client.attempts(first)) == 1
    assert client.attempts(second) == []
    assert (first.outcome.status, second.outcome.status) == ("Completed", "Duplicate")
    assert second.outcome.made_by == first.arn
    assert client.explain(second).outcome == second.outcome
    listed = {run.name: run.outcome for run in client.runs("Copy", limit=2, outcomes=True)}
    assert listed == {first.name: first.outcome, second.name: second.outcome}
    assert [run.outcome for run in client.runs("Copy", limit=2)] == [None, None]
    assert client.wait(client.runs("Copy", limit=1)[0]).outcome == second.outcome


def test_a_failed_run_is_explained_by_its_reason_its_message_and_its_log(client, failed):
    diagnosis = client.explain(failed)
    assert failed.status == "FAILED"
    assert diagnosis.failure_reason.startswith("AlgorithmError")
    assert diagnosis.exit_message == "good.txt is missing"
    assert [line.message.startswith("found ") for line in diagnosis.log_lines] == [True]
    assert diagnosis.log_lines[0].host == "algo-1"


def test_a_redrive_goes_on_with_the_next_attempt_and_only_until_one_has_completed(three_jobs, client, failed):
    three_jobs.put("Raw", "in/good.txt", "good")
    again = client.wait(client.redrive(failed), timeout=PATIENCE, poll_seconds=0.05)
    assert again.succeeded
    first, second = client.attempts(failed) + client.attempts(again)
    assert (first.number, second.number) == (1, 2)
    assert first.name.removesuffix("-1") == second.name.removesuffix("-2")
    assert first.outputs == second.outputs
    with pytest.raises(NothingToRedriveError, match=r"redriven already: three-break-\w+-2 completed"):
        client.redrive(failed)
    with pytest.raises(NothingToRedriveError, match="succeeded"):
        client.redrive(again)


def test_a_running_run_is_followed_and_stopped_with_its_processing_job(client):
    run = client.start("Sleep")
    with pytest.raises(WaitTimeoutError, match=r"is still RUNNING after 0\.1 s"):
        client.wait(run, timeout=0.1, poll_seconds=0.05)
    with pytest.raises(NothingToRedriveError, match="still running"):
        client.redrive(run)
    lines = []
    for line in client.logs(run, follow=True, poll_seconds=0.05):
        lines.append(line.message)
        threading.Thread(target=client.stop, args=(run,)).start()
    assert lines == ["sleeping"]
    assert client.refresh(run).status == "ABORTED"
    until(lambda: client.attempts(run)[0].status, lambda status: status == "Stopped")
    assert client.stop(run).status == "ABORTED"


def test_an_unknown_job_names_the_nearest(client):
    with pytest.raises(UnknownJobError, match="did you mean Three/Copy"):
        client.start("Three/Cpoy")
