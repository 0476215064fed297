"""Jobs that break a standard, forced past synth: the embedded AWS refuses each by the Deny statements of its role."""

import runpy
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "apps" / "standards"
BROKEN = runpy.run_path(str(APP / "app.py"))["BROKEN"]


@pytest.fixture(scope="module")
def ended():
    """How the one run of each job ended, by the job's id."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    jobs = ["Good", "GoodWithLocalStorage", *BROKEN]
    with LocalAws(python=sys.executable, wait_scale=0.02) as aws, DeployedAws(aws) as deployed:
        deployed.deploy(None, folder=APP)
        for name in jobs:
            deployed.start(f"Held/{name}")
        runs = {name: deployed.wait_for_run(f"Held/{name}", must_succeed=False) for name in jobs}
        yield {name: (run.succeeded, deployed.processing.explain(run).failure_reason) for name, run in runs.items()}


@pytest.mark.parametrize("name", ["Good", "GoodWithLocalStorage"])
def test_a_job_that_meets_the_standards_runs(ended, name):
    assert ended[name] == (True, None)


@pytest.mark.parametrize("name", BROKEN)
def test_a_job_that_breaks_a_standard_is_refused_at_run_time(ended, name):
    succeeded, reason = ended[name]

    assert not succeeded
    assert "is not authorized to perform: sagemaker:CreateProcessingJob" in reason
    assert "with an explicit deny" in reason
