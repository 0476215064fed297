"""When a schedule is due."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules import Schedule, zone_named

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def schedule(expression, zone="UTC", start=START):
    return Schedule(expression, zone_named(zone), start)


def occurrences(expression, count, zone="UTC", after=START, start=START):
    found, moment = [], after
    made = schedule(expression, zone, start)
    for _ in range(count):
        moment = made.next_after(moment)
        if moment is None:
            break
        found.append(moment.strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 6 * * ? *)", ["2026-01-01T06:00", "2026-01-02T06:00"]),
        ("cron(15 12 ? * MON-FRI *)", ["2026-01-01T12:15", "2026-01-02T12:15", "2026-01-05T12:15"]),
        ("cron(0 0 ? * 1 *)", ["2026-01-04T00:00"]),
        ("cron(0 0 ? * FRI-SUN *)", ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00", "2026-01-09T00:00"]),
        ("cron(0 0 ? * 6#3 *)", ["2026-01-16T00:00", "2026-02-20T00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31T00:00", "2026-02-28T00:00"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02T00:00", "2026-02-03T00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-02-02T00:00", "2026-03-02T00:00"]),
        ("cron(0/20 8 1 1 ? *)", ["2026-01-01T08:00", "2026-01-01T08:20", "2026-01-01T08:40", "2027-01-01T08:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 6 1 6 ? 2027-2028)", ["2027-06-01T06:00", "2028-06-01T06:00"]),
        ("cron(0 6 1 6 ? 2020)", []),
        ("cron(0 6 1 6 ? 2098)", ["2098-06-01T06:00"]),
        ("at(2026-03-01T10:00:00)", ["2026-03-01T10:00"]),
        ("at(2025-03-01T10:00:00)", []),
    ],
)
def test_an_expression_fires_at(expression, expected):
    assert occurrences(expression, len(expected) or 1) == expected


def test_a_rate_counts_from_the_start():
    assert occurrences("rate(2 hours)", 2) == ["2026-01-01T02:00", "2026-01-01T04:00"]
    start = datetime(2026, 5, 1, 0, 30, tzinfo=timezone.utc)
    assert occurrences("rate(1 day)", 2, start=start) == ["2026-05-01T00:30", "2026-05-02T00:30"]


def test_local_times_are_those_of_the_timezone():
    assert occurrences("cron(0 6 * * ? *)", 1, "Europe/Berlin") == ["2026-01-01T05:00"]
    summer = datetime(2026, 7, 1, tzinfo=timezone.utc)
    assert occurrences("cron(0 6 * * ? *)", 1, "Europe/Berlin", summer) == ["2026-07-01T04:00"]
    assert occurrences("at(2026-07-01T06:00:00)", 1, "Europe/Berlin") == ["2026-07-01T04:00"]


def test_a_skipped_local_time_does_not_fire():
    before = datetime(2026, 3, 28, 12, tzinfo=timezone.utc)
    # On 29 March 02:30 does not exist in Berlin.
    assert occurrences("cron(30 2 * * ? *)", 2, "Europe/Berlin", before) == ["2026-03-30T00:30", "2026-03-31T00:30"]
    assert occurrences("at(2026-03-29T02:30:00)", 1, "Europe/Berlin") == []


def test_a_repeated_local_time_fires_once():
    before = datetime(2026, 10, 24, 12, tzinfo=timezone.utc)
    # On 25 October 02:30 comes twice in Berlin.
    assert occurrences("cron(30 2 * * ? *)", 2, "Europe/Berlin", before) == ["2026-10-25T00:30", "2026-10-26T01:30"]


@pytest.mark.parametrize(
    "expression",
    [
        "every day",
        "cron(0 6 * * *)",
        "cron(0 6 * * * *)",
        "cron(0 6 ? * ? *)",
        "cron(61 6 * * ? *)",
        "cron(0 6 ? * 8 *)",
        "cron(0 6 * * ? soon)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "at(tomorrow)",
    ],
)
def test_an_expression_that_aws_would_not_take_is_refused(expression):
    with pytest.raises(ScheduleError):
        schedule(expression).next_after(START)


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    day=st.integers(0, 720),
)
def test_a_daily_time_fires_once_a_local_day_and_moves_on(hour, minute, zone, day):
    after = START + timedelta(days=day)
    made = schedule(f"cron({minute} {hour} * * ? *)", zone)
    found = []
    for _ in range(4):
        after = made.next_after(after)
        found.append(after)
    local = [moment.astimezone(made.zone) for moment in found]
    assert all((moment.hour, moment.minute) == (hour, minute) for moment in local)
    for one, two in pairwise(local):
        assert 1 <= (two.date() - one.date()).days <= 2
