import pytest

from cdk_processing.client import history
from cdk_processing.client.history import identify
from cdk_processing.contract.names import JobName
from cdk_processing.contract.version import VERSION


@pytest.fixture(scope="module")
def ran(three_jobs, client, finish):
    three_jobs.put("Raw", "in/a.dat", "a")
    return finish(client.start("Copy", run_key="history"))


@pytest.fixture
def calls(client):
    """The calls that a test makes to Step Functions, by name."""
    made = []
    events = client.account.states.meta.events
    record = lambda model, **_: made.append(model.name)  # noqa: E731
    events.register("before-call.sfn", record)
    yield made
    events.unregister("before-call.sfn", record)


def test_a_run_is_known_by_the_job_that_it_was_to_create(client, ran):
    identity = identify(client.account, ran)
    assert identity.first == JobName.parse(client.attempts(ran)[0].name)
    assert identity.first.base == "three-copy"
    assert identity.first.attempt == 1
    assert identity.event == {"contract": VERSION, "run_key": "history"}


def test_a_duplicate_has_the_run_id_of_the_run_that_did_the_work_and_no_attempts(client, finish, ran, start_anyway):
    duplicate = finish(start_anyway("Copy", "history"))
    assert identify(client.account, duplicate).first.run_id == identify(client.account, ran).first.run_id
    assert client.attempts(duplicate) == []


def test_a_run_that_fails_before_it_asks_for_a_job_has_no_run_id_and_no_attempts(three_jobs, client, finish):
    job = client.job("Copy")
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=job.state_machine_arn, input='{"parameters": {"nonsense": "1"}}'
    )
    run = finish(client.run("Copy", started["executionArn"]))
    assert run.status == "FAILED"
    identity = identify(client.account, run)
    assert identity.first is None
    assert identity.event == {"parameters": {"nonsense": "1"}}
    assert client.attempts(run) == []
    assert client.explain(run).failure_reason


def test_a_history_of_many_pages_is_read_only_as_far_as_needed(client, ran, calls, monkeypatch):
    monkeypatch.setattr(history, "_PAGE", 1)
    assert identify(client.account, ran, "{}").first.base == "three-copy"
    events = client.account.states.get_execution_history(executionArn=ran.arn)["events"]
    scheduled = [event["type"] for event in events].index("TaskScheduled")
    assert calls.count("GetExecutionHistory") == scheduled + 1 + 1  # and the one of this test
    assert scheduled + 1 < len(events)


def test_a_redrive_that_came_to_no_job_keeps_the_run_id_it_was_given(three_jobs, client, finish):
    job = client.job("Copy")
    given = '{"redrive": {"event": {"parameters": {"nonsense": "1"}}, "run_id": "%s", "run_key": "k", "attempt": 4}}'
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=job.state_machine_arn, input=given % ("c" * 32)
    )
    run = finish(client.run("Copy", started["executionArn"]))
    identity = identify(client.account, run)
    assert (identity.first, identity.run_key) == (JobName("three-copy", "c" * 32, 4), "k")
    assert identity.event == {"parameters": {"nonsense": "1"}}
