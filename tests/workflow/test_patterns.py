"""Patterns as JSONata, held against EventBridge's rules as somebody else wrote them down: MiniStack's matcher."""

import json
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from ministack.services import eventbridge

from cdk_processing.workflow.jsonata import expression
from cdk_processing.workflow.operators import UnknownOperatorError
from cdk_processing.workflow.patterns import condition, field, path
from tests.workflow.states_language import evaluate


def matches(pattern, event):
    """What our condition says."""
    return evaluate(expression(condition(pattern)), {"event": event})


def eventbridge_matches(pattern, event):
    """What MiniStack's EventBridge says of an event that came."""
    alternatives = eventbridge._compile_pattern(json.loads(json.dumps(pattern)))
    return any(eventbridge._matches_detail(event, alternative) for alternative in alternatives)


def of(*wanted):
    return {"detail": {"x": list(wanted)}}


# -- each operator, on each kind of value -----------------------------------------------------------------------------

NOWHERE = object()

CASES = [
    # what is wanted, what matches, what does not
    ("a", ["a", ["b", "a"]], ["b", "A", "", "ab", None, 1, [], ["b"], {"a": "a"}, {}, NOWHERE]),
    ("", [""], ["a", None, NOWHERE, 0]),
    ('it\'s "ü" \\ %}', ['it\'s "ü" \\ %}'], ["its", NOWHERE]),
    (5, [5, 5.0, [1, 5]], ["5", 6, None, True, [], NOWHERE]),
    (-5, [-5], [5, "-5", NOWHERE]),
    (1e-7, [1e-7], [0, NOWHERE]),
    (None, [None], ["", 0, False, [], {}, NOWHERE]),
    (True, [True, [False, True]], [False, "true", 1, None, NOWHERE]),
    (False, [False], [True, "false", 0, None, NOWHERE]),
    ({"prefix": "in/"}, ["in/", "in/a", ["x", "in/b"]], ["in", "xin/", "IN/a", "", None, 5, [], {}, NOWHERE]),
    ({"prefix": "ü😀"}, ["ü😀", "ü😀x"], ["ü", "😀ü", NOWHERE]),
    ({"prefix": ""}, ["", "a"], [None, 5, NOWHERE]),
    ({"prefix": {"equals-ignore-case": "In/"}}, ["in/a", "IN/"], ["n/", 5, NOWHERE]),
    ({"suffix": ".csv"}, [".csv", "a.csv", ["x", "b.csv"]], ["csv", "a.csv ", ".CSV", "", None, 5, [], {}, NOWHERE]),
    ({"suffix": "ü😀"}, ["xü😀", "ü😀"], ["😀", "ü", NOWHERE]),
    ({"suffix": ""}, ["", "a"], [None, 5, NOWHERE]),
    ({"suffix": {"equals-ignore-case": ".Csv"}}, ["a.csv", ".CSV"], ["csv", None, NOWHERE]),
    ({"equals-ignore-case": "Äb"}, ["äB", "Äb", ["x", "äb"]], ["a", "Äbc", None, 5, NOWHERE]),
    ({"wildcard": "in/*.csv"}, ["in/.csv", "in/a/b.csv", "in/a\n b.csv"], ["in/a.csv.bak", "xin/a.csv", "in/acsv", 5]),
    ({"wildcard": "a*b*c"}, ["abc", "a b  c", "aXbYc"], ["acb", "ab", "", None, NOWHERE]),
    ({"wildcard": r"a\*b\\*"}, ["a*b\\", "a*b\\c"], ["aXb\\", "a*b", NOWHERE]),
    (
        {"wildcard": "a(b[c{d/e.f+g?h^i$j|k*"},
        ["a(b[c{d/e.f+g?h^i$j|k", "a(b[c{d/e.f+g?h^i$j|kü"],
        ["a(b[c{d/eXf+g?h^i$j|k"],
    ),
    ({"wildcard": "ü😀*-x y"}, ["ü😀-x y", "ü😀z-x y"], ["ü-x y", NOWHERE]),
    ({"wildcard": "plain"}, ["plain"], ["plainer", "explain", NOWHERE]),
    ({"numeric": [">", 0]}, [1, 0.5, [0, 3]], [0, -1, "1", None, True, [], [0], {}, NOWHERE]),
    ({"numeric": [">=", -2.5, "<", 10]}, [-2.5, 0, 9.99, [20, 5]], [10, -3, "5", [20, -9], NOWHERE]),
    ({"numeric": ["=", 3]}, [3, 3.0], [4, "3", NOWHERE]),
    ({"numeric": ["<=", 1e3]}, [1000, -1], [1001, NOWHERE]),
    ({"anything-but": "a"}, ["b", "", None, 5, False, ["a", "b"]], ["a", ["a"], [], {}, {"a": 1}, NOWHERE]),
    ({"anything-but": ["a", "b"]}, ["c", 5, ["a", "c"]], ["a", "b", ["a", "b"], NOWHERE]),
    ({"anything-but": 5}, [6, "5", None], [5, 5.0, [5], NOWHERE]),
    ({"anything-but": [1, 2]}, [3, [1, 3]], [1, 2, NOWHERE]),
    ({"anything-but": {"prefix": "in/"}}, ["out/", 5, None, ["in/a", "out/a"]], ["in/a", ["in/a"], NOWHERE]),
    ({"anything-but": {"prefix": ["a", "b"]}}, ["c"], ["ax", "bx", NOWHERE]),
    ({"anything-but": {"suffix": ".bak"}}, ["a.csv"], ["a.bak", NOWHERE]),
    ({"anything-but": {"wildcard": "*/tmp/*"}}, ["a/b"], ["a/tmp/b", NOWHERE]),
    ({"anything-but": {"wildcard": ["*.a", "*.b"]}}, ["x.c"], ["x.a", "x.b", NOWHERE]),
    ({"anything-but": {"equals-ignore-case": "Fail"}}, ["pass"], ["FAIL", "fail", NOWHERE]),
    ({"anything-but": {"equals-ignore-case": ["Fail", "Stop"]}}, ["pass"], ["FAIL", "stop", NOWHERE]),
    ({"exists": True}, ["", "a", 0, None, False, ["a"]], [[], {}, {"a": 1}, NOWHERE]),
    ({"exists": False}, [[], {}, {"a": 1}, NOWHERE], ["", "a", 0, None, False, ["a"]]),
]


