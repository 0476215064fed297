"""How patiently a job is launched."""

import pytest

from cdk_processing import LaunchPolicy


@pytest.mark.parametrize(
    "policy", [LaunchPolicy(), LaunchPolicy(retries=899, attempts=1), LaunchPolicy(retries=44, attempts=20)]
)
def test_a_policy_whose_tries_an_executions_history_holds_is_taken(policy):
    assert policy.problems() == []


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (
            LaunchPolicy(retries=450, attempts=2),
            "launch_policy.retries must be at most 449 with attempts=2: an execution's history holds 25,000 events, "
            "got 450; lower it and raise retry_limit_seconds",
        ),
        (
            LaunchPolicy(retries=300),
            "launch_policy.retries must be at most 299 with attempts=3: an execution's history holds 25,000 events, "
            "got 300; lower it and raise retry_limit_seconds",
        ),
        (
            LaunchPolicy(attempts=0),
            "launch_policy.attempts must be a whole number from 1 to 20, got 0; correct it",
        ),
    ],
)
def test_a_policy_that_cannot_work_says_what_can(policy, told):
    assert [str(problem) for problem in policy.problems()] == [told]
