"""Patterns of events, held against the cases that their rendering as JSONata is held against."""

import pytest

from cdk_processing.contract.event_patterns import UnreadablePatternError, key_prefix, matched_fields, matches
from tests.workflow.test_patterns import CASES, NOWHERE, of


def event_with(value):
    return {"detail": {} if value is NOWHERE else {"x": value}}


@pytest.mark.parametrize(("wanted", "right", "wrong"), CASES, ids=[str(case[0]) for case in CASES])
def test_an_operator_matches_what_eventbridge_matches(wanted, right, wrong):
    assert [value for value in right if not matches(of(wanted), event_with(value))] == []
    assert [value for value in wrong if matches(of(wanted), event_with(value))] == []


def test_all_fields_must_match_and_one_of_the_options():
    pattern = {"source": ["s"], "$or": [{"detail": {"x": [1]}}, {"detail": {"y": [2]}}]}

    assert matches(pattern, {"source": "s", "detail": {"y": 2}})
    assert not matches(pattern, {"source": "s", "detail": {"y": 1}})
    assert not matches(pattern, {"source": "t", "detail": {"y": 2}})
    assert [*matched_fields(pattern)] == ["source", "$or"]


def test_an_operator_that_is_not_read_is_an_error():
    with pytest.raises(UnreadablePatternError, match="cidr"):
        matches(of({"cidr": "10.0.0.0/8"}), event_with("10.0.0.1"))


@pytest.mark.parametrize(
    ("wanted", "prefix"),
    [
        ([{"prefix": "in/"}], "in/"),
        ([{"wildcard": r"a\*b\\/*.csv"}], r"a*b\/"),
        (["in/_SUCCESS", {"wildcard": "in/*/_SUCCESS"}], "in/"),
        ([{"suffix": ".csv"}, {"prefix": "in/"}], ""),
        ([{"wildcard": "in/1"}, "in/1"], "in/1"),
    ],
)
def test_the_prefix_of_all_keys_that_match(wanted, prefix):
    assert key_prefix(wanted) == prefix