def event_with(value):
    return {"source": "s", "detail": {} if value is NOWHERE else {"x": value}}


@pytest.mark.parametrize(
    ("wanted", "yes", "no"), CASES, ids=[json.dumps(case[0], ensure_ascii=False) for case in CASES]
)
def test_each_operator_matches_what_eventbridge_matches_and_nothing_else(wanted, yes, no):
    for value, expected in [(value, True) for value in yes] + [(value, False) for value in no]:
        event = event_with(value)
        assert eventbridge_matches(of(wanted), event) is expected, f"the oracle has it otherwise: {value!r}"
        assert matches(of(wanted), event) is expected, value


def test_any_of_a_list_of_values_will_do():
    assert matches(of("a", {"prefix": "b"}, None), event_with("bc"))
    assert matches(of("a", {"prefix": "b"}, None), event_with(None))
    assert not matches(of("a", {"prefix": "b"}, None), event_with("c"))


def test_all_fields_are_held_to():
    pattern = {"source": ["my.app"], "detail-type": ["Batch Ready"], "detail": {"kind": ["x"], "deep": {"er": [1]}}}
    event = {"source": "my.app", "detail-type": "Batch Ready", "detail": {"kind": "x", "deep": {"er": 1}, "more": 2}}

    assert matches(pattern, event)
    for broken in (
        {**event, "source": "other"},
        {**event, "detail-type": "Batch"},
        {**event, "detail": {**event["detail"], "kind": "y"}},
        {**event, "detail": {**event["detail"], "deep": {}}},
        {key: value for key, value in event.items() if key != "detail"},
    ):
        assert not matches(pattern, broken)


def test_or_matches_either_branch_beside_what_both_need():
    pattern = {"source": ["s"], "$or": [{"detail": {"x": ["a"]}}, {"detail": {"y": [{"numeric": [">", 1]}]}}]}

    assert matches(pattern, {"source": "s", "detail": {"x": "a"}})
    assert matches(pattern, {"source": "s", "detail": {"y": 2}})
    assert not matches(pattern, {"source": "s", "detail": {"x": "b", "y": 1}})
    assert not matches(pattern, {"source": "t", "detail": {"x": "a"}})


