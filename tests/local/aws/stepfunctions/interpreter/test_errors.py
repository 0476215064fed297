"""Choice, Wait, Fail, Retry and Catch. Recorded in localstack/localstack, tests/aws/services/stepfunctions/v2."""

import pytest

CAUGHT = {"Type": "Pass", "End": True}


def test_a_fail_state_without_fields_fails_without_error_and_cause(play):
    # base/test_base.py::TestSnfBase::test_state_fail_empty
    ended = play({"Type": "Fail"})
    assert ended["status"] == "FAILED"
    assert not {"error", "cause", "output"} & set(ended)
    assert ended["types"] == ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]


def test_a_fail_state_takes_its_texts_from_paths_and_functions(play):
    # base/test_base.py::TestSnfBase::test_state_fail_intrinsic
    state = {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('{} happened', $.e)"}
    ended = play(state, {"e": "Boom"})
    assert (ended["error"], ended["cause"]) == ("Boom", "Boom happened")


@pytest.mark.parametrize(
    ("seconds", "cause"),
    [
        (-1, "The SecondsPath parameter references a negative value: $.s == -1"),
        (1.5, "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"),
        (None, "The SecondsPath parameter cannot be parsed as a long value: $.s == null"),
    ],
)
def test_a_wait_for_no_whole_number_of_seconds_fails(play, seconds, cause):
    # base/test_wait.py::TestSfnWait::test_base_wait_seconds_path
    ended = play({"Type": "Wait", "SecondsPath": "$.s"}, {"s": seconds})
    assert ended["error"] == "States.Runtime"
    assert ended["cause"].endswith(cause)


@pytest.mark.parametrize("time", ["2016-12-05 21:29:29Z", "2016-12-05T21:29:29", "2016-13-05T21:29:29Z"])
def test_a_wait_until_no_timestamp_fails(play, time):
    # scenarios/test_base_scenarios.py::TestBaseScenarios::test_wait_timestamp_path
    ended = play({"Type": "Wait", "TimestampPath": "$.t"}, {"t": time})
    told = "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
    assert ended["cause"].endswith(f"{told}$.t == {time}")


def test_a_wait_of_more_than_68_years_fails(play):
    # base/test_wait.py::TestSfnWait::test_timestamp_too_far_in_future_boundary
    ended = play({"Type": "Wait", "Timestamp": "2199-01-01T00:00:00Z"})
    assert ended["cause"].endswith("Wait state delay is too long.")


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"Variable": "$.no", "IsPresent": False}, True),
        ({"Variable": "$.b", "BooleanEqualsPath": "$.b"}, True),
        ({"Variable": "$.t", "TimestampLessThan": "2020-01-01T00:00:00+02:00"}, True),
        ({"Variable": "$.s", "StringMatches": r"a\*b*"}, True),
        ({"Variable": "$.s", "NumericEquals": 1}, False),
        ({"Not": {"Variable": "$.n", "NumericGreaterThan": 1}}, True),
        ({"Variable": "$.n", "IsString": True}, False),
    ],
)
def test_a_rule_of_a_choice_holds_as_in_aws(play, rule, holds):
    # choice_operators/
    states = {
        "Choose": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    given = {"b": True, "t": "2019-12-31T00:00:00Z", "s": "a*bc", "n": 1}
    assert play(states, given)["output"] is holds


@pytest.mark.parametrize("error", ["States.ALL", "States.TaskFailed"])
def test_states_all_does_not_catch_a_path_that_leads_nowhere(play, error):
    # error_handling/test_states_errors.py::TestStatesErrors::test_catch_states_runtime
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues",
        "Parameters": {"QueueNamePrefix.$": "$.no"},
        "Catch": [{"ErrorEquals": [error], "Next": "Caught"}],
        "End": True,
    }
    ended = play({"Call": task, "Caught": CAUGHT})
    assert ended["error"] == "States.Runtime"
    assert "TaskFailed" not in ended["types"]


def test_states_all_catches_an_expression_that_fails(play):
    # scenarios/test_base_scenarios.py: the state 'Fallback' sees $states.errorOutput
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues",
        "Arguments": {"QueueNamePrefix": "{% $no %}"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}],
        "End": True,
    }
    assert play({"Call": task, "Caught": CAUGHT}, QueryLanguage="JSONata")["output"] == "States.QueryEvaluationError"


def test_a_task_that_takes_too_long_has_an_event_and_no_cause(play, world):
    # timeouts/test_timeouts.py::TestTimeouts::test_service_lambda_map_timeout and its neighbours
    inner = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}}
    waits = world.machine(inner, world.role("states.amazonaws.com", []))
    start = "arn:aws:states:::states:startExecution.sync"
    ended = play({"Type": "Task", "Resource": start, "Parameters": {"StateMachineArn": waits}, "TimeoutSeconds": 1})
    assert ended["types"][-2:] == ["TaskTimedOut", "ExecutionFailed"]
    assert ended["error"] == "States.Timeout"
    assert "cause" not in ended
