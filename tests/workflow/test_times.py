"""Times that are reckoned from the run's own, held to Python's zoneinfo by two engines of JSONata."""

import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest

from cdk_processing import ExecutionVariables
from cdk_processing.request.markers import values_in
from cdk_processing.schedules.offsets import EPOCH, LAST_YEAR, offset_changes
from cdk_processing.workflow.depth import DEEPEST, depth
from cdk_processing.workflow.jsonata import compile_text, expression
from cdk_processing.workflow.launches import FAIL_WITH_PROBLEM, prepare
from tests.workflow.reference import evaluate_cases
from tests.workflow.states_language import QueryEvaluationError, evaluate

TIME = ExecutionVariables.TRIGGER_TIME
CONTEXT = {"Execution": {"Id": "execution", "StartTime": "2024-03-05T07:08:10.123Z"}, "StateMachine": {"Id": "machine"}}
FORMAT = "%Y %y %m %d %j %H %M %S"
BEGIN, END = datetime(2000, 1, 1, tzinfo=timezone.utc), datetime(2099, 1, 1, tzinfo=timezone.utc)
#: Zones that change their offset in ways of their own: by weekdays, half hours, a day, religious years, or never.
ODD = [
    "Africa/Casablanca",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
]


def written(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def reckoned(text, time):
    """A text of a request as Step Functions would send it for a run of this time."""
    return evaluate(compile_text(text), _variables(text, time, evaluate))


def by_the_reference(cases):
    """The same for many texts and times, by the reference implementation."""
    states = {"context": CONTEXT}
    prepared = [(_first(text)["run"][2:-2], {"states": {**states, "input": {"time": time}}}) for text, time in cases]
    runs = evaluate_cases(prepared)
    assert [run.error for run in runs] == [None] * len(runs)
    texts = [(compile_text(text)[2:-2], {"run": run.value}) for (text, _), run in zip(cases, runs, strict=True)]
    found = evaluate_cases(texts)
    assert max(each.depth for each in (*runs, *found)) <= DEEPEST
    return [each.error or each.value for each in found]


def _first(text):
    moments = list(dict.fromkeys(value.moment for value in values_in(text) if value.moment is not None))
    return prepare((), [], moments=moments)["Assign"]


def _variables(text, time, by):
    return by(_first(text), input={"time": time}, context=CONTEXT)


def in_python(instant, zone, before, after):
    """The time as Python reckons it."""
    moment = instant + before
    if zone is None:
        return moment
    # A datetime's sum forgets which of two equal times it is; nothing added forgets nothing.
    return moment.astimezone(ZoneInfo(zone)) + after if after else moment.astimezone(ZoneInfo(zone))


def expected(instant, zone, before, after):
    found = in_python(instant, zone, before, after)
    plain = found.isoformat() if zone is not None else written(found)
    return f"{found.strftime(FORMAT)} {plain}"


def text_of(zone, before, after):
    moment = TIME + before if before else TIME
    moment = moment if zone is None else moment.in_timezone(zone)
    moment = moment + after if after else moment
    return f"{moment:{FORMAT}} {moment}"


def drawn(draw, zones, count):
    """Instants, zones and shifts, many of them around the changes of a clock."""
    for _ in range(count):
        zone = draw.choice(zones)
        instant = BEGIN + timedelta(seconds=draw.randrange(int((END - BEGIN).total_seconds())))
        changes = _changes(zone)
        if changes and draw.random() < 0.7:
            near = datetime.fromtimestamp(draw.choice(changes) * 60, timezone.utc)
            instant = near + timedelta(seconds=draw.choice([-86400, -3600, -1, 0, 1, 1800, 3600, 86400]))
            instant = min(max(instant, BEGIN), END - timedelta(seconds=1))
        before, after = (
            timedelta(
                seconds=draw.choice([0, 0, 86400, -86400, 3600, -3600, 1, 90 * 86400, draw.randrange(-(10**7), 10**7)])
            )
            for _ in range(2)
        )
        yield instant, zone, before, after


def _changes(zone):
    if zone not in _known:
        start = int(EPOCH.timestamp()) // 60
        found = offset_changes(ZoneInfo(zone), start, int(END.timestamp()) // 60)
        _known[zone] = [change.moment for change in found]
    return _known[zone]


_known = {}


@pytest.mark.drawn
def test_every_timezone_reckons_as_python_does_by_the_reference_implementation():
    draw = random.Random(20260329)
    zones = sorted(available_timezones() - {"localtime"})
    cases = [*drawn(draw, zones, 150), *drawn(draw, ODD, 350)]

    found = by_the_reference([(text_of(*case[1:]), written(case[0])) for case in cases])

    wrong = [(case, each) for case, each in zip(cases, found, strict=True) if each != expected(*case)]
    assert wrong == []


@pytest.mark.drawn
def test_every_timezone_reckons_as_python_does_by_the_engine_of_the_embedded_aws():
    draw = random.Random(20261025)
    zones = sorted(available_timezones() - {"localtime"})
    cases = [*drawn(draw, zones, 50), *drawn(draw, ODD, 150)]

    wrong = [
        (case, found) for case in cases if (found := reckoned(text_of(*case[1:]), written(case[0]))) != expected(*case)
    ]

    assert wrong == []


def test_days_before_and_after_need_no_timezone():
    draw = random.Random(5)
    cases = [(instant, None, before, timedelta()) for instant, _, before, _ in drawn(draw, ODD, 100) if before]
    texts = [(text_of(*case[1:]), written(case[0])) for case in cases]

    assert by_the_reference(texts) == [expected(*case) for case in cases]
    assert [reckoned(*each) for each in texts] == [expected(*case) for case in cases]


@pytest.mark.parametrize(
    ("time", "yesterday", "day_before_in_utc"),
    [
        # 00:30 in Berlin: the day in UTC is still the one before.
        ("2026-07-01T22:30:00Z", "2026-07-01", "2026-06-30"),
        # The day after the clocks went forward, and after they went back: 24 hours earlier is another date.
        ("2026-03-29T22:30:00Z", "2026-03-29", "2026-03-28"),
        ("2026-10-25T23:30:00Z", "2026-10-25", "2026-10-24"),
    ],
)
def test_yesterday_is_the_day_before_on_the_clocks_of_the_timezone(time, yesterday, day_before_in_utc):
    text = f"{TIME.in_timezone('Europe/Berlin') - timedelta(days=1):%Y-%m-%d}"

    assert reckoned(text, time) == yesterday
    assert reckoned(f"{TIME - timedelta(days=1):%Y-%m-%d}", time) == day_before_in_utc


@pytest.mark.parametrize(
    "time", ["2026-03-29T07:08:09.999Z", "2026-03-29T09:08:09+02:00", "2026-03-29T07:08:09.123456789Z"]
)
def test_a_time_of_any_form_that_a_trigger_brings_is_reckoned_with(time):
    text = str(TIME.in_timezone("Europe/Berlin") - timedelta(days=1))

    assert reckoned(text, time) == "2026-03-28T09:08:09+01:00"
    assert by_the_reference([(text, time)]) == ["2026-03-28T09:08:09+01:00"]


@pytest.mark.parametrize(
    "time",
    [
        "yesterday",
        "",
        "2026-01-31",
        "2026-01-31T06:00:00",
        "2026-02-29T06:00:00Z",
        "2026-04-31T06:00:00Z",
        "2026-13-01T06:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T06:00:00+0100",
        "1999-12-31T23:59:59Z",
        "2099-01-01T00:00:00Z",
        "x2026-01-31T06:00:00Z",
        "2026-01-31T06:00:00Zx",
        "2028-02-29T06:00:00Z\n",
    ],
)
@pytest.mark.parametrize("moment", [TIME.in_timezone("Europe/Berlin"), TIME - timedelta(days=1)], ids=["zone", "shift"])
def test_a_run_whose_time_cannot_be_reckoned_with_fails_with_a_reason_where_a_dead_letter_can_be_written(time, moment):
    first = _variables(str(moment), time, evaluate)
    told = f"the time of the run must be a time from 2000 to 2098 in ISO 8601, such as 2026-01-31T06:00:00Z, got {time}"

    with pytest.raises(QueryEvaluationError, match="the time of the run must be") as raised:
        evaluate(expression(f"{FAIL_WITH_PROBLEM}'name'"), first)
    assert first["run"]["problem"] == told
    assert told in str(raised.value) or "\n" in time
    # The state's other fields have some text all the same, so that this reason is the one that is told.
    assert isinstance(evaluate(compile_text(str(moment)), first), str)
    assert isinstance(evaluate(compile_text(f"{moment:%Y}"), first), str)


@pytest.mark.parametrize("time", ["2000-01-01T00:00:00Z", "2028-02-29T12:00:00Z", "2098-12-31T23:59:59Z"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "Etc/GMT+12", "Africa/Casablanca"])
@pytest.mark.parametrize("days", [366, -366])
def test_the_tables_know_the_farthest_times_that_a_run_may_name(time, zone, days):
    instant = datetime.fromisoformat(time.replace("Z", "+00:00"))
    shift = timedelta(days=days)
    text = text_of(zone, timedelta(), shift)

    assert reckoned(text, time) == expected(instant, zone, timedelta(), shift)


def test_a_redriven_run_has_the_time_of_the_first_one():
    text = str(TIME.in_timezone("Europe/Berlin"))
    event = {"time": "2026-03-28T06:00:00Z"}
    again = {"redrive": {"event": event, "run_id": "0" * 32, "run_key": "k", "attempt": 2}}

    first = evaluate(_first(text), input=again, context=CONTEXT)

    assert evaluate(compile_text(text), first) == "2026-03-28T07:00:00+01:00"


def test_a_definition_holds_the_table_of_a_timezone_once_however_often_it_is_used():
    moment = TIME.in_timezone("Europe/Berlin")
    texts = [f"{moment - timedelta(days=days):%Y-%m-%d}" for days in range(10)]

    prepared = _first(" ".join(texts))["run"]

    assert prepared.count("changes':") == 1
    assert prepared.count("'Europe/Berlin -86400': ") == 1


def test_the_longest_table_nests_no_deeper_than_the_shortest():
    deep = {
        zone: depth(_first(str(TIME.in_timezone(zone) - timedelta(days=1)))["run"][2:-2])
        for zone in ("UTC", "Asia/Gaza")
    }

    assert len(set(deep.values())) == 1
    assert max(deep.values()) <= DEEPEST // 2


def test_the_table_of_a_timezone_with_a_rule_is_short_and_reaches_to_the_end_of_the_century():
    without = len(_first(str(TIME.in_timezone("UTC")))["run"])
    bytes_of = {
        zone: len(_first(str(TIME.in_timezone(zone)))["run"]) - without
        for zone in ("Europe/Berlin", "America/New_York")
    }

    assert max(bytes_of.values()) < 700
    assert LAST_YEAR == 2099
