from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from cdk_processing.client import InvalidParametersError, RunKeyReusedError
from cdk_processing.client.parameters import read_parameters


@pytest.fixture(scope="module", autouse=True)
def input_is_there(three_jobs):
    three_jobs.put("Raw", "in/a.dat", "a")


def test_the_parameters_of_a_deployed_job_are_read_from_its_definition(client):
    (suffix,) = read_parameters(client.account, client.job("Copy"))
    assert (suffix.parameter, suffix.default, suffix.type, suffix.enum_values) == ("suffix", "-copied", "string", ())
    assert read_parameters(client.account, client.job("Break")) == ()


def test_nothing_is_started_with_parameters_that_do_not_fit(client):
    before = client.runs("Copy", limit=None)
    with pytest.raises(
        InvalidParametersError, match=r"sufix must be a parameter of Three/Copy, got 'x'; did you mean su"
    ):
        client.start("Copy", {"sufix": "x"})
    with pytest.raises(InvalidParametersError, match=r"suffix must be left out: Three/Break has no parameters"):
        client.start("Break", {"suffix": "x"})
    assert client.runs("Copy", limit=None) == before
    assert client.runs("Break", limit=None) == []


def test_numbers_and_truth_values_are_handed_over_as_text(client, finish, input_of):
    run = finish(client.start("Copy", {"suffix": 7}))
    assert input_of(run) == {"parameters": {"suffix": "7"}}
    assert run.succeeded
    assert input_of(client.start("Copy", {"suffix": True})) == {"parameters": {"suffix": "true"}}


def test_a_start_with_a_time_of_its_own_hands_it_over_in_utc(client, input_of):
    at = datetime(2026, 3, 28, 6, tzinfo=timezone(timedelta(hours=1)))
    assert input_of(client.start("Copy", run_key="day", at=at)) == {"run_key": "day", "time": "2026-03-28T05:00:00Z"}


@pytest.mark.parametrize("at", [datetime(2026, 3, 28), "2026-03-28"])
def test_a_time_without_a_timezone_starts_nothing(client, at):
    before = [run.arn for run in client.runs("Copy", limit=None)]
    with pytest.raises(InvalidParametersError, match=r"at must be a datetime with a timezone, got .*; write datetime"):
        client.start("Copy", at=at)
    assert [run.arn for run in client.runs("Copy", limit=None)] == before


def test_the_same_key_with_the_same_values_in_other_words_ends_as_a_duplicate(client, finish):
    first = finish(client.start("Copy", run_key="same"))
    again = finish(client.start("Copy", {"suffix": "-copied"}, run_key="same"))
    assert (first.outcome.status, again.outcome.status) == ("Completed", "Duplicate")
    assert [attempt.execution_arn for attempt in client.attempts_of_run_key("Copy", "same")] == [first.arn]


def test_the_same_key_with_other_values_is_refused_before_anything_is_started(client, finish):
    first = finish(client.start("Copy", {"suffix": "-x"}, run_key="other"))
    before = client.runs("Copy", limit=None)
    with pytest.raises(RunKeyReusedError) as refused:
        client.start("Copy", {"suffix": "-y"}, run_key="other")
    assert "run_key must be a new one for new parameters, got 'other', which three-copy-" in str(refused.value)
    assert f"(run {first.name}) with other parameters: suffix=-x; give another run key" in str(refused.value)
    assert client.runs("Copy", limit=None) == before


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
    assert input_of(first) == {"run_key": key}
    assert [attempt.execution_arn for attempt in client.attempts_of_run_key("Copy", key)] == [first.arn]
