"""What the last release deployed, in the hands of today's client: listed, started, redriven, read."""

import json
import sys
from pathlib import Path

import pytest

from cdk_processing.client import InvalidParametersError, NothingToRedriveError, RunKeyReusedError
from cdk_processing.contract.names import JobName
from cdk_processing.contract.version import VERSION
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.testing import DeployedAws
from tests.conftest import THREE_JOBS
from tests.patience import PATIENCE

RELEASE = Path(__file__).parents[1] / "data" / "releases" / "f66f81a"


def last_release():
    with LocalAws(python=sys.executable) as aws, DeployedAws(aws) as found:
        found.deploy(RELEASE / "example")
        found.deploy(RELEASE / "three_jobs")
        found.put("Three/Raw", "in/a.dat", "a")
        yield found


deployed = pytest.fixture(last_release, scope="module", name="deployed")
to_deploy_anew = pytest.fixture(last_release, name="to_deploy_anew")


@pytest.fixture(scope="module")
def client(deployed):
    return deployed.processing


@pytest.fixture(scope="module")
def finish(client):
    return lambda run: client.wait(run, timeout=PATIENCE, poll_seconds=0.05)


def test_the_jobs_are_listed_with_the_version_of_that_release(client):
    assert [(job.name, job.base_name, job.contract) for job in client.jobs()] == [
        ("Cancer/Evaluate", "cancer-evaluate", 1),
        ("Cancer/Preprocess", "cancer-preprocess", 1),
        ("Three/Break", "three-break", 1),
        ("Three/Copy", "three-copy", 1),
        ("Three/Sleep", "three-sleep", 1),
    ]
    assert all(job.dead_letters for job in client.jobs())


def test_the_templates_say_what_launches_the_jobs_and_where_their_outputs_go(deployed):
    preprocess, curated = deployed.deployment.job("Cancer/Preprocess"), deployed.bucket("Cancer/Curated")

    assert preprocess.triggers == (
        f"object created in s3://{deployed.bucket('Cancer/Raw')}/cancer/ ending .csv",
        "schedule cron(0 6 * * ? *) Europe/Berlin",
    )
    assert preprocess.outputs == {"train_data": f"s3://{curated}/train/", "test_data": f"s3://{curated}/test/"}


def test_a_job_is_started_with_the_parameters_that_it_declares(deployed, client, finish):
    deployed.put("Three/Raw", "in/hello.dat", "hello")
    run = finish(client.start("Three/Copy", {"suffix": "-old"}, run_key="parameters"))

    assert run.outcome.status == "Completed"
    assert dict(run.outcome.outputs) == {"result": f"s3://{deployed.bucket('Three/Results')}/copy/"}
    assert [attempt.is_of(run.job) for attempt in client.attempts(run)] == [True]
    with pytest.raises(InvalidParametersError, match=r"sufix .* did you mean suffix"):
        client.start("Three/Copy", {"sufix": "x"})
    with pytest.raises(InvalidParametersError, match=r"split_ration .* did you mean split_ratio"):
        client.start("Cancer/Preprocess", {"split_ration": "0.3"})


def test_a_run_key_is_known_again(client, finish):
    first = finish(client.start("Three/Copy", {"suffix": "-1"}, run_key="again"))
    second = client.start("Three/Copy", {"suffix": "-1"}, run_key="again")

    assert (first.outcome.status, second.arn) == ("Completed", first.arn)
    assert [attempt.execution_arn for attempt in client.attempts_of_run_key("Three/Copy", "again")] == [first.arn]
    with pytest.raises(RunKeyReusedError, match="suffix=-1"):
        client.start("Three/Copy", {"suffix": "-2"}, run_key="again")


def test_an_arrival_is_known_by_the_run_id_that_is_computed_here(deployed, client):
    deployed.put("Three/Raw", "in/arrived.txt", "text")
    run = deployed.wait_for_run("Three/Copy")

    assert JobName.parse(client.attempts(run)[0].name).run_id == run.outcome.run_id


def test_a_run_that_failed_is_explained_and_redriven(deployed, client, finish):
    run = finish(client.start("Three/Break", run_key="fails"))
    diagnosis = client.explain(run)

    assert (run.status, diagnosis.exit_message) == ("FAILED", "good.txt is missing")
    assert diagnosis.failure_reason.startswith("AlgorithmError")
    deployed.put("Three/Raw", "in/good.txt", "good")
    again = finish(client.redrive(run))
    deployed.client("s3").delete_object(Bucket=deployed.bucket("Three/Raw"), Key="in/good.txt")
    assert [attempt.number for attempt in client.attempts(again)] == [2]
    with pytest.raises(NothingToRedriveError, match="redriven already"):
        client.redrive(run)
    assert [letter.execution_arn for letter in client.delete_dead_letters_of(run)] == [run.arn]


def test_a_dead_letter_of_the_example_app_is_read(deployed, client, finish):
    # Here no scikit-learn is installed, so the job fails.
    uri = deployed.put("Cancer/Raw", "cancer/a.csv", "a,target\n1,0\n")
    run = deployed.wait_for_run("Cancer/Preprocess", must_succeed=False)
    [letter] = client.dead_letters("Cancer/Preprocess")

    assert (letter.kind, letter.job, letter.execution_arn) == ("run", "Cancer/Preprocess", run.arn)
    assert letter.run_key.startswith(f"{uri}@")
    assert letter.attempt == 1
    assert letter.reason.startswith("AlgorithmError")
    assert letter.event["detail"]["object"]["key"] == "cancer/a.csv"


def test_a_letter_that_the_last_release_left_is_redriven_once_the_app_was_deployed_anew(
    to_deploy_anew,
):
    deployed, client = to_deploy_anew, to_deploy_anew.processing

    def finish(run):
        return client.wait(run, timeout=PATIENCE, poll_seconds=0.05)

    run = finish(client.start("Three/Break", run_key="before"))
    [letter] = client.dead_letters("Three/Break")
    assert "contract" not in json.loads(letter.body)

    deployed.deploy(None, folder=THREE_JOBS)

    assert client.job("Three/Break").contract == VERSION
    deployed.put("Three/Raw", "in/good.txt", "good")
    [result] = client.redrive_dead_letters("Three/Break")
    again = finish(result.run)
    assert again.outcome.status == "Completed"
    assert again.outcome.run_id == letter.run_id
    assert [attempt.number for attempt in client.attempts(again)] == [2]
    assert [attempt.number for attempt in client.attempts(run)] == [1]
    # What ran before is known to have run.
    assert client.start("Three/Break", run_key="before").arn == again.arn
