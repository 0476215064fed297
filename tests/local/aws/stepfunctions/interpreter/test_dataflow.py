"""JSONPath from input to output. Recorded in localstack/localstack, tests/aws/services/stepfunctions/v2."""

import pytest

USERS = [{"year": 1997, "status": 0}, {"year": 2001, "status": 2}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.users[?(@.year == 1997)]", [USERS[0]]),
        ("$.users[1:]", [USERS[1]]),
        ("$.users[*].year", [1997, 2001]),
        ("$.users[-1].status", 2),
        ("$.none[1:].year", []),
        ("$['users'][0]['year']", 1997),
    ],
)
def test_a_path_reads_filters_slices_and_names(play, path, expected):
    # base/test_base.py::TestSnfBase::test_state_pass_regex_json_path_base, test_json_path_array_wildcard_or_slice...
    state = {"Type": "Pass", "Parameters": {"found.$": path}}
    assert play(state, {"users": USERS})["output"] == {"found": expected}


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        (
            {"Parameters": {"v.$": "$.no"}},
            "The JSONPath '$.no' specified for the field 'v.$' could not be found in the input '{\"a\":1}'",
        ),
        ({"InputPath": "$.no"}, "Invalid path '$.no' : No results for path: $['no']"),
        ({"OutputPath": "$.no.such"}, "Invalid path '$.no.such' : Missing property in path $['no']"),
    ],
)
def test_a_path_that_leads_nowhere_fails_with_the_words_of_aws(play, state, cause):
    # scenarios/test_base_scenarios.py::TestBaseScenarios::test_invalid_jsonpath
    ended = play({"Type": "Pass", **state}, {"a": 1})
    where = "An error occurred while executing the state 'Only' (entered at the event id #2). "
    assert (ended["error"], ended["cause"]) == ("States.Runtime", where + cause)


def test_variables_of_jsonpath_are_assigned_and_read(play):
    # assign/test_assign_reference_variables.py::TestAssignReferenceVariables::test_reference_assign
    states = {
        "Set": {"Type": "Pass", "Parameters": {"answer": 42}, "Assign": {"kept.$": "$.answer"}, "Next": "Read"},
        "Read": {"Type": "Pass", "Parameters": {"value.$": "$kept"}, "End": True},
    }
    ended = play(states)
    assert ended["output"] == {"value": 42}
    exited = ended["events"][2]["stateExitedEventDetails"]
    assert exited["assignedVariables"] == {"kept": "42"}
    assert exited["assignedVariablesDetails"] == {"truncated": False}


def test_expressions_of_one_state_see_the_values_before_it(play):
    # assign/test_assign_base.py::TestAssignBase::test_assign_in_choice
    states = {
        "Set": {"Type": "Pass", "Assign": {"x": 1}, "Next": "Swap"},
        "Swap": {"Type": "Pass", "Assign": {"x": 2}, "OutputPath": "$x", "End": True},
    }
    assert play(states)["output"] == 1


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("States.Format('{} and {}', $.o, $.l)", "{Arg1=1, Arg2=[]} and [1, null]"),  # test_generic.py::test_format_2
        ("States.MathAdd(1.5, -1.5)", 1),  # test_math_operations.py::test_math_add: a half goes up, as in Java
        ("States.StringToJson('')", None),  # test_json_manipulation.py::test_string_to_json
        ("States.ArrayContains(States.Array(true), 1)", False),
        ("States.ArrayRange(5, 1, -2)", [5, 3, 1]),
        ("States.ArrayLength($list)", 2),
    ],
)
def test_functions_of_jsonpath_return_what_they_return_in_aws(play, call, expected):
    states = {
        "Set": {"Type": "Pass", "Assign": {"list": [1, 2]}, "Next": "Call"},
        "Call": {"Type": "Pass", "Parameters": {"result.$": call}, "End": True},
    }
    assert play(states, {"o": {"Arg1": 1, "Arg2": []}, "l": [1, None]})["output"] == {"result": expected}


def test_a_range_of_one_number_is_the_number(play):
    # intrinsic_functions/test_array_jsonata.py::TestArrayJSONata::test_array_range
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $range(1, 9, 9) %}"}
    assert play(state)["output"] == 1


def test_the_context_object_is_the_one_of_its_state(play):
    # base/test_base.py::TestSnfBase::test_query_context_object_values
    keep = {"Type": "Pass", "Parameters": {"c.$": "$$"}, "ResultPath": "$.c", "Next": "Next"}
    ended = play({"First": keep, "Next": {"Type": "Pass", "End": True}})
    context = ended["output"]["c"]["c"]
    assert context["State"]["Name"] == "First"
    assert context["Execution"]["RedriveCount"] == 0
    assert context["Execution"]["RoleArn"].startswith("arn:aws:iam::")


@pytest.mark.parametrize(
    ("state", "location", "told"),
    [
        ({"Output": {"r": "{% $no %}"}}, "Output/r", "returned nothing (undefined)."),
        ({"Assign": {"r": "{% $no %}"}}, "Assign/r", "returned nothing (undefined)."),
        ({"Output": "{% $fn := function($x){$x} %}"}, "Output", "returned an unsupported result type."),
    ],
)
def test_an_expression_that_fails_is_in_the_history_with_its_place(play, state, location, told):
    # assign/test_assign_reference_variables.py::TestAssignReferenceVariables::test_undefined_reference
    ended = play({"Type": "Pass", "QueryLanguage": "JSONata", **state})
    assert ended["types"][2:] == ["EvaluationFailed", "ExecutionFailed"]
    failed = ended["events"][2]["evaluationFailedEventDetails"]
    assert (failed["error"], failed["location"], failed["state"]) == ("States.QueryEvaluationError", location, "Only")
    assert failed["cause"].endswith(f"specified for the field '{location}' {told}")
    assert ended["cause"] == failed["cause"]
