"""Triggers of one job that say the same, and schedules that are over."""

from datetime import datetime, timezone

import pytest
from aws_cdk import Annotations, CfnParameter, TimeZone, aws_scheduler
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from cdk_processing import (
    DeclarationError,
    OnAll,
    OnDeploy,
    OnEvent,
    OnMarker,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    Parameter,
)

DAILY = "cron(0 6 * * ? *)"
BOTH = OnAll({name: OnMarker(f"s3://{name}/day=") for name in ("orders", "stock")}, by=["day"])
NEW_YEAR, JUNE = (datetime(2099, month, 1, tzinfo=timezone.utc) for month in (1, 6))
BATCH = {"source": ["my.app"], "detail-type": ["Batch", "Late Batch"]}
ARRIVAL = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {"bucket": {"name": ["lake"]}, "object": {"size": [{"numeric": [">", 0]}], "key": [{"prefix": "in/"}]}},
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OnSchedule(DAILY), OnSchedule(DAILY)),
        (OnSchedule("cron(0 6 ? * MON *)"), OnSchedule("cron(0 06 ? * 2 *)", timezone="Etc/UTC")),
        (OnSchedule(DAILY), OnSchedule(DAILY, flexible_window_minutes=5)),
        (OnSchedule(DAILY), OnSchedule(DAILY, overlap="queue")),
        (OnSchedule(DAILY), OnSchedule(DAILY, end=JUNE)),
        (OnSchedule("rate(1 day)"), OnSchedule("rate(24 hours)")),
    ],
)
def test_two_schedules_of_the_same_times_are_refused(refused, one, other):
    problem = refused(one, other)

    assert problem == (
        f"triggers[1] must be another than triggers[0]: both launch a run at the same times, got '{other.describe()}'; "
        f"drop one of them; triggers[0] is {one.describe()} (OnSchedule)"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OnSchedule(DAILY, parameters={"region": "eu"}), OnSchedule(DAILY, parameters={"region": "us"})),
        (OnSchedule(DAILY, end=NEW_YEAR), OnSchedule(DAILY, start=NEW_YEAR)),
        (OnSchedule("rate(1 day)", start=NEW_YEAR), OnSchedule("rate(1 day)", start=JUNE)),
        (OnSchedule(DAILY), OnSchedule(DAILY, timezone="Europe/Berlin")),
        (OnSchedule(DAILY), OnSchedule("rate(1 day)")),
        (OnEvent(BATCH), OnEvent(BATCH, event_bus="partners")),
        (OnObjectCreated("s3://lake/in/"), OnObjectCreated("s3://lake/in/daily/")),
        (OnObjectCreated("s3://lake/in/"), OnObjectCreated("s3://lake/in/", suffix=".csv")),
    ],
)
def test_triggers_that_differ_are_taken(declare, one, other):
    declare(one, other, arguments=[Parameter("region", default="eu")])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OnObjectCreated("s3://lake/in/"), OnObjectCreated("s3://lake/in/")),
        (OnObjectCreated("s3://lake/in/"), OnObjectCreated("s3://lake/in/", dedupe="content")),
        (OnObjectCreated("s3://lake/in/"), OnEvent(ARRIVAL)),
        (OnEvent(BATCH), OnEvent({**BATCH, "detail-type": ["Late Batch", "Batch"]})),
        (OnEvent(BATCH, {"region": "eu"}), OnEvent(BATCH, {"region": "us"})),
        (OnEvent(BATCH, {"region": "eu"}), OnEvent(BATCH, {"region": "us"}, event_bus="partners")),
        (OnDeploy(), OnDeploy(every_time=True)),
        (OnMarker("s3://lake/in/"), OnMarker("s3://lake/in/", dedupe="content")),
        (BOTH, BOTH),
    ],
)
def test_two_triggers_for_the_same_events_are_refused(refused, one, other):
    problem = refused(one, other, arguments=[Parameter("region", default="eu")])

    assert problem == (
        "triggers[1] must be another than triggers[0]: one event launches one run, whichever trigger it matches, got "
        f"'{other.describe()}'; drop one of them; for a second run with other options, make a second job "
        f"({type(other).__name__})"
    )


