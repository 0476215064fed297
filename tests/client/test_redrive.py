"""When a run is redriven, with which attempt, and when there is nothing to redrive."""

import json
import threading

import pytest

from cdk_processing.client import NothingToRedriveError
from cdk_processing.contract.environment import EXECUTION_VARIABLE
from cdk_processing.contract.names import JobName
from cdk_processing.contract.version import VERSION
from tests.patience import until


@pytest.fixture(scope="module", autouse=True)
def input_is_there(three_jobs):
    three_jobs.put("Raw", "in/a.dat", "a")


def fail_after_the_job(definition):
    definition["States"]["RunJob"].pop("End", None)
    definition["States"]["RunJob"]["Next"] = "Lost"
    definition["States"]["Lost"] = {"Type": "Fail", "Error": "CdkProcessing.Lost", "Cause": "the answer was lost"}


def test_a_run_that_was_stopped_goes_on_with_the_next_attempt_under_its_run_id(client, stopped, input_of):
    run = stopped(client.start("Sleep", run_key="stopped"))
    assert run.status == "ABORTED"
    again = client.redrive(run)
    name = JobName.parse(client.attempts(run)[0].name)
    event = {"contract": VERSION, "run_key": "stopped"}
    assert input_of(again) == {"redrive": {"contract": VERSION, "event": event, "run_id": name.run_id, "attempt": 2}}
    until(lambda: client.attempts(again))
    assert [attempt.name for attempt in client.attempts(again)] == [str(name.with_attempt(2))]
    with pytest.raises(
        NothingToRedriveError, match=r"run already, by redrive-\w+-2: three-sleep-\w+-2 is InPr"
    ) as refused:
        client.redrive(run)
    assert not refused.value.done
    third = client.redrive(stopped(again))
    until(lambda: client.attempts(third))
    assert [attempt.number for attempt in client.attempts(third)] == [3]
    stopped(third)


def test_a_job_that_outlives_its_run_is_not_run_beside(client, stopped, taken):
    run = stopped(client.start("Sleep", run_key="left running"))
    name = JobName.parse(client.attempts(run)[0].name)
    taken(str(name.with_attempt(2)), like=str(name.with_attempt(1)), Environment={EXECUTION_VARIABLE: run.arn})
    with pytest.raises(
        NothingToRedriveError, match=r"a job that has not ended: three-sleep-\w+-2 is InProgress"
    ) as refused:
        client.redrive(run)
    assert not refused.value.done
    assert f"aws sagemaker stop-processing-job --processing-job-name {name.with_attempt(2)!s}" in str(refused.value)
    client.account.sagemaker.stop_processing_job(ProcessingJobName=str(name.with_attempt(2)))
    until(lambda: client.attempts(run)[-1].has_ended)
    again = client.redrive(run)
    until(lambda: client.attempts(again))
    assert [attempt.number for attempt in client.attempts(again)] == [3]
    stopped(again)


def test_a_name_that_somebody_else_took_is_passed_over(client, stopped, taken):
    run = stopped(client.start("Sleep", run_key="foreign"))
    name = JobName.parse(client.attempts(run)[0].name)
    taken(str(name.with_attempt(2)), like=str(name.with_attempt(1)))
    again = client.redrive(run)
    until(lambda: client.attempts(again))
    assert [attempt.name for attempt in client.attempts(again)] == [str(name.with_attempt(3))]
    stopped(again)
    client.account.sagemaker.stop_processing_job(ProcessingJobName=str(name.with_attempt(2)))


def test_a_run_whose_job_completed_adopts_that_job_and_makes_no_other(client, finish, changed, input_of):
    job = client.job("Copy")
    with changed(job, fail_after_the_job):
        run = finish(client.start(job, run_key="lost"))
    assert run.status == "FAILED"
    (made,) = client.attempts(run)
    assert made.status == "Completed"
    again = client.redrive(run)
    assert input_of(again)["redrive"]["attempt"] == 1
    again = finish(again)
    assert again.succeeded
    assert (again.outcome.status, again.outcome.job_name) == ("Completed", made.name)
    assert client.attempts(again) == []
    with pytest.raises(NothingToRedriveError, match="redriven already") as refused:
        client.redrive(run)
    assert refused.value.done


