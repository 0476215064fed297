"""What the tests of the client share: a client of the three jobs, and ways to bring a deployed job into trouble."""

import json
from contextlib import contextmanager

import pytest

from cdk_processing.client.runs import start_with_input
from cdk_processing.contract.start import StartInput
from tests.patience import PATIENCE, until


@pytest.fixture(scope="module")
def client(three_jobs):
    return three_jobs.processing


@pytest.fixture(scope="module")
def finish(client):
    """Wait for the end of a run."""
    return lambda run: client.wait(run, timeout=PATIENCE, poll_seconds=0.05)


@pytest.fixture(scope="module")
def runs_of(client):
    """The runs that a job has had. Their states and their order change as those of earlier tests end."""
    return lambda job: {run.arn for run in client.runs(job, limit=None)}


@pytest.fixture(scope="module")
def start_anyway(client):
    """Start a job though another run may have its run key, as whoever starts at the same moment does."""

    def start(job, run_key, **parameters):
        return start_with_input(client.account, client.job(job), StartInput(parameters, run_key).render())

    return start


@pytest.fixture(scope="module")
def stopped(client):
    """A run that was stopped while its job ran, once the job has stopped too."""

    def stop(run):
        until(lambda: client.attempts(run))
        ended = client.stop(run)
        until(lambda: client.attempts(run)[-1].has_ended)
        return ended

    return stop


@pytest.fixture(scope="module")
def input_of(three_jobs):
    """What a run was started with."""
    states = three_jobs.client("stepfunctions")
    return lambda run: json.loads(states.describe_execution(executionArn=run.arn)["input"])


@pytest.fixture(scope="module")
def changed(three_jobs):
    """Change the definition of a deployed job for a while."""
    states = three_jobs.client("stepfunctions")

    @contextmanager
    def change(job, edit):
        text = states.describe_state_machine(stateMachineArn=job.state_machine_arn)["definition"]
        definition = json.loads(text)
        edit(definition)
        states.update_state_machine(stateMachineArn=job.state_machine_arn, definition=json.dumps(definition))
        yield
        states.update_state_machine(stateMachineArn=job.state_machine_arn, definition=text)

    return change


@pytest.fixture(scope="module")
def taken(three_jobs):
    """Take the name of a processing job, as somebody outside may do; the job is like another one."""
    sagemaker = three_jobs.client("sagemaker")

    def take(name, like, **more):
        described = sagemaker.describe_processing_job(ProcessingJobName=like)
        fields = ("ProcessingResources", "AppSpecification", "RoleArn", "ProcessingOutputConfig", "ProcessingInputs")
        request = {field: described[field] for field in fields if described.get(field)}
        sagemaker.create_processing_job(ProcessingJobName=name, **request, **more)

    return take
