"""The longest time between two occurrences, held against going through all of them."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules import cron, gaps, longest_gap, parse
from cdk_processing.schedules.timezones import as_instant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def every_occurrence(expression, zone, years):
    """Every occurrence from 2025 on, one by one, as the schedule itself goes through them."""
    for local in parse(expression).local_times(datetime(2025, 1, 1)):
        if local.year >= 2025 + years:
            return
        if found := as_instant(local, ZoneInfo(zone)):
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
    for module in (gaps, cron):
        monkeypatch.setattr(module, "datetime", NoClock)
    assert longest_gap.__wrapped__("cron(30 2 * * ? *)", "Europe/Paris") == 47 * HOUR
