"""What the fields of ``cron(...)`` mean, and what is refused."""

from datetime import datetime
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules import expression_problems, parse

START = datetime(2026, 1, 1)


def times(expression, count, after=START):
    return list(islice(parse(expression).local_times(after), count))


def told(expression):
    [problem] = expression_problems(expression)
    return str(problem)


@pytest.mark.parametrize(
    ("expression", "same"),
    [
        ("cron(0 0 ? * 1 *)", "cron(0 0 ? * SUN *)"),
        ("cron(0 0 ? * L *)", "cron(0 0 ? * SAT *)"),
        ("cron(0 0 ? * FRI-MON *)", "cron(0 0 ? * FRI,SAT,SUN,MON *)"),
        ("cron(0 0 ? * 2/2 *)", "cron(0 0 ? * MON,WED,FRI *)"),
        ("cron(0 0 ? * */3 *)", "cron(0 0 ? * SUN,WED,SAT *)"),
        ("cron(0 0 ? * mon-fri *)", "cron(0 0 ? * 2-6 *)"),
        ("cron(0 0 1 JAN,jul ? *)", "cron(0 0 1 1,7 ? *)"),
        ("cron(0 0 1 2/3 ? *)", "cron(0 0 1 2,5,8,11 ? *)"),
        ("cron(10-30/10 0 * * ? *)", "cron(10,20,30 0 * * ? *)"),
        ("cron(0 0 1 1 ? 2026-2030/2)", "cron(0 0 1 1 ? 2026,2028,2030)"),
        ("cron( 0   0 1 1 ? * )", "cron(0 0 1 1 ? *)"),
        ("  cron(0 0 1 1 ? *) ", "cron(0 0 1 1 ? *)"),
    ],
)
def test_two_ways_to_write_one_schedule(expression, same):
    assert times(expression, 20) == times(same, 20)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("L,15", [15, 31, 15, 28]),
        ("LW", [30, 27]),
        ("1W,15", [1, 15, 2, 15]),
        ("31W", [30, 27]),
    ],
)
def test_days_of_the_month_that_depend_on_the_month(field, days):
    assert [moment.day for moment in times(f"cron(30 0 {field} * ? *)", len(days))] == days


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("cron(60 6 * * ? *)", "expression (minutes) must be 0-59, a range, a list, a step or *, got "),
        ("cron(0 24 * * ? *)", "expression (hours) must be 0-23, "),
        ("cron(0 6 32 * ? *)", "expression (day of month) must be 1-31, a range, a list, a step, L, LW, 15W, ? or *, "),
        ("cron(0 6 0W * ? *)", "expression (day of month) must be 1-31, "),
        ("cron(0 6 * 13 ? *)", "expression (month) must be 1-12 or JAN-DEC, "),
        ("cron(0 6 * JUNE ? *)", "expression (month) must be 1-12 or JAN-DEC, "),
        ("cron(0 6 ? * 0 *)", "expression (day of week) must be 1-7 or SUN-SAT, "),
        ("cron(0 6 ? * MON#6 *)", "expression (day of week) must be "),
        ("cron(0 6 * * ? 1969)", "expression (year) must be 1970-2199, "),
        ("cron(0/0 6 * * ? *)", "expression (minutes) must be "),
        ("cron(0,,5 6 * * ? *)", "expression (minutes) must be "),
        ("cron(٣ 6 * * ? *)", "expression (minutes) must be "),
        ("cron(0 6 * * ? 2026-)", "expression (year) must be "),
    ],
)
def test_a_field_that_cannot_be_is_told_by_its_name(expression, message):
    assert told(expression).startswith(message)


def test_every_wrong_field_is_told_at_once():
    fields = [problem.field for problem in expression_problems("cron(60 24 * 13 ? soon)")]

    assert fields == ["expression (minutes)", "expression (hours)", "expression (month)", "expression (year)"]


