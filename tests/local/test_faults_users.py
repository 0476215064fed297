"""Faults as a user's own test injects them: into the stack of an app, deployed to ``local_aws``."""

import sys

from tests.local.test_pytest_plugin import THREE_JOBS, pytest_in

TEST = """
from cdk_processing.local import faults

def test_a_throttled_run_still_makes_one_job(local_aws):
    with local_aws.inject(faults.throttling(times=3)) as throttled:
        local_aws.put("Three/Raw", "in/a.txt", "hello")
        run = local_aws.wait_for_run("Three/Copy")
    assert run.succeeded
    assert throttled.hits == 3
    assert len(local_aws.aws.runs()) == 1
    assert local_aws.get("Results", "copy/a-copied.txt") == b"hello"

def test_an_event_that_comes_twice_still_makes_one_job(local_aws):
    before = len(local_aws.aws.runs())
    with local_aws.inject(faults.events_repeated(2, source="aws.s3")) as repeated:
        local_aws.put("Three/Raw", "in/b.txt", "hello")
        for _ in range(2):
            local_aws.wait_for_run("Three/Copy")
        assert repeated.hits == 1
    assert len(local_aws.aws.runs()) == before + 1
"""


def test_a_users_test_injects_faults_into_its_own_stack(tmp_path):
    for file in THREE_JOBS.rglob("*"):
        if file.is_file() and "cdk.out" not in file.parts:
            copy = tmp_path / file.relative_to(THREE_JOBS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    settings = f"cdk_processing_python = {sys.executable}\ncdk_processing_wait_scale = 0.01\n"
    done = pytest_in(tmp_path, TEST, settings)
    assert "2 passed" in done.stdout, done.stdout
