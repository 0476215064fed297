"""What is taken for a schedule's expression, and what is offered instead of what is not."""

import pytest

from cdk_processing.schedules import expression_problems
from cdk_processing.schedules.unix import from_crontab


def told(expression):
    [problem] = expression_problems(expression)
    return str(problem)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0 6 * * *", "cron(0 6 * * ? *)"),
        ("*/15 * * * *", "cron(*/15 * * * ? *)"),
        ("0 9 * * 1-5", "cron(0 9 ? * MON-FRI *)"),
        ("0 9 * * MON-FRI", "cron(0 9 ? * MON-FRI *)"),
        ("0 9 * * 0,6", "cron(0 9 ? * SUN,SAT *)"),
        ("0 9 * * 7", "cron(0 9 ? * SUN *)"),
        ("0 9 * * 5#2", "cron(0 9 ? * FRI#2 *)"),
        ("0 9 1 */3 *", "cron(0 9 1 */3 ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@Hourly", "cron(0 * * * ? *)"),
        ("@weekly", "cron(0 0 ? * SUN *)"),
        ("@yearly", "cron(0 0 1 1 ? *)"),
        ("0 6 * * ? *", "cron(0 6 * * ? *)"),
        ("CRON(0 6 * * ? *)", "cron(0 6 * * ? *)"),
        ("Rate(12 hours)", "rate(12 hours)"),
        ("12 hours", "rate(12 hours)"),
        ("1 day", "rate(1 day)"),
        ("2030-01-31T06:00:00", "at(2030-01-31T06:00:00)"),
    ],
)
def test_what_a_beginner_writes_is_offered_as_it_is_meant(written, meant):
    assert told(written) == (
        "expression must be such as cron(0 6 * * ? *), rate(12 hours) or at(2030-01-31T06:00:00), "
        f"got {written!r}; write {meant}"
    )
    assert expression_problems(meant) == []


def test_a_crontab_line_that_means_either_of_two_days_is_two_schedules():
    assert from_crontab("0 9 1 * 1") is None
    assert told("0 9 1 * 1").endswith(
        "; make two schedules: a crontab line that names a day of the month and a day of the week means either"
    )


@pytest.mark.parametrize("text", ["every year", "", "61 6 * * *", "0 6 * *", "cron", "cron(", "daily", "rate(1 hour"])
def test_what_nobody_can_read_is_told_where_to_look(text):
    assert told(text).endswith("; see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html")


@pytest.mark.parametrize(
    ("expression", "fix"),
    [
        ("rate(1 hours)", "write rate(1 hour)"),
        ("rate(24 hour)", "write rate(24 hours)"),
        ("rate(0 hours)", "write such as rate(12 hours)"),
        ("rate(30 seconds)", "write such as rate(12 hours)"),
        ("rate(1.5 hours)", "write such as rate(12 hours)"),
        ("at(2030-01-31)", "write such as at(2030-01-31T06:00:00), and the timezone in timezone="),
        ("at(2030-02-31T06:00:00)", "write such as at(2030-01-31T06:00:00), and the timezone in timezone="),
        ("at(2030-01-31T06:00:00Z)", "write such as at(2030-01-31T06:00:00), and the timezone in timezone="),
    ],
)
def test_a_rate_or_a_time_that_cannot_be_is_told_with_the_fix(expression, fix):
    assert told(expression).endswith(f"; {fix}")


@pytest.mark.parametrize(
    ("schedule", "fix"),
    [
        (lambda: 5, "write it as text"),
        (lambda: None, "write it as text"),
    ],
    ids=["number", "none"],
)
def test_what_is_no_schedule_is_told(schedule, fix):
    assert told(schedule()).endswith(f"; {fix}")
