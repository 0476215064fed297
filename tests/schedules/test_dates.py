from datetime import time

import pytest

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules import time_on_another_date


@pytest.mark.parametrize(
    ("expression", "timezone", "fires"),
    [
        ("cron(30 0 * * ? *)", "Europe/Berlin", time(0, 30)),
        # 01:30 is yesterday in UTC in summer, when Berlin is two hours ahead; at 02:00 it never is.
        ("cron(30 1 * * ? *)", "Europe/Berlin", time(1, 30)),
        ("cron(0 2 * * ? *)", "Europe/Berlin", None),
        ("cron(0 6 * * ? *)", "Europe/Berlin", None),
        ("cron(0 6,1 * * ? *)", "Europe/Berlin", time(1, 0)),
        ("cron(0/30 * * * ? *)", "Europe/Berlin", time(0, 0)),
        # Behind UTC it is the evening: New York is four or five hours behind.
        ("cron(30 19 * * ? *)", "America/New_York", time(19, 30)),
        ("cron(59 18 * * ? *)", "America/New_York", None),
        ("cron(30 5 * * ? *)", "Asia/Kolkata", None),
        ("cron(29 5 * * ? *)", "Asia/Kolkata", time(5, 29)),
        ("cron(0 0 * * ? *)", "UTC", None),
        ("cron(0 0 * * ? *)", "Africa/Abidjan", None),
        ("rate(1 day)", "Europe/Berlin", None),
        ("at(2026-07-01T01:30:00)", "Europe/Berlin", time(1, 30)),
        ("at(2026-01-01T01:30:00)", "Europe/Berlin", None),
        ("at(2026-03-29T02:30:00)", "Europe/Berlin", None),  # there is no such time
    ],
)
def test_the_first_local_time_on_another_date_is_found(expression, timezone, fires):
    assert time_on_another_date(expression, timezone) == fires


def test_what_is_no_schedule_is_an_error():
    with pytest.raises(ScheduleError):
        time_on_another_date("daily", "UTC")
