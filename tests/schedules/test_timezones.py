"""Timezones by name, and what is offered for a name that there is not."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules import timezone_problems, zone_named
from cdk_processing.schedules.timezones import as_instant

NAMES = sorted(available_timezones() - {"localtime"})


def told(name):
    [problem] = timezone_problems(name)
    return str(problem)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Berln", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("US/New_York", "America/New_York"),
        ("Europe/Berlin ", "Europe/Berlin"),
        ("Asia/Calcuta", "Asia/Calcutta"),
        ("utc", "UTC"),
        (ZoneInfo("Europe/Berlin"), "Europe/Berlin"),
    ],
    ids=str,
)
def test_the_nearest_timezone_is_offered(written, meant):
    message = told(written)

    assert message.startswith("timezone must be the IANA name of a timezone, such as 'Europe/Berlin', got ")
    assert message.endswith(f"; write {meant!r}")


@pytest.mark.parametrize(
    ("written", "meant", "hours"),
    [("UTC+2", "Etc/GMT-2", 2), ("GMT-5", "Etc/GMT+5", -5), ("+01:00", "Etc/GMT-1", 1), ("utc+0200", "Etc/GMT-2", 2)],
)
def test_an_offset_is_offered_as_the_zone_that_has_it(written, meant, hours):
    assert told(written).endswith(f"; write {meant!r}, whose sign is the other way round")
    assert datetime(2026, 7, 1, tzinfo=ZoneInfo(meant)).utcoffset().total_seconds() == hours * 3600


@pytest.mark.parametrize(
    "name", ["PST", "CEST", "Gondor", "", "Pacific time", "Europe/Munich", "UTC+25", "+05:30", 5, "localtime"]
)
def test_nothing_is_offered_where_nothing_is_near(name):
    assert told(name).endswith("; write its name from the IANA time zone database")


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Berlin", "", "../Europe/Berlin", "Europe"])
def test_a_timezone_that_there_is_not_cannot_be_had(name):
    with pytest.raises(ScheduleError, match="timezone must be the IANA name of a timezone"):
        zone_named(name)


@given(st.sampled_from(NAMES))
def test_every_timezone_can_be_had_by_its_name(name):
    assert timezone_problems(name) == []
    assert zone_named(name).key == name


def test_a_local_time_that_comes_twice_is_the_first_and_one_that_is_skipped_is_none():
    berlin = ZoneInfo("Europe/Berlin")

    assert as_instant(datetime(2026, 10, 25, 2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc)
    assert as_instant(datetime(2026, 3, 29, 2, 30), berlin) is None
