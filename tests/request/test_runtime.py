import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ExecutionVariables, Parameter, RunTimeValueError
from cdk_processing.request.markers import fixed_prefix, segments, values_in
from cdk_processing.request.parameter_values import parameter_text, value_problem
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.times import TIME_DIRECTIVES

NAMES = [name for name in vars(ExecutionVariables) if name.isupper()]


def test_the_variables_are_those_of_the_design():
    assert sorted(NAMES) == [
        "ATTEMPT",
        "FOLDER_URI",
        "OBJECT_BUCKET",
        "OBJECT_KEY",
        "OBJECT_SIZE",
        "OBJECT_URI",
        "OBJECT_VERSION_ID",
        "PARTITION",
        "RUN_ID",
        "TRIGGER_TIME",
        "UPSTREAM_RUN_ID",
    ]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"PARTITION"}))
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


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"PARTITION", "TRIGGER_TIME"}))
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


@pytest.mark.parametrize(
    ("parameter", "spec"),
    [
        (Parameter("n", 3, int), ("3", "integer", ())),
        (Parameter("n", "-3", int), ("-3", "integer", ())),
        (Parameter("n", type=int), (None, "integer", ())),
        (Parameter("n", 0.25, float), ("0.25", "number", ())),
        (Parameter("n", 3, float), ("3", "number", ())),
        (Parameter("n", 1e-7, float), ("1e-07", "number", ())),
        (Parameter("n", True, bool), ("true", "boolean", ())),
        (Parameter("n", False, bool), ("false", "boolean", ())),
        (Parameter("n", 2, int, [1, 2, 3]), ("2", "integer", ("1", "2", "3"))),
        (Parameter("n", "b;|}{%=,", enum_values=["a", "b;|}{%=,", ""]), ("b;|}{%=,", "string", ("a", "b;|}{%=,", ""))),
        (Parameter("n", "", str, ("",)), ("", "string", ("",))),
    ],
    ids=str,
)
def test_a_typed_parameter_takes_type_and_values_along(parameter, spec):
    default, kind, values = spec
    expected = RunTimeValue("PARAMETER", "n", default, type=kind, enum_values=values)

    assert list(segments(f"x{parameter}y")) == ["x", expected, "y"]
    assert parameter.spec == expected
    assert parameter.default_text == default


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4), st.data())
def test_any_values_travel_unharmed(values, data):
    default = data.draw(st.none() | st.sampled_from(values))
    parameter = Parameter("p", default, enum_values=values)

    assert values_in(f"x{parameter}y") == [RunTimeValue("PARAMETER", "p", default, enum_values=tuple(values))]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_any_number_is_a_number_as_text(value):
    parameter = Parameter("p", value, float)

    assert float(parameter.default_text) == float(value)
    assert value_problem(parameter.spec, parameter.default_text) is None


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (-2.0, "-2"), (0.0, "0"), (1e15, "1000000000000000")])
def test_a_whole_float_is_written_as_json_has_it_or_a_run_would_not_find_it_among_its_values(value, text):
    # {"n": 1.0} and {"n": 1} are one JSON number, and the run sees the text "1".
    assert Parameter("n", type=float, enum_values=[value]).spec.enum_values == (text,)
    assert parameter_text(value) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"default": "0.5", "type": int}, "default must be an integer, got '0.5'; correct the value (Parameter('n'))"),
        ({"default": 0.5, "type": int}, "default must be an integer, got '0.5'; correct the value (Parameter('n'))"),
        ({"default": True, "type": int}, "default must be an integer, got 'true'; correct the value (Parameter('n'))"),
        ({"default": "", "type": int}, "default must be an integer, got ''; correct the value (Parameter('n'))"),
        ({"default": "1\n", "type": int}, "default must be an integer, got '1\\n'; correct the value (Parameter('n'))"),
        (
            {"default": "half", "type": float},
            "default must be a number, got 'half'; correct the value (Parameter('n'))",
        ),
        (
            {"default": float("nan"), "type": float},
            "default must be a number, got 'nan'; correct the value (Parameter('n'))",
        ),
        (
            {"default": float("inf"), "type": float},
            "default must be a number, got 'inf'; correct the value (Parameter('n'))",
        ),
        ({"default": 1, "type": bool}, "default must be true or false, got '1'; correct the value (Parameter('n'))"),
        (
            {"default": "True", "type": bool},
            "default must be true or false, got 'True'; correct the value (Parameter('n'))",
        ),
        ({"default": [1], "type": int}, "default must be an integer, got [1]; write Parameter('n', default='[1]')"),
        (
            {"default": "c", "enum_values": ["a", "b"]},
            "default must be one of a, b, got 'c'; take one of those (Parameter('n'))",
        ),
        ({"enum_values": ["a", 5]}, "enum_values must be a str, got 5; write Parameter('n', enum_values='5')"),
        (
            {"enum_values": [1, "x"], "type": int},
            "enum_values must be an integer, got 'x'; correct the value (Parameter('n'))",
        ),
        *(
            (
                {"enum_values": values},
                f"enum_values must be a list of at least one value, got {values!r}; write [...] or leave it out "
                "(Parameter('n'))",
            )
            for values in ([], (), "ab", {"a"}, {"a": 1}, 5)
        ),
        *(
            (
                {"type": kind},
                f"type must be str, int, float or bool, got {kind!r}; take one of those (Parameter('n'))",
            )
            for kind in ("int", None, list, bytes)
        ),
    ],
    ids=str,
)
def test_what_a_parameter_cannot_be_is_told_with_the_fix(change, message):
    with pytest.raises(RunTimeValueError) as raised:
        Parameter("n", **change)

    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("parameter", "right", "wrong"),
    [
        (Parameter("n", type=int), ["0", "-5", "007"], ["", "1.0", "1e3", " 1", "1 ", "+1", "٣", "true", "1\n"]),
        (Parameter("n", type=float), ["0", "-0.5", "1e3", "2.5E-7"], ["", ".5", "5.", "inf", "nan", "0x1", "1,5"]),
        (Parameter("n", type=bool), ["true", "false"], ["True", "1", "", "yes"]),
        (Parameter("n"), ["", "anything", "\n"], []),
        (Parameter("n", enum_values=["a", "b c"]), ["a", "b c"], ["", "A", "b"]),
        (Parameter("n", type=int, enum_values=[1, 2]), ["1", "2"], ["3", "01", "1.0"]),
    ],
    ids=["int", "float", "bool", "str", "enum", "int enum"],
)
def test_a_value_is_held_to_type_and_values(parameter, right, wrong):
    for text in right:
        assert value_problem(parameter.spec, text) is None, text
    for text in wrong:
        problem = value_problem(parameter.spec, text)
        assert problem is not None, text
        assert (problem.field, problem.value) == ("n", text)
        assert problem.allowed
        assert problem.fix


def test_a_default_that_is_no_text_is_refused_with_the_fix():
    with pytest.raises(RunTimeValueError) as raised:
        Parameter("ratio", default=0.2)

    assert str(raised.value) == "default must be a str, got 0.2; write Parameter('ratio', default='0.2')"


def test_a_parameter_takes_no_format():
    with pytest.raises(RunTimeValueError, match=r"Parameter\('ratio'\) takes no format, got '.2f'; leave it out"):
        format(Parameter("ratio"), ".2f")