def test_two_triggers_for_the_success_of_one_job_are_refused(declare, refused):
    upstream = declare(name="First")

    problem = refused(OnSuccessOf(upstream), OnSuccessOf(upstream, {"day": "1"}), arguments=[Parameter("day", "0")])
    assert "one event launches one run" in problem


def test_a_trigger_added_later_that_repeats_an_earlier_one_is_refused_and_not_added(declare, stack, synth):
    job = declare(OnSchedule("rate(1 hour)"), OnSchedule(DAILY))
    before = synth(stack)

    with pytest.raises(DeclarationError, match=r"triggers\[2\] must be another than triggers\[1\]"):
        job.add_trigger(OnSchedule("cron(0 6 ? * * *)"))
    assert synth(stack) == before


def test_schedules_of_a_token_are_compared_as_text(stack, declare, refused):
    given = CfnParameter(stack, "When").value_as_string

    declare(OnSchedule(given), OnSchedule(DAILY), name="Other")
    problem = refused(OnSchedule(given), OnSchedule(given))
    assert "triggers[1] must be another than triggers[0]" in problem


@pytest.fixture
def over(stack):
    """The texts of the warnings of schedules that are over."""

    def find():
        found = Found.from_stack(stack).find_warning("*", Match.string_like_regexp("past-schedule"))
        return [each.entry.data for each in found]

    return find


@pytest.mark.parametrize(
    "trigger",
    [
        OnSchedule("at(2020-01-01T00:00:00)"),
        OnSchedule("cron(0 6 1 1 ? 2020)"),
        OnSchedule("at(2030-03-31T02:30:00)", timezone="Europe/Berlin"),
        OnSchedule(DAILY, end=datetime(2020, 1, 1, tzinfo=timezone.utc)),
        OnSchedule("at(2099-01-01T00:00:00)", end=datetime(2098, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_a_schedule_whose_times_are_past_is_warned_of(declare, over, trigger):
    declare(trigger)
    declare(name="Later").add_trigger(trigger)

    first, second = over()
    assert first == second
    assert first.startswith(trigger.describe())
    assert (
        "launches nothing: its times are past, or the clock skips them. Correct it, or remove it. If it has done its "
        "work, write Annotations.of(job).acknowledge_warning" in first
    )


def test_the_warning_of_a_past_schedule_is_acknowledged(declare, over):
    job = declare(OnSchedule("at(2020-01-01T00:00:00)"))
    Annotations.of(job).acknowledge_warning("cdk-processing:past-schedule", "it has run")

    assert over() == []


def test_a_schedule_of_the_future_or_of_a_token_is_not_warned_of(stack, declare, over):
    given = CfnParameter(stack, "When").value_as_string
    declare(OnSchedule("at(2099-01-01T00:00:00)"), OnSchedule("rate(1 day)", start=JUNE), OnSchedule(given))

    assert over() == []


@pytest.mark.parametrize("named", ["Asia/Tokyo", TimeZone.ASIA_TOKYO, "UTC"])
def test_a_timezone_beside_another_of_the_expression_is_refused(refused, named):
    at_six = aws_scheduler.ScheduleExpression.cron(hour="6", minute="0", time_zone=TimeZone.EUROPE_BERLIN)

    problem = refused(OnSchedule(at_six, timezone=named))
    assert problem.startswith(
        "triggers[0].timezone must be left out, or 'Europe/Berlin', which the ScheduleExpression names, got '"
    )


def test_the_timezone_of_the_expression_may_be_named_again(declare):
    at_six = aws_scheduler.ScheduleExpression.cron(hour="6", minute="0", time_zone=TimeZone.EUROPE_BERLIN)

    declare(OnSchedule(at_six, timezone="Europe/Berlin"))
