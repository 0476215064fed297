"""Values that triggers give for the parameters of a job."""

import pytest

from cdk_processing import (
    DataBucket,
    EventField,
    ExecutionVariables,
    OnDeploy,
    OnEvent,
    OnSchedule,
    Parameter,
)
from tests.constructs.triggers.runs import PATTERN

V = ExecutionVariables


GIVING = {
    "OnEvent": lambda given: OnEvent(PATTERN, parameters=given),
    "OnDeploy": lambda given: OnDeploy(parameters=given),
    "OnSchedule": lambda given: OnSchedule("rate(1 day)", parameters=given),
}
EACH = pytest.mark.parametrize("kind", GIVING)


@EACH
def test_a_value_for_a_parameter_that_the_job_does_not_have_is_told(refused, kind):
    message = refused(GIVING[kind]({"splt": "0.2"}), arguments=[Parameter("split", default="x")])

    assert message == (
        "triggers[0].parameters['splt'] must be one of the job's parameters (split), got 'splt'; "
        f"use Parameter('splt') in the job, or drop it ({kind})"
    )


@EACH
def test_a_value_for_a_job_without_parameters_is_told(refused, kind):
    assert refused(GIVING[kind]({"n": "1"})) == (
        "triggers[0].parameters['n'] must be left out: the job has none, got 'n'; "
        f"use Parameter('n') in the job, or drop it ({kind})"
    )


@EACH
@pytest.mark.parametrize(
    ("parameter", "value", "allowed", "fix"),
    [
        (Parameter("p", type=int), "0.5", "an integer", "correct the value"),
        (Parameter("p", type=float), "half", "a number", "correct the value"),
        (Parameter("p", type=bool), "yes", "true or false", "correct the value"),
        (Parameter("p", enum_values=["a", "b"]), "c", "one of a, b", "take one of those"),
    ],
    ids=["int", "float", "bool", "enum"],
)
def test_a_value_that_its_parameter_does_not_take_is_told(refused, kind, parameter, value, allowed, fix):
    assert refused(GIVING[kind]({"p": value}), arguments=[parameter]) == (
        f"triggers[0].parameters['p'] must be {allowed}, got {value!r}; {fix} ({kind})"
    )


@EACH
def test_a_value_that_is_no_text_is_told_with_its_text(refused, kind):
    allowed = "a str or an EventField" if kind == "OnEvent" else "a str"

    assert refused(GIVING[kind]({"p": 5}), arguments=[Parameter("p", type=int)]) == (
        f"triggers[0].parameters['p'] must be {allowed}, got 5; write '5' ({kind})"
    )


@EACH
def test_parameters_that_are_no_dict_are_told(refused, kind):
    assert refused(GIVING[kind](["p"]), arguments=[Parameter("p", default="a")]) == (
        f"triggers[0].parameters must be a dict of name to text, got ['p']; write {{'name': 'value'}} ({kind})"
    )


@EACH
def test_a_parameter_that_the_trigger_does_not_give_is_told(refused, kind):
    message = refused(GIVING[kind]({}), arguments=[Parameter("p")])

    assert message.startswith("Parameter('p') must be supplied by every trigger of the job, got 'triggers[0]: ")
    assert message.endswith("give it a default, or pass parameters={'p': ...} to the trigger (Job)")


@EACH
def test_a_value_that_is_known_at_deployment_only_is_taken(declare, stack, kind, states):
    declare(
        GIVING[kind]({"p": stack.stack_name + "1", "n": DataBucket(stack, "B").bucket_name}),
        arguments=[Parameter("p"), Parameter("n", type=int)],
    )

    assert states()


@pytest.mark.parametrize("kind", ["OnDeploy", "OnSchedule"])
def test_only_an_event_brings_values(refused, kind):
    field = EventField("$.detail.x")

    message = refused(GIVING[kind]({"p": field}), arguments=[Parameter("p")])

    assert message.startswith("triggers[0].parameters['p'] must be a str, got EventField(path='$.detail.x'); ")


@pytest.mark.parametrize(
    "other",
    [
        Parameter("p", default="b"),
        Parameter("p"),
        Parameter("p", default="a", enum_values=["a"]),
        Parameter("p", default="true", type=bool),
    ],
    ids=["default", "none", "enum", "type"],
)
def test_one_name_means_one_parameter_throughout_the_job(refused, other):
    message = refused(arguments=[Parameter("p", default="a"), other])

    assert message.startswith(
        "Parameter('p') must be the same everywhere: the same default, type and enum_values, got "
    )
    assert message.endswith("; make one Parameter and use it in both places (Job)")


def test_one_parameter_may_be_used_in_several_places(declare, states):
    declare(arguments=[Parameter("p", default="a"), f"--x={Parameter('p', default='a')}"])

    assert states()["Prepare"]["Comment"] == "parameters: p~1-252,line=a"
