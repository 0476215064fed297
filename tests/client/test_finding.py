"""A run is found by each of its names, and by a beginning that no other run has; each refusal lists what is meant."""

import pytest
from botocore.exceptions import ClientError

from cdk_processing.client import AmbiguousRunError, Job, NothingToRedriveError, UnknownJobError, UnknownRunError
from cdk_processing.client.finding import find_run
from cdk_processing.contract.environment import EXECUTION_VARIABLE
from cdk_processing.contract.names import JobName
from tests.patience import until


@pytest.fixture(scope="module")
def completed(three_jobs, client, finish):
    three_jobs.put("Raw", "in/a.dat", "a")
    return finish(client.start("Copy", run_key="found"))


@pytest.fixture(scope="module")
def name(client, completed):
    """The name of its processing job, in its parts."""
    return JobName.parse(client.attempts(completed)[0].name)


def test_a_run_is_found_by_each_of_its_names(client, completed, name):
    processing_job = client.account.sagemaker.describe_processing_job(ProcessingJobName=str(name))
    names = (
        name.run_id,
        name.run_id[:8],
        str(name),
        f"{name.base}-{name.run_id}",
        f"{name.base}-{name.run_id[:5]}",
        processing_job["ProcessingJobArn"],
        completed.name,
        completed.name[:12],
        completed.arn,
    )

    assert [client.run("Copy", each).arn for each in names] == [completed.arn] * len(names)
    assert client.run_id(completed) == name.run_id


def test_each_operation_on_a_run_also_takes_its_job_and_one_of_its_names(client, completed, name):
    (attempt,) = client.attempts(completed)

    for each in (name.run_id[:8], completed.name, str(name), completed.arn):
        assert client.wait("Copy", each) == completed
        assert client.refresh("Copy", each) == completed
        assert client.run_id("Copy", each) == name.run_id
        assert client.attempts(client.job("Copy"), each) == [attempt]
        assert client.explain("Copy", each).run == completed
        assert list(client.logs("Copy", each)) == list(client.logs(completed))
        assert client.stop("Copy", each) == completed  # it has ended
        assert client.delete_dead_letters_of("Copy", each) == []
        with pytest.raises(NothingToRedriveError):
            client.redrive("Copy", each)


def test_the_arn_of_an_execution_names_the_job_too(client, completed):
    assert client.wait(completed.arn) == completed
    with pytest.raises(UnknownJobError):
        client.wait(completed.arn.replace(":execution:", ":execution:No"))


def test_without_a_name_stop_means_the_latest_run_that_runs(client, stopped):
    running = client.start("Sleep")
    until(lambda: client.attempts(running))
    stopped(client.start("Sleep"))

    assert client.stop("Sleep").arn == running.arn


def test_a_name_beside_a_run_is_refused(client, completed):
    with pytest.raises(UnknownRunError, match=r"name must be left out beside a run, got 'x'; pass the"):
        client.wait(completed, "x")


def test_without_a_name_the_latest_run_is_meant_or_the_latest_in_a_state(client, completed, finish):
    latest = finish(client.start("Copy"))

    assert client.run("Copy").arn == latest.arn
    assert client.run("Copy", prefer="TIMED_OUT").arn == latest.arn  # there is none


def test_the_run_id_of_a_duplicate_is_that_of_the_run_that_did_the_work(client, completed, name, finish, start_anyway):
    duplicate = finish(start_anyway("Copy", "found"))

    assert client.run_id(duplicate) == name.run_id
    assert client.run("Copy", name.run_id).arn == completed.arn
    assert client.run("Copy", duplicate.name).arn == duplicate.arn


def test_after_a_redrive_the_run_id_means_the_redrive_and_each_processing_job_its_own_run(client, stopped):
    first = stopped(client.start("Sleep", run_key="redriven"))
    name = JobName.parse(client.attempts(first)[0].name)
    again = client.redrive(first)

    assert client.run("Sleep", name.run_id).arn == again.arn
    until(lambda: client.attempts(again))
    assert client.run("Sleep", name.run_id).arn == again.arn
    assert client.run("Sleep", str(name)).arn == first.arn
    assert client.run("Sleep", str(name.with_attempt(2))).arn == again.arn
    stopped(again)


