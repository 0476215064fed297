"""The tables of AWS's page about missing data, row by row, and what they leave open."""

import pytest

from cdk_processing.local.aws.cloudwatch.alarm_rules import COMPARISONS, AlarmRule

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
KEPT = "kept"


def verdict(points, missing, *, needed=3, state="OK"):
    """``points`` as AWS writes them: the oldest first, X breaching, 0 not, - missing."""
    rule = AlarmRule("GreaterThanOrEqualToThreshold", 1.0, 3, needed, missing)
    values = [{"X": 1.0, "0": 0.0, "-": None}[point] for point in points.split()]
    assert len(values) == rule.periods
    return rule.judge(values[::-1], state).state


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ("0 - X - X", ("OK", "OK", "OK", "OK")),
        ("0 - - - -", ("OK", "OK", "OK", "OK")),
        ("- - - - -", ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK")),
        ("0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", ("ALARM", KEPT, "ALARM", "OK")),
    ],
)
def test_three_of_three_datapoints_are_judged_as_in_the_table_of_aws(points, expected):
    for missing, state in zip(TREATMENTS, expected, strict=True):
        for before in ("OK", "ALARM", "INSUFFICIENT_DATA"):
            assert verdict(points, missing, state=before) == (before if state == KEPT else state), missing


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ("0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", ("ALARM", KEPT, "ALARM", "OK")),
    ],
)
def test_two_of_three_datapoints_are_judged_as_in_the_table_of_aws(points, expected):
    for missing, state in zip(TREATMENTS, expected, strict=True):
        for before in ("OK", "ALARM", "INSUFFICIENT_DATA"):
            found = verdict(points, missing, needed=2, state=before)
            assert found == (before if state == KEPT else state), missing


@pytest.mark.parametrize(
    ("comparison", "rings_at"),
    [
        ("GreaterThanOrEqualToThreshold", {5, 6}),
        ("GreaterThanThreshold", {6}),
        ("LessThanThreshold", {4}),
        ("LessThanOrEqualToThreshold", {4, 5}),
    ],
)
def test_each_comparison_knows_what_breaches(comparison, rings_at):
    rule = AlarmRule(comparison, 5.0, 1, 1)
    assert {value for value in (4, 5, 6) if rule.judge([value, None, None], "OK").state == "ALARM"} == rings_at


def test_every_fixed_threshold_comparison_is_known():
    assert set(COMPARISONS) == {
        f"{side}Than{equal}Threshold" for side in ("Greater", "Less") for equal in ("", "OrEqualTo")
    }


def test_the_reason_is_in_the_words_of_cloudwatch():
    rule = AlarmRule("GreaterThanOrEqualToThreshold", 1.0, 1, 1, "notBreaching")
    assert rule.judge([2.0, None, None], "OK").reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [2.0] was greater than or equal to the threshold (1.0) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert rule.judge([0.0, None, None], "ALARM").reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [0.0] was not greater than or equal to the threshold (1.0) "
        "(minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert rule.judge([None, None, None], "ALARM").reason == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )
