from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from cdk_processing.client import InvalidParametersError, RunKeyReusedError
from cdk_processing.client.parameters import read_parameters
from cdk_processing.client.runs import start_with_input
from cdk_processing.contract.environment import EXECUTION_VARIABLE
from cdk_processing.contract.names import JobName
from cdk_processing.contract.redrive import RedriveEnvelope
from cdk_processing.contract.run_keys import run_id
from cdk_processing.contract.start import StartInput
from cdk_processing.contract.version import VERSION
from tests.patience import until


@pytest.fixture(scope="module", autouse=True)
def input_is_there(three_jobs):
    three_jobs.put("Raw", "in/a.dat", "a")


def test_the_parameters_of_a_deployed_job_are_read_from_its_definition(client):
    (suffix,) = read_parameters(client.account, client.job("Copy"))
    assert (suffix.parameter, suffix.default, suffix.type, suffix.enum_values) == ("suffix", "-copied", "string", ())
    assert read_parameters(client.account, client.job("Break")) == ()


def test_nothing_is_started_with_parameters_that_do_not_fit(client, runs_of):
    before = runs_of("Copy")
    with pytest.raises(
        InvalidParametersError, match=r"sufix must be a parameter of Three/Copy, got 'x'; did you mean su"
    ):
        client.start("Copy", {"sufix": "x"})
    with pytest.raises(InvalidParametersError, match=r"suffix must be left out: Three/Break has no parameters"):
        client.start("Break", {"suffix": "x"})
    assert runs_of("Copy") == before
    assert runs_of("Break") == set()


def test_numbers_and_truth_values_are_handed_over_as_text(client, finish, input_of):
    run = finish(client.start("Copy", {"suffix": 7}))
    assert input_of(run) == {"contract": VERSION, "parameters": {"suffix": "7"}}
    assert run.succeeded
    assert input_of(client.start("Copy", {"suffix": True})) == {"contract": VERSION, "parameters": {"suffix": "true"}}


def test_a_start_with_a_time_of_its_own_hands_it_over_in_utc(client, input_of):
    at = datetime(2026, 3, 28, 6, tzinfo=timezone(timedelta(hours=1)))
    given = input_of(client.start("Copy", run_key="day", at=at))
    assert given == {"contract": VERSION, "run_key": "day", "time": "2026-03-28T05:00:00Z"}


@pytest.mark.parametrize("at", [datetime(2026, 3, 28), "2026-03-28"])
def test_a_time_without_a_timezone_starts_nothing(client, at, runs_of):
    before = runs_of("Copy")
    with pytest.raises(InvalidParametersError, match=r"at must be a datetime with a timezone, got .*; write datetime"):
        client.start("Copy", at=at)
    assert runs_of("Copy") == before


def test_the_same_key_with_the_same_values_in_other_words_finds_the_run_and_starts_nothing(client, finish, runs_of):
    first = finish(client.start("Copy", run_key="same"))
    before = runs_of("Copy")
    again = client.start_or_find("Copy", {"suffix": "-copied"}, run_key="same")
    assert (again.run, again.is_new) == (first, False)
    assert client.start("Copy", run_key="same") == first
    assert runs_of("Copy") == before
    assert [attempt.execution_arn for attempt in client.attempts_of_run_key("Copy", "same")] == [first.arn]


def test_a_used_key_finds_the_run_while_it_runs_when_it_failed_and_after_a_redrive(client, stopped):
    first = client.start("Sleep", run_key="found in each state")
    until(lambda: client.attempts(first))
    assert client.start("Sleep", run_key="found in each state").arn == first.arn
    ended = stopped(first)
    found = client.start_or_find("Sleep", run_key="found in each state")
    assert (found.run.arn, found.run.status, found.is_new) == (first.arn, ended.status, False)
    again = client.redrive(ended)
    assert client.start("Sleep", run_key="found in each state").arn == again.arn
    stopped(again)


def test_of_two_starts_at_the_same_moment_one_makes_the_job(client, finish):
    """Both have looked, and found no run, before one of them has made a job."""
    with ThreadPoolExecutor(2) as pool:
        runs = [finish(run) for run in pool.map(lambda _: client.start("Copy", run_key="at once"), range(2))]
    (attempt,) = client.attempts_of_run_key("Copy", "at once")
    assert attempt.execution_arn in [run.arn for run in runs]
    assert {run.outcome.status for run in runs} <= {"Completed", "Duplicate"}
    assert [run.outcome.job_name for run in runs] == [attempt.name] * 2


