"""Schedules, durations and timezones as the CDK's own objects."""

from datetime import datetime, timezone

import pytest
from aws_cdk import Duration, TimeZone, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler

from cdk_processing.schedules.constructs import expression_text, minutes_of, timezone_name


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda: events.Schedule.cron(minute="0", hour="6"), "cron(0 6 * * ? *)"),
        (lambda: events.Schedule.cron(minute="0", hour="6", week_day="MON-FRI"), "cron(0 6 ? * MON-FRI *)"),
        (lambda: events.Schedule.rate(Duration.hours(12)), "rate(12 hours)"),
        (lambda: events.Schedule.expression("rate(1 day)"), "rate(1 day)"),
        (lambda: scheduler.ScheduleExpression.cron(minute="0", hour="6"), "cron(0 6 * * ? *)"),
        (lambda: scheduler.ScheduleExpression.rate(Duration.minutes(5)), "rate(5 minutes)"),
        (
            lambda: scheduler.ScheduleExpression.at(datetime(2030, 1, 31, 6, tzinfo=timezone.utc)),
            "at(2030-01-31T06:00:00)",
        ),
        (lambda: Duration.hours(36), "rate(36 hours)"),
        (lambda: Duration.minutes(1), "rate(1 minute)"),
        (lambda: Duration.days(2), "rate(2 days)"),
        (lambda: "rate(1 day)", "rate(1 day)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_schedule_of_the_cdk_is_its_text(given, text):
    assert expression_text(given()) == text


@pytest.mark.parametrize(
    "given",
    [
        lambda: Duration.seconds(90),
        lambda: Duration.hours(Token.as_number({"Ref": "Hours"})),
        lambda: 5,
        lambda: None,
    ],
    ids=["no whole minutes", "token", "number", "none"],
)
def test_what_has_no_expression_stays_as_it_is(given):
    value = given()
    assert expression_text(value) is value


def test_a_timezone_of_the_cdk_is_its_name_and_that_of_a_schedule_is_the_default():
    tokyo = scheduler.ScheduleExpression.cron(minute="0", hour="6", time_zone=TimeZone.ASIA_TOKYO)

    assert timezone_name(TimeZone.EUROPE_BERLIN) == "Europe/Berlin"
    assert timezone_name(None, tokyo) == "Asia/Tokyo"
    assert timezone_name("Europe/Berlin", tokyo) == "Europe/Berlin"
    assert timezone_name(None, scheduler.ScheduleExpression.rate(Duration.days(1))) is None
    assert timezone_name(None, events.Schedule.rate(Duration.days(1))) is None


def test_a_duration_is_so_many_minutes():
    assert (minutes_of(Duration.hours(2)), minutes_of(15), minutes_of(None)) == (120, 15, None)
    seconds = Duration.seconds(90)
    assert minutes_of(seconds) is seconds
