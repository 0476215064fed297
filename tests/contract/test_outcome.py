import json

import pytest

from cdk_processing.contract.outcome import Outcome


@pytest.mark.parametrize("output", [None, "", "not JSON", "null", "[]", '"Completed"', "{}", '{"status": 1}'])
def test_the_output_of_somebody_else_s_state_machine_has_no_outcome(output):
    assert Outcome.parse(output) is None


def test_a_completed_run_tells_its_job_and_its_outputs():
    outcome = Outcome.parse(
        '{"status": "Completed", "run_id": "r", "job_name": "j", "outputs": {"train": "s3://a/b/"}}'
    )
    assert outcome == Outcome("Completed", "r", "j", outputs=(("train", "s3://a/b/"),), version=1)
    assert outcome.did_something
    assert str(outcome) == "Completed"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("Superseded", "Superseded: nothing was done: a newer version of the object arrived first"),
        (
            "Skipped",
            "Skipped: nothing was done: an earlier run was still running, and runs of this schedule do not overlap",
        ),
        ("Duplicate", "Duplicate: nothing was done: another run has the same run key"),
        ("Waiting", "Waiting: nothing was done: the last marker launches the run"),
    ],
)
def test_a_run_that_did_nothing_says_why(status, said):
    outcome = Outcome.parse(json.dumps({"status": status}))
    assert not outcome.did_something
    assert str(outcome) == said


def test_a_run_that_waited_names_what_was_missing():
    outcome = Outcome("Waiting", "r", "j", missing=("prices", "stock"))

    assert str(outcome).endswith("launches the run; still missing: prices, stock")
    assert Outcome.parse(json.dumps(outcome.render())) == outcome


def test_a_duplicate_tells_whose_it_is_and_how_that_went():
    told = {
        "status": "Duplicate",
        "job_name": "j-1",
        "job_status": "Failed",
        "made_by": "arn:aws:states:r:1:execution:m:n",
    }
    assert str(Outcome.parse(json.dumps(told))).endswith("has the same run key (n; its job j-1 was Failed)")