def test_a_run_that_made_no_processing_job_is_found_by_its_run_id_too(three_jobs, client, finish):
    wrong = '{"run_key": "no job", "parameters": {"nonsense": "1"}}'
    started = three_jobs.client("stepfunctions").start_execution(
        stateMachineArn=client.job("Copy").state_machine_arn, input=wrong
    )
    run = finish(client.run("Copy", started["executionArn"]))
    run_id = client.run_id(run)

    assert client.attempts(run) == []
    assert client.run("Copy", run_id[:8]).arn == run.arn
    assert client.run("Copy", run_id).arn == run.arn


def test_a_beginning_that_several_runs_have_is_refused_with_a_line_for_each(client, completed, finish):
    other = finish(client.start("Copy"))
    with pytest.raises(AmbiguousRunError) as refused:
        client.run("Copy", "three-copy-")

    said = str(refused.value)
    assert said.startswith(
        "Several runs of Three/Copy begin with 'three-copy-'; give more of the id of one of them:\n  "
    )
    assert f"  {client.run_id(other)}  SUCCEEDED  " in said
    assert f"  {other.name}" in said
    assert said.count("\n  ") == len(refused.value.candidates)


def test_a_name_that_no_run_has_is_refused_with_the_latest_runs(client, completed):
    latest = client.run("Copy")
    for text in ("nonsense", "ffffffff", "f" * 32, f"three-copy-{'f' * 32}-1", "no such name: it has a colon"):
        with pytest.raises(UnknownRunError) as refused:
            client.run("Copy", text)
        assert str(refused.value).startswith(f"Three/Copy has no run {text!r}; the latest are\n  ")
        assert latest.name in str(refused.value)


def test_a_job_that_never_ran_says_so(client):
    with pytest.raises(UnknownRunError, match="Three/Break has not run yet; start it with `cdk-processing start"):
        client.run("Break")
    with pytest.raises(UnknownRunError, match="Three/Break has no run 'x'; it has not run yet"):
        client.run("Break", "x")


def test_the_arn_of_another_job_s_run_is_refused(client, completed):
    with pytest.raises(UnknownRunError, match=r"is no run of Three/Sleep; its runs begin with arn:aws:states:"):
        client.run("Sleep", completed.arn)


def test_of_two_jobs_with_one_base_name_each_finds_its_own_runs(client, completed, name, taken):
    """As two apps may deploy them; within an app they are refused."""
    copy = client.job("Copy")
    twin = Job("Other/Copy", copy.base_name, f"{copy.state_machine_arn}Twin")
    theirs = JobName(copy.base_name, f"{name.run_id[:31]}{'0' if name.run_id[31] != '0' else '1'}", 1)
    taken(str(theirs), like=str(name), Environment={EXECUTION_VARIABLE: f"{twin.executions}e1"})

    assert client.run(copy, name.run_id[:31]).arn == completed.arn
    with pytest.raises(UnknownRunError, match="Three/Copy has no run"):
        client.run(copy, str(theirs))


def test_a_caller_who_may_not_list_processing_jobs_finds_runs_by_their_executions(client, completed, name):
    events, denied = client.account.sagemaker.meta.events, {"Error": {"Code": "AccessDeniedException", "Message": "no"}}

    def deny(**_):
        raise ClientError(denied, "ListProcessingJobs")

    events.register("before-call.sagemaker.ListProcessingJobs", deny)
    try:
        assert find_run(client.account, completed.job, completed.name[:12]).arn == completed.arn
        assert find_run(client.account, completed.job, name.run_id).arn == completed.arn
    finally:
        events.unregister("before-call.sagemaker.ListProcessingJobs", deny)