def test_an_or_deep_in_the_detail_looks_there():
    pattern = {"detail": {"$or": [{"x": ["a"]}, {"y": ["b"]}]}}

    assert matches(pattern, {"detail": {"y": "b"}})
    assert not matches(pattern, {"y": "b", "detail": {}})


@pytest.mark.parametrize("event", [None, [], "text", 5, {}, {"detail": None}, {"detail": "x"}, {"detail": [1]}, [{}]])
@pytest.mark.parametrize("wanted", [case[0] for case in CASES], ids=json.dumps)
def test_no_event_however_odd_makes_a_condition_fail(wanted, event):
    assert matches(of(wanted), event) is (wanted == {"exists": False})


# -- names and literals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x", "detail-type", "a.b", "ä", "1", "a b", "$x", "it's", "a`b", "a%}b", "and", "in"])
def test_any_name_of_a_field_is_taken(name):
    pattern = {"detail": {name: ["v"]}}

    assert matches(pattern, {"detail": {name: "v"}})
    assert not matches(pattern, {"detail": {name: "w"}})
    assert not matches(pattern, {"detail": {}})


def test_a_path_leads_to_a_value_by_its_names():
    event = {"detail": {"batch-id": {"no": 7}}}

    assert path("$.detail.batch-id.no") == "$event.detail.`batch-id`.no"
    assert evaluate(expression(path("$.detail.batch-id.no")), {"event": event}) == 7
    assert field("$x", "a") == "$x.a"


TOKEN = "${Token[TOKEN.1]}"


