"""How patiently a job is launched."""

import pytest

from cdk_processing import (
    DeclarationError,
    ExecutionVariables,
    LaunchPolicy,
    OnSchedule,
)
from tests.workflow.states_language import evaluate

V = ExecutionVariables


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("provisioning_slack_seconds", 59, "from 60 to 86,400"),
        ("provisioning_slack_seconds", 86_401, "from 60 to 86,400"),
        ("retry_seconds", 0, "from 1 to 3,600"),
        ("retry_limit_seconds", 86_401, "from 1 to 86,400"),
        ("retries", -1, "from 0 to 899"),
        ("retries", 900, "from 0 to 899"),
        ("attempts", 0, "from 1 to 20"),
        ("attempts", 21, "from 1 to 20"),
        ("attempts", 1.5, "from 1 to 20"),
        ("attempts", True, "from 1 to 20"),
        ("attempts", "3", "from 1 to 20"),
    ],
)
def test_a_launch_policy_beyond_its_bounds_is_told(refused, field, value, allowed):
    assert refused(launch_policy=LaunchPolicy(**{field: value})) == (
        f"launch_policy.{field} must be a whole number {allowed}, got {value!r}; correct it (Job)"
    )


@pytest.mark.parametrize("policy", [5, {"retries": 3}, None])
def test_what_is_no_launch_policy_is_told(refused, policy):
    assert refused(launch_policy=policy) == (
        f"launch_policy must be a LaunchPolicy, got {policy!r}; write LaunchPolicy(retries=10) (Job)"
    )


def test_problems_of_policy_and_triggers_are_told_together(declare):
    with pytest.raises(DeclarationError) as raised:
        declare(OnSchedule("rate(1 hour)", overlap="wait"), launch_policy=LaunchPolicy(attempts=0, retries=-1))

    assert [problem.field for problem in raised.value.problems] == [
        "triggers[0].overlap",
        "launch_policy.retries",
        "launch_policy.attempts",
    ]


@pytest.mark.parametrize(
    "bounds",
    [
        {"provisioning_slack_seconds": 60, "retry_seconds": 1, "retry_limit_seconds": 1, "retries": 0, "attempts": 1},
        {"retry_seconds": 3_600, "retry_limit_seconds": 86_400, "retries": 44, "attempts": 20},
    ],
)
def test_a_launch_policy_at_its_bounds_is_taken(declare, states, bounds):
    declare(launch_policy=LaunchPolicy(**bounds))

    longest = evaluate(states()["Backoff"]["Seconds"].replace("$random()", "0.999999999"), {"tries": 50})
    assert longest <= bounds["retry_limit_seconds"]
    assert longest >= bounds["retry_limit_seconds"] - 1


def test_a_job_waits_for_its_own_limit_and_its_hosts(declare, states):
    declare(launch_policy=LaunchPolicy(provisioning_slack_seconds=600))

    assert states()["RunJob"]["TimeoutSeconds"] == 86_400 + 600