def test_a_key_whose_run_step_functions_has_forgotten_is_started_and_ends_as_a_duplicate(
    three_jobs, client, finish, taken
):
    first = finish(client.start("Copy", run_key="kept"))
    (kept,) = client.attempts(first)
    key = "forgotten"
    name = JobName("three-copy", run_id(first.job.state_machine_arn, f"manual:{key}"), 1)
    described = three_jobs.client("sagemaker").describe_processing_job(ProcessingJobName=kept.name)
    forgotten = {**described["Environment"], EXECUTION_VARIABLE: f"{first.job.executions}gone"}
    taken(str(name), like=kept.name, Environment=forgotten)
    started = client.start_or_find("Copy", run_key=key)
    assert started.is_new
    assert finish(started.run).outcome.status == "Duplicate"


def test_the_same_key_with_other_values_is_refused_before_anything_is_started(client, finish, runs_of):
    first = finish(client.start("Copy", {"suffix": "-x"}, run_key="other"))
    before = runs_of("Copy")
    with pytest.raises(RunKeyReusedError) as refused:
        client.start("Copy", {"suffix": "-y"}, run_key="other")
    assert "run_key must be a new one for other values, got 'other', which three-copy-" in str(refused.value)
    assert f"(run {first.name}) with other parameters: suffix=-x; give another run key" in str(refused.value)
    assert runs_of("Copy") == before


DAY = datetime(2026, 3, 28, 6, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("at", "again", "told"),
    [
        (DAY, DAY + timedelta(days=1), "other at: 2026-03-28T06:00:00Z"),
        (None, DAY, "other at: none, so the time of its start"),
        (DAY, None, "other at: 2026-03-28T06:00:00Z"),
    ],
)
def test_the_same_key_for_another_time_is_refused_before_anything_is_started(client, finish, runs_of, at, again, told):
    key = f"{at} then {again}"
    first = finish(client.start("Copy", run_key=key, at=at))
    before = runs_of("Copy")
    with pytest.raises(RunKeyReusedError, match=rf"\(run {first.name}\) with {told}; give another run key"):
        client.start("Copy", run_key=key, at=again)
    assert runs_of("Copy") == before


def test_the_same_key_for_the_same_time_in_another_timezone_finds_the_run(client, finish):
    first = finish(client.start("Copy", run_key="zones", at=DAY))
    assert client.start("Copy", run_key="zones", at=DAY.astimezone(timezone(timedelta(hours=9)))) == first


def test_a_used_key_is_compared_with_the_start_that_a_redrive_repeats(client, stopped):
    """The first execution ended before it made a job; its redrive made the first one."""
    event = StartInput(run_key="redriven first", at=DAY).fields()
    envelope = RedriveEnvelope(event, attempt=1).render()
    run = start_with_input(client.account, client.job("Sleep"), envelope)
    until(lambda: client.attempts(run))
    with pytest.raises(RunKeyReusedError, match=r"with other at: 2026-03-28T06:00:00Z;"):
        client.start("Sleep", run_key="redriven first")
    assert client.start("Sleep", run_key="redriven first", at=DAY).arn == run.arn
    stopped(run)


def test_a_key_whose_run_made_no_job_yet_is_free(client):
    assert client.attempts_of_run_key("Copy", "never used") == []


def test_a_job_that_somebody_else_named_so_does_not_use_up_a_key(client, finish, taken):
    first = finish(client.start("Copy", run_key="known"))
    (attempt,) = client.attempts(first)
    assert client.attempts_of_run_key("Copy", "known") == [attempt]
    taken(attempt.name[:-1] + "2", like=attempt.name)
    assert client.attempts_of_run_key("Copy", "known") == [attempt]


@pytest.mark.parametrize("operation", ["DescribeStateMachine", "DescribeProcessingJob"])
def test_whoever_may_start_a_job_but_not_look_at_it_can_start_it(client, finish, operation):
    service = client.account.states if operation == "DescribeStateMachine" else client.account.sagemaker
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)

    def deny(**_):
        raise denied

    event = f"before-call.*.{operation}"
    service.meta.events.register(event, deny)
    try:
        run = client.start("Copy", {"suffix": "-denied"}, run_key=operation)
    finally:
        service.meta.events.unregister(event, deny)
    assert finish(run).outcome.status == "Completed"


def test_a_run_key_may_hold_any_letters(client, finish, input_of):
    key = "ä \U0001f600 'quoted' {% no %}"
    first = finish(client.start("Copy", run_key=key))
    assert input_of(first) == {"contract": VERSION, "run_key": key}
    assert [attempt.execution_arn for attempt in client.attempts_of_run_key("Copy", key)] == [first.arn]
