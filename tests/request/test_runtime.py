import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ExecutionVariables, Parameter, RunTimeValueError
from cdk_processing.request.runtime import (
    TIME_DIRECTIVES,
    RunTimeValue,
    fixed_prefix,
    has_run_time_value,
    segments,
    values_in,
)

NAMES = [name for name in vars(ExecutionVariables) if name.isupper()]


def test_the_variables_are_those_of_the_design():
    assert sorted(NAMES) == [
        "ATTEMPT",
        "OBJECT_BUCKET",
        "OBJECT_KEY",
        "OBJECT_SIZE",
        "OBJECT_URI",
        "OBJECT_VERSION_ID",
        "RUN_ID",
        "TRIGGER_TIME",
        "UPSTREAM_RUN_ID",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_travels_through_an_f_string_and_is_read_back(name):
    variable = getattr(ExecutionVariables, name)

    assert list(segments(f"a/{variable}/b")) == ["a/", RunTimeValue(name), "/b"]


def test_a_time_takes_its_format_along():
    text = f"train/{ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}/"

    assert list(segments(text)) == ["train/", RunTimeValue("TRIGGER_TIME", format="%Y/%m/%d"), "/"]


def test_a_parameter_takes_its_default_along():
    assert list(segments(str(Parameter("ratio", default="0.2")))) == [RunTimeValue("PARAMETER", "ratio", "0.2")]


def test_a_parameter_without_default_is_told_from_one_whose_default_is_empty():
    assert values_in(str(Parameter("ratio"))) == [RunTimeValue("PARAMETER", "ratio", None)]
    assert values_in(str(Parameter("ratio", default=""))) == [RunTimeValue("PARAMETER", "ratio", "")]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_default_travels_unharmed(default):
    assert values_in(f"x{Parameter('p', default=default)}y") == [RunTimeValue("PARAMETER", "p", default)]


def test_a_value_adds_to_text_on_either_side():
    assert f"a{ExecutionVariables.RUN_ID}b" == "a" + ExecutionVariables.RUN_ID + "b"
    assert "a" + Parameter("p") + "b" == f"a{Parameter('p')}b"


@pytest.mark.parametrize("text", ["", "plain", "{run:RUN_ID}", "{{run}}", "{{ run:RUN_ID }}", "{% $run.id %}"])
def test_text_that_only_looks_like_a_value_is_text(text):
    assert not has_run_time_value(text)
    assert values_in(text) == []
    assert "".join(segments(text)) == text


def test_a_broken_marker_is_text():
    assert list(segments("a{{run:nothing}}b")) == ["a{{run:nothing}}b"]


@pytest.mark.parametrize("thing", [None, 5, b"{{run:RUN_ID}}", ["{{run:RUN_ID}}"]])
def test_there_are_no_values_in_what_is_no_text(thing):
    assert values_in(thing) == []
    assert not has_run_time_value(thing)


def test_a_value_itself_is_a_run_time_value():
    assert has_run_time_value(ExecutionVariables.RUN_ID)
    assert has_run_time_value(Parameter("p"))


def test_the_fixed_prefix_ends_before_the_first_value():
    assert fixed_prefix(f"a/{ExecutionVariables.RUN_ID}/b") == "a/"
    assert fixed_prefix("a/b") == "a/b"


def test_labels_are_what_users_wrote():
    labels = [value.label for value in values_in(f"{ExecutionVariables.OBJECT_KEY}{Parameter('ratio')}")]

    assert labels == ["ExecutionVariables.OBJECT_KEY", "Parameter('ratio')"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"TRIGGER_TIME"}))
def test_only_a_time_takes_a_format(name):
    with pytest.raises(RunTimeValueError, match=f"ExecutionVariables.{name} takes no format, got '>10'; only"):
        format(getattr(ExecutionVariables, name), ">10")


@pytest.mark.parametrize("directive", TIME_DIRECTIVES)
def test_every_known_directive_is_taken(directive):
    text = format(ExecutionVariables.TRIGGER_TIME, f"%{directive}")

    assert text == f"{{{{run:TRIGGER_TIME|%{directive}}}}}"


@pytest.mark.parametrize(("spec", "directive"), [("%B", "%B"), ("%Y%%", "%%"), ("%Y-%", "%"), ("%-d", "%-")])
def test_an_unknown_directive_is_told_with_those_there_are(spec, directive):
    with pytest.raises(RunTimeValueError) as raised:
        format(ExecutionVariables.TRIGGER_TIME, spec)

    assert f"got {directive} in {spec!r}" in str(raised.value)
    assert "%Y (year, 4 digits), %y (year, 2 digits)" in str(raised.value)


@pytest.mark.parametrize("spec", ["%Y|%m", "{%Y", "%Y}"])
def test_a_format_that_would_break_the_marker_is_refused(spec):
    with pytest.raises(RunTimeValueError, match=r"cannot hold braces or '\|'"):
        format(ExecutionVariables.TRIGGER_TIME, spec)


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "p" * 65, None, "ä"])
def test_a_parameter_with_an_illegal_name_is_refused(name):
    with pytest.raises(RunTimeValueError, match=r"name must be 1-64 letters.*; rename the Parameter"):
        Parameter(name)


def test_a_default_that_is_no_text_is_refused_with_the_fix():
    with pytest.raises(RunTimeValueError) as raised:
        Parameter("ratio", default=0.2)

    assert str(raised.value) == "default must be a str, got 0.2; write Parameter('ratio', default='0.2')"


def test_a_parameter_takes_no_format():
    with pytest.raises(RunTimeValueError, match=r"Parameter\('ratio'\) takes no format, got '.2f'; leave it out"):
        format(Parameter("ratio"), ".2f")
