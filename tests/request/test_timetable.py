from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdk_processing.request import timetable
from cdk_processing.request.timetable import Schedule, ScheduleError, longest_gap, zone_named

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


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


# -- the longest gap --------------------------------------------------------------------------------------------------


def every_occurrence(expression, zone, years):
    """Every occurrence from 2025 on, one by one, as the schedule itself goes through them."""
    cron = timetable.Cron.read(expression[5:-1])
    for local in timetable._cron_times(cron, datetime(2025, 1, 1)):
        if local.year >= 2025 + years:
            return
        if found := timetable._in_zone(local, ZoneInfo(zone)):
            yield found


def longest_by_counting(expression, zone, years):
    return max((two - one for one, two in pairwise(every_occurrence(expression, zone, years))), default=None)


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("rate(1 minute)", "UTC", timedelta(minutes=1)),
        ("rate(12 hours)", "Europe/Berlin", 12 * HOUR),
        ("cron(0 6 * * ? *)", "UTC", DAY),
        ("cron(0 6 * * ? *)", "Europe/Berlin", 25 * HOUR),  # over the night that is an hour longer
        ("cron(30 2 * * ? *)", "Europe/Berlin", 47 * HOUR),  # 02:30 is skipped once a year
        ("cron(0 6,18 * * ? *)", "Asia/Kolkata", 12 * HOUR),
        ("cron(0 * * * ? *)", "UTC", HOUR),
        ("cron(0 6 ? * MON-FRI *)", "UTC", 72 * HOUR),
        ("cron(0 6 ? * MON-FRI *)", "America/New_York", 73 * HOUR),
        ("cron(0 6 ? * SUN *)", "UTC", 7 * DAY),
        ("cron(0 6 1 * ? *)", "UTC", 31 * DAY),
        ("cron(0 6 31 * ? *)", "UTC", 61 * DAY),
        ("cron(0 6 L * ? *)", "UTC", 31 * DAY),
        ("cron(0 6 15W * ? *)", "UTC", 32 * DAY),
        ("cron(0 6 29 2 ? *)", "UTC", (4 * 365 + 1) * DAY),
        ("cron(0 6 ? 2 2#5 *)", "UTC", (28 * 365 + 7) * DAY),  # a leap year's February that begins with a Monday
        ("cron(0 6 1 1 ? 2026/2)", "UTC", (2 * 365 + 1) * DAY),
    ],
)
def test_the_longest_gap_of(expression, zone, expected):
    assert longest_gap(expression, zone) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "at(2030-01-31T06:00:00)",
        "cron(0 6 1 6 ? 2027-2028)",
        "cron(0 6 1 6 ? 2020)",
        "cron(0 6 31 2 ? 2199)",
    ],
)
def test_what_comes_to_an_end_has_no_longest_gap(expression):
    try:
        assert longest_gap(expression) is None
    except ScheduleError:
        assert "31 2" in expression  # no February has that day


def test_a_schedule_with_an_end_has_no_longest_gap():
    end = datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert longest_gap("rate(1 day)", end=end) is None
    assert longest_gap("cron(0 6 * * ? *)", end=end) is None


@pytest.mark.parametrize(
    ("expression", "zone"),
    [("every day", "UTC"), ("rate(0 days)", "UTC"), ("cron(0 6 * * *)", "UTC"), ("cron(0 6 * * ? *)", "Atlantis")],
)
def test_what_is_no_schedule_is_refused(expression, zone):
    with pytest.raises(ScheduleError):
        longest_gap(expression, zone)


def some_of(low, high, most):
    return st.lists(st.integers(low, high), min_size=1, max_size=most, unique=True).map(
        lambda found: ",".join(str(one) for one in sorted(found))
    )


zones = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Africa/Casablanca",
        "Africa/Cairo",
        "Pacific/Apia",
        "America/Santiago",
    ]
)
# Around the hours at which daylight saving begins and ends, more often than not.
hours = st.one_of(some_of(0, 3, 3), some_of(0, 23, 4))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    zone=zones,
    minutes=some_of(0, 59, 2),
    hours=hours,
    months=st.one_of(st.just("*"), some_of(1, 12, 3)),
    days=st.one_of(
        some_of(1, 31, 2).map(lambda days: (days, "?")),
        st.sampled_from([("L", "?"), ("LW", "?"), ("15W", "?"), ("?", "6L"), ("?", "1#1"), ("?", "1L"), ("?", "2#5")]),
    ),
)
def test_the_gap_found_is_the_longest_of_all_when_days_are_rare(zone, minutes, hours, months, days):
    expression = f"cron({minutes} {hours} {days[0]} {months} {days[1]} *)"
    try:
        found = longest_gap(expression, zone)
    except ScheduleError:
        assert days[0] in ("30", "31", "30,31")  # no month that is named has such a day
        return
    # 28 years and one more round: what is rare is so by the calendar.
    assert found == longest_by_counting(expression, zone, 57 if days == ("?", "2#5") or "29" in days[0] else 29)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    zone=zones,
    minutes=some_of(0, 59, 1),
    hours=some_of(0, 3, 2),
    weekdays=st.one_of(st.just("*"), some_of(1, 7, 4)),
    months=st.sampled_from(["*", "4-10", "1-3,11,12"]),
)
def test_the_gap_found_is_the_longest_of_all_when_days_are_many(zone, minutes, hours, weekdays, months):
    expression = f"cron({minutes} {hours} ? {months} {weekdays} *)"
    assert longest_gap(expression, zone) == longest_by_counting(expression, zone, 29)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("times", ["0/20 *", "* 1-3", "59 0/2"])
def test_the_gap_found_is_the_longest_of_all_when_times_are_many(times, zone):
    expression = f"cron({times} * * ? *)"
    assert longest_gap(expression, zone) == longest_by_counting(expression, zone, 2)


class NoClock(datetime):
    """A datetime that cannot tell the time."""

    @classmethod
    def now(cls, tz=None):
        raise AssertionError("the template would change from day to day")

    utcnow = today = now


def test_a_gap_does_not_depend_on_the_day_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(timetable, "datetime", NoClock)
    assert longest_gap.__wrapped__("cron(30 2 * * ? *)", "Europe/Paris") == 47 * HOUR
