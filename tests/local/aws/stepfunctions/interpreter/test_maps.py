"""Map and Parallel. Recorded in localstack/localstack, v2/scenarios/test_base_scenarios.py::TestBaseScenarios."""

import pytest

PASS = {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "Item", "States": {"Item": {"Type": "Fail", "Error": "E", "Cause": "C"}}}
ITERATION = ["MapIterationStarted", "PassStateEntered", "PassStateExited", "MapIterationSucceeded"]


def test_the_history_shows_what_lies_inside_a_map(play):
    # test_map_state
    ended = play({"Type": "Map", "ItemsPath": "$.a", "ItemProcessor": PASS}, {"a": [1, {}, None]})
    assert ended["output"] == [1, {}, None]
    inside = ["MapStateStarted", *ITERATION * 3, "MapStateSucceeded", "MapStateExited"]
    assert ended["types"] == ["ExecutionStarted", "MapStateEntered", *inside, "ExecutionSucceeded"]
    assert ended["events"][2]["mapStateStartedEventDetails"] == {"length": 3}
    assert ended["events"][7]["mapIterationStartedEventDetails"] == {"name": "Only", "index": 1}


def test_each_retry_of_a_map_starts_it_again(play):
    # test_map_state_retry
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    ended = play({"Type": "Map", "ItemProcessor": FAIL, "Retry": retry}, [1])
    tried = ["MapStateStarted", "MapIterationStarted", "FailStateEntered", "MapIterationFailed"]
    assert ended["types"][2:] == [*tried, *tried, "MapStateFailed", "ExecutionFailed"]
    assert (ended["error"], ended["cause"]) == ("E", "C")


def test_the_history_shows_what_lies_inside_a_parallel(play):
    # test_parallel_state
    ended = play({"Type": "Parallel", "Branches": [PASS, PASS]}, [1])
    branch = ["PassStateEntered", "PassStateExited"]
    inside = ["ParallelStateStarted", *branch, *branch, "ParallelStateSucceeded", "ParallelStateExited"]
    assert ended["types"][2:-1] == inside
    assert ended["output"] == [[1], [1]]


def test_a_branch_that_fails_ends_the_others_and_can_be_caught(play):
    # test_parallel_state_catch
    slow = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100000, "End": True}}}
    catch = [{"ErrorEquals": ["E"], "ResultPath": "$.told", "Next": "Caught"}]
    states = {
        "Both": {"Type": "Parallel", "Branches": [slow, FAIL], "Catch": catch, "End": True},
        "Caught": {"Type": "Pass", "End": True},
    }
    ended = play(states, {"kept": 1})
    assert ended["output"] == {"kept": 1, "told": {"Error": "E", "Cause": "C"}}
    assert "WaitStateExited" not in ended["types"]
    assert ended["types"][-5:-3] == ["ParallelStateFailed", "ParallelStateExited"]


def test_a_branch_reads_the_variables_around_it_and_keeps_its_own(play):
    # assign/test_assign_base.py::TestAssignBase::test_base_parallel_cases
    inner = {"Type": "Pass", "Assign": {"x": 2}, "Output": "{% $x %}", "End": True}
    branch = {"StartAt": "I", "States": {"I": inner}}
    states = {
        "Set": {"Type": "Pass", "Assign": {"x": 1}, "Next": "Both"},
        "Both": {"Type": "Parallel", "Branches": [branch], "Next": "Read"},
        "Read": {"Type": "Pass", "Output": "{% [$states.input, $x] %}", "End": True},
    }
    assert play(states, QueryLanguage="JSONata")["output"] == [1, 1]


@pytest.mark.parametrize(
    ("value", "told"),
    [({}, 'value "{}" which is not a valid integer: $.m'), ("No", 'value "No" which is not a valid integer: $.m')],
)
def test_a_path_to_no_number_fails_a_map_before_it_starts(play, value, told):
    # test_max_concurrency_path
    ended = play({"Type": "Map", "ItemsPath": "$.a", "MaxConcurrencyPath": "$.m", "ItemProcessor": PASS}, {"m": value})
    assert ended["error"] == "States.Runtime"
    assert ended["cause"].endswith(f"The MaxConcurrencyPath field refers to {told}")
    assert ended["types"][1:] == ["MapStateEntered", "ExecutionFailed"]


def test_items_that_are_no_array_fail_a_map_of_jsonata(play):
    # test_map_state_items_eval_jsonata_fail
    state = {"Type": "Map", "QueryLanguage": "JSONata", "Items": "{% 1 %}", "ItemProcessor": PASS}
    ended = play(state)
    assert ended["types"][2:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]
    told = "The JSONata expression '1' specified for the field 'Items' returned an unexpected result type. "
    assert ended["cause"].endswith(told + "Expected 'array', but was 'number' for value: 1")
