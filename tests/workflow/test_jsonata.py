import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ExecutionVariables, Parameter
from cdk_processing.request.markers import values_in
from cdk_processing.request.times import TIME_DIRECTIVES
from cdk_processing.workflow.jsonata import compile_text, compile_tree, expression, quoted
from cdk_processing.workflow.launches import FAIL_WITH_PROBLEM, prepare
from cdk_processing.workflow.paths import PathValues
from tests.workflow.states_language import QueryEvaluationError, evaluate

V = ExecutionVariables
KEY = "in/a b+c'd\"e\\f?g#ü%}{%.csv"
EVENT = {
    "source": "aws.s3",
    "time": "2024-03-05T07:08:09Z",
    "detail": {
        "run_id": "fedcba98",
        "bucket": {"name": "raw-data"},
        "object": {"key": KEY, "size": 12, "version-id": "v1", "sequencer": "0055"},
    },
}
RUN = {"id": "0123456789abcdef0123456789abcdef", "key": "k", "time": "2024-03-05T07:08:09Z"}
CONTEXT = {"Execution": {"Id": "execution", "StartTime": "2024-03-05T07:08:10Z"}, "StateMachine": {"Id": "machine"}}

# Anything that a user can write, but for the marker of a run-time value, which is no text.
TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "{{run:" not in text)
TRICKY = st.lists(
    st.sampled_from(
        ["{%", "%}", "{% 1 %}", "'", '"', "\\", "\\u0027", "\n", "\0", "$run", "{", "%", "}", " ", "ü", "😀"]
    )
).map("".join)


def compiled(text, event=EVENT, **run):
    """A text of a request, as a run with this event sends it."""
    text = str(text)
    used = values_in(text)
    parameters = {value.parameter: value for value in used if value.name == "PARAMETER"}
    values = {value.name for value in used}
    partitions = [value.item for value in used if value.name == "PARTITION"]
    paths = PathValues(folder="FOLDER_URI" in values, partitions=partitions)
    first = prepare((), list(parameters.values()), values=values, path_values=paths)["Assign"]
    known = evaluate(first, input=event, context=CONTEXT)
    name = evaluate(expression(f"{FAIL_WITH_PROBLEM}'name'"), known)
    assert name == "name"
    return evaluate(compile_text(text), {**known, "run": {**known["run"], **RUN, **run}, "attempt": 3})


def started(text, **parameters):
    return compiled(text, {"parameters": parameters})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (V.RUN_ID, "0123456789abcdef0123456789abcdef"),
        (V.TRIGGER_TIME, "2024-03-05T07:08:09Z"),
        (V.ATTEMPT, "3"),
        (V.OBJECT_URI, f"s3://raw-data/{KEY}"),
        (V.OBJECT_KEY, KEY),
        (V.OBJECT_BUCKET, "raw-data"),
        (V.OBJECT_SIZE, "12"),
        (V.OBJECT_VERSION_ID, "v1"),
        (V.FOLDER_URI, f"s3://raw-data/{KEY.rpartition('/')[0]}/"),
        (V.UPSTREAM_RUN_ID, "fedcba98"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_run_time_value_becomes_what_the_run_knows(value, expected):
    assert compiled(value) == expected
    assert compiled(f"a'{value}\\b") == f"a'{expected}\\b"


def test_every_run_time_value_there_is_can_be_compiled():
    names = {name for name in vars(V) if name.isupper()} - {"PARTITION"}
    marker = {**EVENT, "detail": {**EVENT["detail"], "object": {"key": "in/day=1/_SUCCESS"}}}

    assert all(isinstance(compiled(getattr(V, name)), str) for name in names)
    assert compiled(f"<{V.PARTITION['day']}>", marker) == "<1>"


@pytest.mark.parametrize(
    ("directive", "expected"),
    [("Y", "2024"), ("y", "24"), ("m", "03"), ("d", "05"), ("j", "065"), ("H", "07"), ("M", "08"), ("S", "09")],
)
def test_each_directive_means_what_strftime_means(directive, expected):
    assert compiled(format(V.TRIGGER_TIME, f"%{directive}")) == expected


def test_every_directive_there_is_has_been_looked_at():
    tested = {"Y", "y", "m", "d", "j", "H", "M", "S"}

    assert set(TIME_DIRECTIVES) == tested


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("%Y/%m/%d", "2024/03/05"),
        ("year=%Y/month=%m/day=%d", "year=2024/month=03/day=05"),
        ("[%Y]", "[2024]"),
        ("%H'%M\\%S", "07'08\\09"),
        ("%Y%m%dT%H%M%SZ", "20240305T070809Z"),
    ],
)
def test_text_in_a_time_format_stays_as_it_is(spec, expected):
    assert compiled(format(V.TRIGGER_TIME, spec)) == expected


@pytest.mark.parametrize("time", ["2024-03-05T07:08:09.999Z", "2024-03-05T07:08:09.000Z"])
def test_a_time_with_fractions_formats_as_the_second_it_lies_in(time):
    assert compiled(f"{V.TRIGGER_TIME:%Y-%m-%dT%H:%M:%S}", time=time) == "2024-03-05T07:08:09"


@pytest.mark.parametrize("given_value", ["0.3", "", "a'b\"c\\d%}", "{% 1 %}"])
def test_a_parameter_that_is_given_is_taken_before_its_default(given_value):
    assert started(Parameter("ratio", default="0.2"), ratio=given_value) == given_value
    assert started(Parameter("ratio"), ratio=given_value) == given_value