@pytest.mark.parametrize(
    ("expression", "fix"),
    [
        ("cron(0 22-3 * * ? *)", "write 22-23,0-3 for '22-3', which goes over the end"),
        ("cron(0 0 1 NOV-FEB ? *)", "write NOV-12,1-FEB for 'NOV-FEB', which goes over the end"),
        ("cron(0 6 ? * 3#1,6#3 *)", "make a schedule of each: # takes no list"),
        ("cron(0 6 * * * *)", "write cron(0 6 * * ? *)"),
        ("cron(0 6 * * MON *)", "write cron(0 6 ? * MON *)"),
        ("cron(0 6 1 * * 2030)", "write cron(0 6 1 * ? 2030)"),
        ("cron(0 6 1 * MON *)", "write ? in the field that does not matter"),
        ("cron(0 6 ? * ? *)", "write ? in the field that does not matter"),
        ("cron(0 6 * * *)", "it has 5; write cron(0 6 * * ? *)"),
        ("cron(0 6 * * 1-5)", "it has 5; write cron(0 6 ? * MON-FRI *)"),
        ("cron(0 6)", "it has 2; write cron(0 6 * * ? *)"),
    ],
)
def test_the_fix_is_one_that_is_taken(expression, fix):
    assert told(expression).endswith(f"; {fix}")
    for written in (word for word in [fix.rpartition("write ")[2]] if word.startswith("cron(")):
        assert expression_problems(written) == []


@pytest.mark.parametrize(
    "expression", ["cron(0 6 31 2 ? *)", "cron(0 6 31 4,6,9,11 ? *)", "cron(0 6 29 2 ? 2027)", "cron(0 6 ? 2 2#5 2026)"]
)
def test_a_day_that_there_never_is_is_refused(expression):
    assert told(expression).startswith("expression must be a day that there is in one of its months and years, got ")


def test_an_expression_that_is_not_valid_cannot_be_parsed():
    with pytest.raises(ScheduleError, match=r"expression \(minutes\) must be 0-59"):
        parse("cron(60 6 * * ? *)")


# -- held against another reader of cron ------------------------------------------------------------------------------


def numbers(low, high):
    """A field in the words that Unix's cron and EventBridge's share."""
    value = st.integers(low, high)
    # "5-5/2" is 5 alone for us, and "5/2" for the other reader.
    span = st.tuples(value, value).map(sorted).filter(lambda pair: pair[0] < pair[1])
    item = st.one_of(
        value.map(str),
        span.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(span, st.integers(1, 9)).map(lambda given: f"{given[0][0]}-{given[0][1]}/{given[1]}"),
        st.integers(1, 9).map(lambda step: f"*/{step}"),
    )
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


@given(
    minute=numbers(0, 59),
    hour=numbers(0, 23),
    day=st.one_of(numbers(1, 28), st.sampled_from(["L", "LW"])),
    month=numbers(1, 12),
)
def test_days_of_the_month_fire_as_another_reader_of_cron_says(minute, hour, day, month):
    other = CronSim(f"{minute} {hour} {day} {month} *", START)

    assert times(f"cron({minute} {hour} {day} {month} ? *)", 30) == list(islice(other, 30))


WEEK = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@given(
    weekdays=st.one_of(
        st.lists(st.sampled_from(WEEK), min_size=1, unique=True).map(",".join),
        st.tuples(st.integers(0, 6), st.integers(1, 5)).map(lambda nth: f"{nth[0]}#{nth[1]}"),
        st.integers(0, 6).map(lambda day: f"{day}L"),
        st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    ),
    month=numbers(1, 12),
)
def test_days_of_the_week_fire_as_another_reader_of_cron_says(weekdays, month):
    # EventBridge counts weekdays from 1.
    ours = "".join(str(int(c) + 1) if c.isdigit() and weekdays[i - 1 : i] != "#" else c for i, c in enumerate(weekdays))

    other = CronSim(f"0 6 * {month} {weekdays}", START)

    assert times(f"cron(0 6 ? {month} {ours} *)", 30) == list(islice(other, 30))
