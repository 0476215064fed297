"""Jobs that break a standard, forced past synth: the embedded AWS refuses each by the Deny statements of its role."""

import json
import runpy
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "apps" / "standards"
BROKEN = runpy.run_path(str(APP / "app.py"))["BROKEN"]


@pytest.fixture(scope="module")
def deployed():
    """The jobs of the app, deployed without the validation of synth."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    with LocalAws(python=sys.executable, wait_scale=0.02) as aws, DeployedAws(aws) as deployed:
        deployed.deploy(None, folder=APP)
        yield deployed


@pytest.fixture(scope="module")
def ended(deployed):
    """How the one run of each job ended, by the job's id."""
    jobs = ["Good", "GoodWithLocalStorage", *BROKEN]
    for name in jobs:
        deployed.start(f"Held/{name}")
    return {name: outcome(deployed, name) for name in jobs}


def outcome(deployed, name):
    run = deployed.wait_for_run(f"Held/{name}", must_succeed=False)
    return run.succeeded, deployed.processing.explain(run).failure_reason


@pytest.mark.parametrize("name", ["Good", "GoodWithLocalStorage"])
def test_a_job_that_meets_the_standards_runs(ended, name):
    assert ended[name] == (True, None)


@pytest.mark.parametrize("name", BROKEN)
def test_a_job_that_breaks_a_standard_is_refused_at_run_time(ended, name):
    succeeded, reason = ended[name]

    assert not succeeded
    assert "is not authorized to perform: sagemaker:CreateProcessingJob" in reason
    assert "with an explicit deny" in reason


def test_an_edited_definition_is_refused_at_run_time(deployed, ended):
    machine = deployed.deployment.job("Held/Good").state_machine_arn
    states = deployed.client("stepfunctions")
    definition = json.loads(states.describe_state_machine(stateMachineArn=machine)["definition"])
    definition["States"]["RunJob"]["Arguments"]["NetworkConfig"]["EnableNetworkIsolation"] = False
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
    deployed.start("Held/Good")

    succeeded, reason = outcome(deployed, "Good")

    assert ended["Good"] == (True, None)
    assert not succeeded
    assert "with an explicit deny" in reason
