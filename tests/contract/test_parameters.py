"""Parameters as a definition declares them: read as they were written, by the first release too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.contract.parameters import declaration, declared_parameters
from cdk_processing.request.markers import values_in
from cdk_processing.request.run_time_value import Room, RunTimeValue
from cdk_processing.request.runtime import Parameter
from cdk_processing.workflow.launches import prepare

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
PARAMETERS = st.builds(
    lambda name, default, kind, values, room: RunTimeValue(
        "PARAMETER", name, default, type=kind, enum_values=tuple(values), room=room
    ),
    NAMES,
    TEXTS | st.none(),
    st.sampled_from(["string", "integer", "number", "boolean"]),
    st.lists(TEXTS, max_size=3),
    st.builds(Room, st.integers(0, 1), st.integers(0, 5000), st.booleans()),
)


def definition(first):
    return {"States": {"Prepare": first}}


@given(st.lists(PARAMETERS, max_size=4))
def test_parameters_are_read_as_they_were_declared(parameters):
    assert declared_parameters(definition(prepare((), parameters))) == tuple(parameters)


def test_a_declaration_can_be_read_by_people():
    declared = [
        value
        for each in (
            Parameter("split_ratio", 0.2, type=float),
            Parameter("mode", "fast", enum_values=["fast", "very exact"]),
            Parameter("day"),
        )
        for value in values_in(str(each))
    ]

    assert declaration(declared) == "parameters: split_ratio;number=0.2 mode=fast|fast|very%20exact day"
    assert declaration([declared[2]._replace(room=Room(1, 256, True))]) == "parameters: day~1-256,line"
    assert declaration([]) is None


def test_a_default_that_looks_like_an_expression_is_no_expression():
    [value] = values_in(str(Parameter("p", "{% $error() %}")))

    assert declared_parameters(definition(prepare((), [value]))) == (value,)
    assert not prepare((), [value])["Comment"].startswith("{%")


def test_the_declaration_of_the_first_release_is_read():
    declared = [
        {"name": "ratio", "type": "number", "default": "0.2"},
        {"name": "mode", "type": "string", "values": ["a", "b"]},
    ]

    assert declared_parameters(definition({"Assign": {"declared": declared}})) == (
        RunTimeValue("PARAMETER", "ratio", "0.2", type="number"),
        RunTimeValue("PARAMETER", "mode", None, enum_values=("a", "b")),
    )


@pytest.mark.parametrize("first", [{}, {"Assign": {}}, {"Comment": "somebody's own"}])
def test_a_definition_that_declares_none_has_none(first):
    assert declared_parameters(definition(first)) == ()
    assert declared_parameters({}) == ()


def test_a_declaration_that_is_broken_is_refused():
    with pytest.raises(ValueError, match="no declaration of a parameter: '=x'"):
        declared_parameters(definition({"Comment": "parameters: =x"}))
