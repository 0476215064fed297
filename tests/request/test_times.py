from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ExecutionVariables, Parameter, RunTimeValueError
from cdk_processing.request.markers import segments, values_in
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.runtime import TriggerTime, has_run_time_value
from cdk_processing.request.times import Moment

TIME = ExecutionVariables.TRIGGER_TIME
BERLIN = "Europe/Berlin"
DAY = 86_400


@pytest.mark.parametrize(
    ("time", "moment", "shown"),
    [
        (TIME.in_timezone(BERLIN), Moment(0, BERLIN), ".in_timezone('Europe/Berlin')"),
        (TIME - timedelta(days=1), Moment(-DAY), " - timedelta(days=1)"),
        (TIME + timedelta(hours=6), Moment(6 * 3600), " + timedelta(hours=6)"),
        (timedelta(hours=6) + TIME, Moment(6 * 3600), " + timedelta(hours=6)"),
        (
            TIME.in_timezone(BERLIN) - timedelta(days=1, hours=2),
            Moment(0, BERLIN, -DAY - 7200),
            ".in_timezone('Europe/Berlin') - timedelta(days=1, hours=2)",
        ),
        (TIME.in_timezone(None), Moment(0, "UTC"), ".in_timezone('UTC')"),
        (TIME.in_timezone("Etc/GMT-2") - timedelta(seconds=5), Moment(0, "Etc/GMT-2", -5), None),
    ],
)
def test_a_time_takes_its_timezone_and_its_shift_along(time, moment, shown):
    assert isinstance(time, TriggerTime)
    assert list(segments(f"a{time}b")) == ["a", RunTimeValue("TRIGGER_TIME", moment=moment), "b"]
    assert list(segments(f"{time:%Y-%m}")) == [RunTimeValue("TRIGGER_TIME", format="%Y-%m", moment=moment)]
    assert has_run_time_value(time)
    if shown:
        assert values_in(str(time))[0].label == f"ExecutionVariables.TRIGGER_TIME{shown}"


def test_what_is_added_before_and_after_a_timezone_is_told_apart():
    before = (TIME - timedelta(days=1)).in_timezone(BERLIN)
    both = before + timedelta(hours=1)

    assert (before.moment, both.moment) == (Moment(-DAY, BERLIN), Moment(-DAY, BERLIN, 3600))
    assert values_in(str(both))[0].label == (
        "(ExecutionVariables.TRIGGER_TIME - timedelta(days=1)).in_timezone('Europe/Berlin') + timedelta(hours=1)"
    )


def test_what_comes_to_nothing_is_the_runs_own_time():
    assert str(TIME + timedelta(days=1) - timedelta(days=1)) == str(TIME)


def test_a_time_still_adds_to_text_on_either_side():
    time = TIME - timedelta(days=1)

    assert "dt=" + time + "/" == f"dt={time}/"
    assert time + Parameter("x") == f"{time}{Parameter('x')}"


@given(st.integers(-366 * DAY, 366 * DAY), st.sampled_from(["", BERLIN, "Etc/GMT+12", "America/Port-au-Prince"]))
def test_any_time_is_read_back_as_it_was(seconds, zone):
    time = (TIME.in_timezone(zone) if zone else TIME) + timedelta(seconds=seconds)

    [found] = values_in(str(time))

    assert (found.moment or Moment()) == time.moment


def test_no_two_times_have_one_key():
    moments = [
        Moment(b, z, a) for b in (0, -2, 2) for z in ("", "Etc/GMT", "Etc/GMT-2", "Etc/GMT+2") for a in (0, -2, 2)
    ]
    moments = [moment for moment in moments if moment.zone or not moment.after]

    assert len({moment.key for moment in moments}) == len(moments)


@pytest.mark.parametrize(
    "text", ["{{run:TRIGGER_TIME:yesterday}}", "{{run:TRIGGER_TIME:0;;0}}", "{{run:TRIGGER_TIME:1;2}}"]
)
def test_a_marker_that_nobody_wrote_is_the_runs_own_time(text):
    assert values_in(text) == [RunTimeValue("TRIGGER_TIME")]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            lambda: TIME.in_timezone("Europe/Berln"),
            "got 'Europe/Berln'; write 'Europe/Berlin' (TRIGGER_TIME.in_timezone)",
        ),
        (lambda: TIME.in_timezone("berlin"), "got 'berlin'; write 'Europe/Berlin'"),
        (lambda: TIME.in_timezone("+02:00"), "got '+02:00'; write 'Etc/GMT-2', whose sign is the other way round"),
        (lambda: TIME.in_timezone(""), "timezone must be the IANA name of a timezone, such as 'Europe/Berlin', got ''"),
        (lambda: TIME.in_timezone(2), "timezone must be the IANA name of a timezone, such as 'Europe/Berlin', got 2"),
        (
            lambda: TIME.in_timezone(BERLIN).in_timezone("Asia/Tokyo"),
            "in_timezone must be called once: the time is in Europe/Berlin already, got 'Asia/Tokyo'; "
            "drop one of the two calls",
        ),
        (
            lambda: TIME - timedelta(microseconds=1_500_000),
            "what is subtracted from TRIGGER_TIME must be a datetime.timedelta of whole seconds, got "
            "datetime.timedelta(seconds=1, microseconds=500000); write timedelta(seconds=2)",
        ),
        (
            lambda: TIME - 1,
            "what is subtracted from TRIGGER_TIME must be a datetime.timedelta of whole seconds, got 1; "
            "write timedelta(days=1)",
        ),
        (
            lambda: TIME + 7,
            "what is added to TRIGGER_TIME must be a datetime.timedelta of whole seconds, got 7; write timed",
        ),
        (lambda: TIME - "1 day", "got '1 day'; write timedelta(days=1)"),
        (lambda: TIME - None, "got None; write timedelta(days=1)"),
        (lambda: TIME + Fraction(1, 2), "got Fraction(1, 2); write timedelta(days=1)"),
        (
            lambda: TIME - TIME,
            "what is subtracted from TRIGGER_TIME must be a datetime.timedelta of whole seconds, got",
        ),
        (
            lambda: TIME - timedelta(days=400),
            "TRIGGER_TIME with a timedelta must be at most 366 days away from the run's time, got '400 days'; "
            "pass TRIGGER_TIME to the script, and reckon there",
        ),
        (lambda: (TIME + timedelta(days=200)).in_timezone(BERLIN) + timedelta(days=200), "got '400 days'"),
        (lambda: f"{TIME.in_timezone(BERLIN):%Z}", "TRIGGER_TIME understands %Y (year, 4 digits), "),
        (lambda: f"{TIME.in_timezone(BERLIN):%B}", "got %B in '%B'; build the format from those"),
        (lambda: f"{TIME - timedelta(days=1):%Y|}", "a time format cannot hold braces or '|', got '%Y|'"),
        (
            lambda: ExecutionVariables.RUN_ID - timedelta(days=1),
            "what is combined with ExecutionVariables.RUN_ID must be text: it is no time, got "
            "datetime.timedelta(days=1); write ExecutionVariables.TRIGGER_TIME - timedelta(days=1) for a time before ",
        ),
        (lambda: ExecutionVariables.RUN_ID + timedelta(days=1), "must be text: it is no time"),
        (lambda: timedelta(days=1) + ExecutionVariables.RUN_ID, "must be text: it is no time"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_with_the_fix(wrong, told):
    with pytest.raises(RunTimeValueError) as raised:
        wrong()

    assert told in str(raised.value)