def test_a_redrive_that_failed_after_its_job_completed_is_redriven_with_that_job(
    three_jobs, client, finish, changed, input_of
):
    job = client.job("Break")
    first = finish(client.start(job))
    assert [attempt.status for attempt in client.attempts(first)] == ["Failed"]
    three_jobs.put("Raw", "in/good.txt", "good")
    with changed(job, fail_after_the_job):
        second = finish(client.redrive(first))
    assert second.status == "FAILED"
    assert [(attempt.number, attempt.status) for attempt in client.attempts(second)] == [(2, "Completed")]
    third = client.redrive(first)
    assert input_of(third)["redrive"]["attempt"] == 2
    assert finish(third).outcome.status == "Completed"
    assert client.attempts(third) == []
    for failed in (first, second):
        with pytest.raises(NothingToRedriveError, match="redriven already"):
            client.redrive(failed)


def test_a_run_that_failed_before_any_job_begins_anew_and_is_redriven_as_often_as_it_fails(
    three_jobs, client, finish, input_of
):
    event = {"run_key": "early", "parameters": {"nonsense": "1"}}
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=client.job("Copy").state_machine_arn, input=json.dumps(event)
    )
    run = finish(client.run("Copy", started["executionArn"]))
    names = set()
    for _ in range(3):
        again = client.redrive(run)
        assert input_of(again) == {"redrive": {"contract": VERSION, "event": event, "attempt": 1}}
        assert finish(again).status == "FAILED"
        names.add(again.name)
    assert len(names) == 3


def test_of_two_who_redrive_at_once_one_starts_a_run_and_one_job_is_made(client, stopped, runs_of):
    run = stopped(client.start("Sleep", run_key="two people"))
    before = runs_of("Sleep")
    results = []

    def redrive():
        try:
            results.append(client.redrive(run))
        except NothingToRedriveError as refused:
            results.append(refused)

    people = [threading.Thread(target=redrive) for _ in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    started = runs_of("Sleep") - before
    assert len(started) == 1
    assert {result.arn for result in results if not isinstance(result, NothingToRedriveError)} == started
    (again,) = [each for each in client.runs("Sleep", limit=None) if each.arn in started]
    until(lambda: client.attempts(again))
    assert [attempt.number for attempt in client.attempts(again)] == [2]
    stopped(again)


def test_a_duplicate_is_not_redriven_and_says_whose_it_is(client, finish, start_anyway):
    first = finish(client.start("Copy", run_key="once"))
    duplicate = finish(start_anyway("Copy", "once"))
    with pytest.raises(NothingToRedriveError, match=rf"as Duplicate: .*{first.name}.*there is nothing to redrive"):
        client.redrive(duplicate)


@pytest.mark.parametrize("outcome", ["Superseded", "Skipped"])
def test_a_run_that_had_nothing_to_do_is_not_redriven(client, finish, changed, outcome):
    def nothing_to_do(definition):
        definition["StartAt"] = outcome
        definition["States"][outcome] = {
            "Type": "Succeed",
            "Output": {"status": outcome, "run_id": "x", "job_name": "y"},
        }

    with changed(client.job("Copy"), nothing_to_do):
        run = finish(client.start("Copy"))
    assert run.outcome.status == outcome
    with pytest.raises(NothingToRedriveError, match=f"as {outcome}: nothing was done: .*; there is nothing to"):
        client.redrive(run)


def test_an_event_comes_back_letter_by_letter(client, stopped, three_jobs, input_of):
    event = {"run_key": "ä \U0001f600 \"quoted\" 'single' {% not an expression %}", "number": 1.5, "none": None}
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=client.job("Sleep").state_machine_arn, input=json.dumps(event)
    )
    again = client.redrive(stopped(client.run("Sleep", started["executionArn"])))
    assert input_of(again)["redrive"]["event"] == event
    stopped(again)