@pytest.mark.parametrize(
    "wanted",
    [
        TOKEN,
        {"prefix": f"{TOKEN}/in"},
        {"prefix": {"equals-ignore-case": f"{TOKEN}/IN"}},
        {"suffix": f"x{TOKEN}"},
        {"suffix": {"equals-ignore-case": TOKEN}},
        {"equals-ignore-case": f"A{TOKEN}"},
        {"wildcard": f"{TOKEN}*.csv"},
        {"wildcard": TOKEN},
        {"anything-but": TOKEN},
        {"anything-but": [TOKEN, "b"]},
        {"anything-but": {"prefix": TOKEN}},
        {"anything-but": {"wildcard": f"*{TOKEN}"}},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("name", ["raw-data", "Raw.Data+(1)", "a b"])
def test_a_token_survives_and_means_what_it_becomes(wanted, name):
    """CDK replaces the token in the text; what was compiled with it must then be what is compiled without."""
    late = condition(of(wanted))
    assert TOKEN in late
    deployed = late.replace(TOKEN, name)
    plain = of(json.loads(json.dumps(wanted).replace(TOKEN, name)))

    for value in (
        name,
        f"{name}/in/a",
        f"x{name}",
        f"{name}x.csv",
        f"{name}.csv",
        f"a{name}".upper(),
        "other",
        None,
        5,
    ):
        event = event_with(value)
        found = evaluate(expression(deployed), {"event": event})
        assert found is eventbridge_matches(plain, event), value


def test_a_wildcard_of_several_stars_around_a_token_is_refused_as_it_would_never_match():
    with pytest.raises(UnknownOperatorError, match="known only at deployment"):
        condition(of({"wildcard": f"*{TOKEN}*"}))


@pytest.mark.parametrize("wanted", [{"cidr": "10.0.0.0/24"}, {"anything-but": {"cidr": "10.0.0.0/24"}}, {"regex": "a"}])
def test_what_has_no_equal_in_jsonata_is_refused_by_name(wanted):
    name = "regex" if "regex" in wanted else "cidr"

    with pytest.raises(UnknownOperatorError, match=f"^{name}$"):
        condition(of(wanted))


def test_a_wildcard_that_does_not_match_is_told_quickly_however_many_blanks_there_are():
    # An expression that takes too long fails, and the state that it stands in cannot catch.
    # Sixteen times as many blanks take sixteen times as long at most; if each were tried with each, 256 times.
    def seconds(blanks):
        event = event_with("in/" + " " * blanks + "x")
        took = []
        for _ in range(5):
            began = time.process_time()
            assert not matches(of({"wildcard": "in/*.csv"}), event)
            took.append(time.process_time() - began)
        return min(took)

    assert seconds(4000) < 100 * seconds(250)


def test_an_empty_condition_is_true():
    assert condition({}) == "true"


# -- generated --------------------------------------------------------------------------------------------------------

CHARACTERS = st.text(st.sampled_from("aAbBüÜ😀. /*\\-_[(\n'\""), max_size=4)
# AWS takes escapes of "*" and "\" alone, and no two stars in a row.
WILDCARD = (
    st.lists(st.sampled_from(["*", "\\*", "\\\\", "a", "A", "b", ".", " ", "/", "[", "("]), max_size=5)
    .map("".join)
    .filter(lambda text: "**" not in text.replace("\\\\", "").replace("\\*", ""))
)
NUMBER = st.integers(-5, 5) | st.sampled_from([0.5, -2.25, 1e3])
# Lower case of other letters depends on the engine.
IGNORED_CASE = st.text(st.sampled_from("aAbB. "), max_size=3)
NESTED = st.one_of(
    st.fixed_dictionaries({"prefix": CHARACTERS.filter(bool)}),
    st.fixed_dictionaries({"suffix": CHARACTERS.filter(bool)}),
    st.fixed_dictionaries({"wildcard": WILDCARD}),
    st.fixed_dictionaries({"equals-ignore-case": IGNORED_CASE | st.lists(IGNORED_CASE, min_size=1, max_size=2)}),
)
AFFIX = CHARACTERS | st.fixed_dictionaries({"equals-ignore-case": IGNORED_CASE})
WANTED = st.one_of(
    CHARACTERS,
    NUMBER,
    st.none(),
    st.booleans(),
    st.fixed_dictionaries({"prefix": AFFIX}),
    st.fixed_dictionaries({"suffix": AFFIX}),
    st.fixed_dictionaries({"equals-ignore-case": IGNORED_CASE}),
    st.fixed_dictionaries({"wildcard": WILDCARD}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.builds(
        lambda operator, bound: {"numeric": [operator, bound]}, st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBER
    ),
    st.builds(
        lambda low, more, opened, closed: {"numeric": [opened, low, closed, low + more]},
        NUMBER,
        st.integers(1, 5),
        st.sampled_from([">", ">="]),
        st.sampled_from(["<", "<="]),
    ),
    st.builds(
        lambda unwanted: {"anything-but": unwanted},
        CHARACTERS
        | NUMBER
        | st.lists(CHARACTERS, min_size=1, max_size=2)
        | st.lists(NUMBER, min_size=1, max_size=2)
        | NESTED,
    ),
)
NAMES = st.sampled_from(["x", "y", "detail-type"])
LEAVES = st.lists(WANTED, min_size=1, max_size=3)
FIELDS = st.dictionaries(NAMES, LEAVES | st.dictionaries(NAMES, LEAVES, min_size=1, max_size=2), min_size=1, max_size=2)
PATTERNS = FIELDS | st.builds(
    lambda fields, one, two: {**fields, "$or": [{"one": one}, {"two": two}]}, FIELDS, LEAVES, LEAVES
)
SCALARS = st.one_of(CHARACTERS, NUMBER, st.none(), st.booleans())
# The port of the reference engine loses a null among other values of a list; JSONata itself does not.
IN_LISTS = SCALARS.filter(lambda value: value is not None)
VALUES = SCALARS | st.lists(IN_LISTS, max_size=3)
NAMED = st.sampled_from(["x", "y", "detail-type", "one", "two"])
EVENTS = st.dictionaries(NAMED, VALUES | st.dictionaries(NAMED, VALUES, max_size=3), max_size=4)


@given(PATTERNS, EVENTS)
@example({"x": ["a"], "$or": [{"one": [1]}, {"two": [None]}]}, {"x": "a", "two": None})
def test_a_condition_says_what_eventbridge_says(pattern, event):
    assert matches(pattern, event) is eventbridge_matches(pattern, event)


LISTED = st.lists(IN_LISTS | st.dictionaries(NAMES, VALUES, max_size=2), max_size=3)


@given(FIELDS, st.dictionaries(NAMES, LISTED | VALUES, max_size=3))
def test_whatever_eventbridge_matches_is_matched_in_lists_of_objects_too(pattern, event):
    # EventBridge wants all fields of one and the same object of a list; here those of any will do. That is the safe
    # side: EventBridge has matched already, and an event that is not known again would lose its run key.
    assume(not _says_what_is_not_there(pattern))
    if eventbridge_matches(pattern, event):
        assert matches(pattern, event)


def _says_what_is_not_there(pattern):
    return '{"exists": false}' in json.dumps(pattern)