def test_a_parameter_that_is_not_given_is_its_default():
    assert started(Parameter("ratio", default="0.2")) == "0.2"
    assert started(Parameter("ratio", default="")) == ""
    assert compiled(Parameter("ratio", default="0.2"), {"parameters": "none"}) == "0.2"


@given(TEXT | TRICKY)
def test_any_default_survives(default):
    assert started(f"a{Parameter('p', default=default)}b") == f"a{default}b"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (str, 5, "5"),
        (str, True, "true"),
        (int, 5, "5"),
        (int, "-17", "-17"),
        (int, 1234567890123456, "1234567890123456"),
        (int, -(2**53) + 1, "-9007199254740991"),
        (float, 0.25, "0.25"),
        (float, "1e-05", "1e-05"),
        (float, -3, "-3"),
        (bool, True, "true"),
        (bool, "false", "false"),
    ],
)
def test_a_value_of_the_parameters_type_becomes_text(kind, value, text):
    assert started(Parameter("p", type=kind), p=value) == text


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (int, "5.0", "parameter p must be an integer, got 5.0"),
        (int, "", "parameter p must be an integer, got "),
        (int, True, "parameter p must be an integer, got true"),
        (float, "0,2", "parameter p must be a number, got 0,2"),
        (float, "nan", "parameter p must be a number, got nan"),
        (bool, "yes", "parameter p must be true or false, got yes"),
        (bool, 1, "parameter p must be true or false, got 1"),
    ],
)
def test_a_value_of_another_type_fails_before_a_job_is_made(kind, value, told):
    with pytest.raises(QueryEvaluationError, match=told):
        started(f"--p={Parameter('p', type=kind, default=None)}", p=value)


def test_only_the_enumerated_values_are_taken():
    mode = Parameter("mode", default="fast", enum_values=["fast", "it's"])

    assert [started(mode), started(mode, mode="it's")] == ["fast", "it's"]
    with pytest.raises(QueryEvaluationError, match="parameter mode must be one of fast, it's, got slow"):
        started(mode, mode="slow")


def test_a_parameter_that_is_missing_fails_with_how_to_give_it():
    with pytest.raises(QueryEvaluationError) as raised:
        started(f"--ratio={Parameter('split_ratio')}")

    assert 'parameter split_ratio is missing: start the run with {"parameters": {"split_ratio": "..."}}' in str(
        raised.value
    )


@pytest.mark.parametrize("text", ["plain", "", "s3://b/k", "a {% b %} c", "{ % 1 % }", "$run.id"])
def test_text_without_run_time_values_stays_text(text):
    assert compile_text(text) == text


@pytest.mark.parametrize("text", ["{% $run.id %}", "{%%}", "{% 'a' %}", "{% x", "x %}", "{%", "%}", "{% a %} b %}"])
def test_text_that_looks_like_an_expression_is_not_evaluated(text):
    assert compile_text(text) != text
    assert evaluate(compile_text(text)) == text


@given(TEXT | TRICKY)
def test_any_text_survives(text):
    assert evaluate(compile_text(text)) == text


@given(TEXT | TRICKY)
def test_any_text_survives_as_a_literal(text):
    assert evaluate(expression(quoted(text))) == text


@given(st.lists((TEXT | TRICKY) | st.sampled_from([V.RUN_ID, V.OBJECT_KEY, V.ATTEMPT, Parameter("p", default="d")])))
def test_any_text_around_run_time_values_survives(parts):
    known = {V.RUN_ID: RUN["id"], V.OBJECT_KEY: KEY, V.ATTEMPT: "3", Parameter("p", default="d"): "d"}
    text = "".join(str(part) for part in parts)
    expected = "".join(part if isinstance(part, str) else known[part] for part in parts)

    assert compiled(text) == expected


@given(TEXT.filter(bool) | TRICKY.filter(bool))
def test_any_key_of_an_object_survives(key):
    event = {"detail": {"bucket": {"name": "raw-data"}, "object": {"key": key}}}

    assert compiled(V.OBJECT_URI, event) == f"s3://raw-data/{key}"


def test_a_token_is_left_for_cdk():
    assert quoted("s3://${Token[TOKEN.1]}/x") == "'s3://${Token[TOKEN.1]}/x'"


def test_a_tree_is_compiled_text_by_text():
    tree = {"a": [f"{V.RUN_ID}", 5, True, None], "b": {"c": "{% x %}"}, "{% k %}": "plain"}

    assert compile_tree(tree) == {
        "a": ["{% $run.id %}", 5, True, None],
        "b": {"c": "{% '{% x %\\u007d' %}"},
        "{% k %}": "plain",
    }


@pytest.mark.parametrize("name", ["OBJECT_URI", "OBJECT_KEY", "OBJECT_BUCKET", "OBJECT_SIZE", "OBJECT_VERSION_ID"])
def test_an_object_that_the_event_lacks_fails_even_inside_text(name):
    with pytest.raises(QueryEvaluationError, match="the event that launched this run has no"):
        compiled(f"out/{getattr(V, name)}/", {})


@pytest.mark.parametrize("name", ["OBJECT_KEY", "OBJECT_BUCKET", "OBJECT_VERSION_ID", "UPSTREAM_RUN_ID"])
def test_what_an_event_says_is_text_whatever_it_is(name):
    # A task's argument of another type ends the execution with an error that no state can catch.
    object_ = {"key": 5, "version-id": [1]}

    assert isinstance(
        compiled(getattr(V, name), {"detail": {"run_id": {}, "bucket": {"name": True}, "object": object_}}), str
    )


def test_braces_that_are_no_run_time_value_stay_text():
    assert compile_text("{{run:FOO}} and {{resolve:x}}") == "{{run:FOO}} and {{resolve:x}}"
