import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.client import InvalidParametersError
from cdk_processing.client.parameters import check_parameters
from cdk_processing.contract.environment import PARAMETERS_VARIABLE
from cdk_processing.contract.parameters import parameters_digest
from cdk_processing.request.run_time_value import Room, RunTimeValue
from cdk_processing.request.runtime import Parameter
from cdk_processing.workflow.definition import Workflow, definition
from tests.workflow.states_language import evaluate

RATIO = RunTimeValue("PARAMETER", "split_ratio", "0.2", type="number")
COUNT = RunTimeValue("PARAMETER", "count", None, type="integer")
MODE = RunTimeValue("PARAMETER", "mode", "fast", enum_values=("fast", "exact"))
QUIET = RunTimeValue("PARAMETER", "quiet", "false", type="boolean")
DECLARED = (RATIO, COUNT, MODE, QUIET)


def test_python_s_own_values_become_the_text_that_the_job_gets_and_the_rest_takes_its_default():
    values = check_parameters("Census/Preprocess", DECLARED, {"quiet": True, "count": 3, "split_ratio": 0.25})
    assert values.given == {"split_ratio": "0.25", "count": "3", "quiet": "true"}
    assert list(values.effective.items()) == [
        ("split_ratio", "0.25"),
        ("count", "3"),
        ("mode", "fast"),
        ("quiet", "true"),
    ]


def test_every_problem_is_told_at_once_with_name_value_what_is_allowed_and_the_fix():
    wrong = {"splitratio": "0.3", "split_ratio": "a lot", "mode": "slow", "quiet": "yes", "xyz": "1"}
    with pytest.raises(InvalidParametersError) as refused:
        check_parameters("Census/Preprocess", DECLARED, wrong)
    lines = str(refused.value).splitlines()
    assert lines[0] == "Census/Preprocess was not started: 6 problems"
    assert lines[1] == "  - split_ratio must be a number, got 'a lot'; correct the value"
    assert lines[2] == "  - count must be given, it has no default, got None; add count=<integer>"
    assert lines[3] == "  - mode must be one of fast, exact, got 'slow'; take one of those"
    assert lines[4] == "  - quiet must be true or false, got 'yes'; correct the value"
    assert lines[5].startswith(
        "  - splitratio must be a parameter of Census/Preprocess, got '0.3'; did you mean split_"
    )
    assert lines[6].endswith("got '1'; its parameters are split_ratio, count, mode, quiet")


@pytest.mark.parametrize("value", [3.5, True, "3.0", "", " 3", "3\n", "0x3", None, [3], float("nan")])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(InvalidParametersError, match="1 problem\n  - count must be "):
        check_parameters("Job", DECLARED, {"count": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "1,5", "1e", "."])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InvalidParametersError, match="split_ratio must be a number"):
        check_parameters("Job", DECLARED, {"count": 1, "split_ratio": value})


@pytest.mark.parametrize("value", [0, -1, 1e-7, 1e22, "1.5e3", "007"])
def test_whatever_reads_as_a_number_is_one(value):
    assert "split_ratio" in check_parameters("Job", DECLARED, {"count": 1, "split_ratio": value}).given


def test_a_job_without_parameters_takes_none():
    with pytest.raises(InvalidParametersError, match=r"x must be left out: Job has no parameters, got '1'; start it"):
        check_parameters("Job", (), {"x": "1"})
    assert check_parameters("Job", (), {}).effective == {}


ARGUMENT = RunTimeValue("PARAMETER", "day", None, room=Room(1, 256, True))


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("", "text that is not empty: SageMaker refuses empty arguments"),
        ("x" * 257, "at most 256 characters, which is what SageMaker takes where the job uses it"),
        ("a\nb", "on one line where the job uses it"),
        ("a\u2028b", "on one line where the job uses it"),
    ],
)
def test_a_value_that_sagemaker_would_refuse_is_refused_before_the_start(value, allowed):
    with pytest.raises(InvalidParametersError) as refused:
        check_parameters("Job", (ARGUMENT,), {"day": value})

    assert f"day must be {allowed}, got " in str(refused.value)
    assert check_parameters("Job", (ARGUMENT,), {"day": "x" * 256}).given == {"day": "x" * 256}


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(first=TEXTS, second=st.none() | TEXTS)
def test_the_digest_of_the_values_is_what_the_state_machine_computes(first, second):
    parameters = [Parameter("b"), Parameter("a", default="d;b=ä")]
    request = {"AppSpecification": {"ContainerArguments": [str(each) for each in parameters]}}
    states = definition(Workflow("Job", "job", request, "aws", "https://queue"))["States"]
    given_values = {"b": first} if second is None else {"b": first, "a": second}
    context = {"Execution": {"Id": "execution", "StartTime": "time"}, "StateMachine": {"Id": "machine"}}
    known = evaluate(states["Prepare"]["Assign"], input={"parameters": given_values}, context=context)
    computed = evaluate(states["RunJob"]["Arguments"]["Environment"][PARAMETERS_VARIABLE], known)
    values = check_parameters("Job", [each.spec for each in parameters], given_values)
    assert parameters_digest(values.effective) == computed
