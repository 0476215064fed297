"""What a run is known by: the first state, for every kind of event, and for what is no event at all."""

import hashlib
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_processing import ExecutionVariables, Parameter
from cdk_processing.request.markers import values_in
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.launches import ARRIVAL_KEYS, EventMapping, prepare
from cdk_processing.workflow.newest import NEWEST_ONLY
from cdk_processing.workflow.patterns import condition
from cdk_processing.workflow.turns import TURNS
from tests.workflow.states_language import QueryEvaluationError, choose, evaluate

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Census:e1"
STARTED = "2024-03-05T07:08:09.123Z"
CONTEXT = {"Execution": {"Id": EXECUTION, "StartTime": STARTED}, "StateMachine": {"Id": MACHINE}}

PARAMETERS = [
    value for text in (Parameter("table", default="t"), Parameter("n", type=int)) for value in values_in(str(text))
]
UNDER_IN = {
    "source": ["aws.s3"],
    "detail-type": ["Object Created"],
    "detail": {
        "bucket": {"name": ["raw-data"]},
        "object": {"size": [{"numeric": [">", 0]}], "key": [{"prefix": "in/"}]},
    },
}


def arrival_mapping(dedupe="version", newest_only=False, pattern=UNDER_IN):
    return EventMapping(
        condition(pattern), ARRIVAL_KEYS[dedupe], fields=NEWEST_ONLY.event_fields if newest_only else {}
    )


EVENTS_OF_BATCHES = EventMapping(
    condition({"source": ["my.app"], "detail": {"kind": [{"prefix": "batch"}]}}),
    "($exists($event.detail.id) ? 'key:' & $string($event.detail.id))",
    "the event has no $.detail.id, which is to be its run key",
    parameters=(("table", "$event.detail.table"), ("n", "'7'")),
)
UPSTREAM = EventMapping(
    condition({"source": ["cdk-processing"]}),
    "'upstream:' & $event.detail.state_machine & '@' & $event.detail.run_id",
    time="$event.detail.trigger_time",
)


EVERY_VALUE = [name for name in vars(ExecutionVariables) if name.startswith(("OBJECT", "UPSTREAM"))]


def prepared(event, *event_mappings, parameters=(), values=()):
    admissions = (NEWEST_ONLY,) if any(mapping.fields for mapping in event_mappings) else ()
    first = prepare(event_mappings, parameters, base_name="census-job", values=values, admissions=admissions)
    return evaluate(first["Assign"], input=event, context=CONTEXT)


def key_of(event, *event_mappings):
    return prepared(event, *event_mappings)["run"]["key"]


def run_id(key, machine=MACHINE):
    return hashlib.md5(f"{machine}{key}".encode()).hexdigest()


def arrival(key="in/a.csv", kind="Object Created", **change):
    thing = {"key": key, "size": 3, "etag": "e1", "version-id": "v1", "sequencer": "0055AE", **change}
    return {
        "id": "11112222-3333",
        "source": "aws.s3",
        "detail-type": kind,
        "time": "2024-03-05T07:08:00Z",
        "detail": {"bucket": {"name": "raw-data"}, "object": {k: v for k, v in thing.items() if v is not None}},
    }


def batch(**detail):
    event = {"id": "e-1", "source": "my.app", "detail-type": "Batch Ready", "time": "2024-03-05T07:08:00Z"}
    return {**event, "detail": {"kind": "batch/x", **detail}}


# -- arrivals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dedupe", "thing", "key"),
    [
        ("version", {}, "s3://raw-data/in/a.csv@v1"),
        ("version", {"version-id": None}, "s3://raw-data/in/a.csv@0055AE"),
        ("version", {"version-id": None, "sequencer": None}, "s3://raw-data/in/a.csv@"),
        ("content", {}, "s3://raw-data/in/a.csv@etag:e1"),
        ("content", {"version-id": "v2", "sequencer": "0056"}, "s3://raw-data/in/a.csv@etag:e1"),
        ("content", {"etag": None}, "s3://raw-data/in/a.csv@etag:v1"),
        ("content", {"etag": None, "version-id": None}, "s3://raw-data/in/a.csv@etag:0055AE"),
        ("event", {}, "s3://raw-data/in/a.csv@event:11112222-3333"),
        ("event", {"version-id": None, "etag": None, "sequencer": None}, "s3://raw-data/in/a.csv@event:11112222-3333"),
    ],
)
def test_an_arrival_is_known_by_what_makes_two_of_them_the_same(dedupe, thing, key):
    run = prepared(arrival(**thing), arrival_mapping(dedupe))["run"]

    assert run["key"] == key
    assert run["id"] == run_id(key)
    assert run["time"] == "2024-03-05T07:08:00Z"


def test_without_a_mapping_an_arrival_is_known_by_its_version():
    assert key_of(arrival()) == key_of(arrival(), arrival_mapping("version"))


def test_the_ways_to_know_an_arrival_never_meet():
    keys = [key_of(arrival(etag="v1", sequencer="v1"), arrival_mapping(dedupe)) for dedupe in ARRIVAL_KEYS]

    assert len(set(keys)) == len(ARRIVAL_KEYS)


@pytest.mark.parametrize("kind", ["Object Deleted", "Object Tags Added", "Object Restore Completed"])
def test_what_else_s3_tells_of_the_same_version_is_another_run(kind):
    assert key_of(arrival(kind=kind)) == "event:11112222-3333"


@pytest.mark.parametrize(
    "key", ["in/a b", "in/a+b", 'in/it\'s "q"', "in/ü😀", "in/" + "k" * 1021, "in/\\x'", "in/%}{%"]
)
def test_a_key_is_taken_as_it_is(key):
    assert key_of(arrival(key), arrival_mapping("content")) == f"s3://raw-data/{key}@etag:e1"


def test_a_key_that_begins_like_another_is_another_run():
    ids = {prepared(arrival(key))["run"]["id"] for key in ("in/1.csv", "in/1.csv.bak", "in/1", "in/1.csv@v1")}

    assert len(ids) == 4


def test_two_state_machines_know_one_event_by_different_ids():
    other = {**CONTEXT, "StateMachine": {"Id": MACHINE + "2"}}
    run = evaluate(prepare((), ())["Assign"], input=arrival(), context=other)["run"]

    assert run["key"] == key_of(arrival())
    assert run["id"] != run_id(run["key"])


# -- the newest -------------------------------------------------------------------------------------------------------


def test_where_only_the_newest_counts_the_object_and_its_place_in_the_order_are_noted():
    run = prepared(arrival(), arrival_mapping(newest_only=True))["run"]

    assert run["object"] == "s3://raw-data/in/a.csv"
    assert run["sequencer"] == "0055AE" + "0" * 58


def test_sequencers_of_different_length_are_ordered_as_s3_says():
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    given = ["0055", "00550", "00551", "0056", "0055A"]
    noted = {
        text: prepared(arrival(sequencer=text), arrival_mapping(newest_only=True))["run"]["sequencer"] for text in given
    }

    assert noted["0055"] == noted["00550"]
    assert sorted(set(noted.values())) == [noted[text] for text in ("0055", "00551", "0055A", "0056")]


@pytest.mark.parametrize("sequencer", [None, 55])
def test_an_arrival_without_a_proper_sequencer_is_no_failure(sequencer):
    run = prepared(arrival(sequencer=sequencer), arrival_mapping(newest_only=True))["run"]

    assert run["key"] == "s3://raw-data/in/a.csv@v1"
    assert run.get("sequencer", "55".ljust(64, "0")) == "55".ljust(64, "0")


def test_an_arrival_of_another_trigger_of_the_job_is_not_held_to_the_order():
    run = prepared(arrival("other/a.csv"), arrival_mapping(newest_only=True))["run"]

    assert "sequencer" not in run
    assert "object" not in run


# -- events of any kind -----------------------------------------------------------------------------------------------


def test_an_event_is_known_by_its_id():
    run = prepared(batch())["run"]

    assert (run["key"], run["id"]) == ("event:e-1", run_id("event:e-1"))
    assert key_of({**batch(), "id": "e-2"}) == "event:e-2"


@pytest.mark.parametrize(
    ("given", "key"), [("b7", "key:b7"), (7, "key:7"), (True, "key:true"), (["a", 1], 'key:["a",1]')]
)
def test_an_event_is_known_by_the_field_that_the_trigger_names(given, key):
    run = prepared(batch(id=given), EVENTS_OF_BATCHES)["run"]

    assert run["key"] == key
    assert run.get("problem") is None


def test_an_event_that_lacks_the_field_of_its_run_key_says_so():
    run = prepared(batch(), EVENTS_OF_BATCHES, parameters=PARAMETERS)["run"]

    assert run["problem"] == "the event has no $.detail.id, which is to be its run key"
    # The dead letter needs a name for the run all the same.
    assert run["key"] == EXECUTION


def machine(*event_mappings, **change):
    request = {"Environment": {}, "ProcessingInputs": [], **change}
    return definition(
        Workflow("Census/Job", "census-job", request, "aws", "https://queue", event_mappings=event_mappings)
    )


def test_a_job_without_run_key_is_never_made_and_the_failure_tells_why():
    defined = machine(EVENTS_OF_BATCHES)

    def after_catch(error):
        return evaluate(defined["States"]["RunJob"]["Catch"][0]["Assign"], errorOutput=error)

    name = defined["States"]["RunJob"]["Arguments"]["ProcessingJobName"]
    known = evaluate(defined["States"]["Prepare"]["Assign"], input=batch(), context=CONTEXT)

    with pytest.raises(QueryEvaluationError, match=r"the event has no \$\.detail\.id, which is to be its run key"):
        evaluate(name, known, context=CONTEXT)

    letter = evaluate(
        defined["States"]["SendDeadLetter"]["Arguments"],
        {**known, **after_catch({"Error": "States.QueryEvaluationError", "Cause": "the event has no $.detail.id"})},
        context={**CONTEXT, "Execution": {**CONTEXT["Execution"], "Input": batch()}},
    )["MessageBody"]
    assert letter["reason"] == "the event has no $.detail.id"
    assert letter["event"] == batch()
    failed = {**known, **after_catch({"Error": "States.QueryEvaluationError", "Cause": "no"})}
    assert choose(defined["States"]["Triage"], failed) == "SendDeadLetter"


def test_the_same_job_with_its_key_has_a_name():
    defined = machine(EVENTS_OF_BATCHES)
    known = evaluate(defined["States"]["Prepare"]["Assign"], input=batch(id=1), context=CONTEXT)

    name = evaluate(defined["States"]["RunJob"]["Arguments"]["ProcessingJobName"], known, context=CONTEXT)

    assert name == f"census-job-{run_id('key:1')}-1"


@pytest.mark.parametrize(
    ("detail", "parameters"),
    [
        ({"id": 1, "table": "people"}, {"table": "people", "n": "7"}),
        ({"id": 1, "table": 5}, {"table": "5", "n": "7"}),
        ({"id": 1}, {"table": "t", "n": "7"}),
    ],
)
def test_a_trigger_gives_the_parameters_that_its_event_brings(detail, parameters):
    assert prepared(batch(**detail), EVENTS_OF_BATCHES, parameters=PARAMETERS)["run"]["parameters"] == parameters


def test_parameters_in_an_event_of_a_trigger_that_gives_its_own_do_not_count():
    event = {**batch(id=1, table="people"), "parameters": {"table": "smuggled", "n": "1"}}

    run = prepared(event, EVENTS_OF_BATCHES, parameters=PARAMETERS)["run"]

    assert run["parameters"] == {"table": "people", "n": "7"}


def test_a_mapping_may_say_the_time():
    event = {
        "source": "cdk-processing",
        "time": "2024-03-05T09:00:00Z",
        "detail": {"state_machine": "m", "run_id": "r", "trigger_time": "2024-03-05T06:00:00Z"},
    }

    run = prepared(event, UPSTREAM)["run"]

    assert (run["key"], run["time"]) == ("upstream:m@r", "2024-03-05T06:00:00Z")


def test_an_event_that_lacks_the_time_has_its_own():
    assert prepared({"source": "cdk-processing", "time": "t", "detail": {}}, UPSTREAM)["run"]["time"] == "t"
    assert prepared({"source": "cdk-processing"}, UPSTREAM)["run"]["time"] == STARTED


@pytest.mark.parametrize("order", list(permutations(["a", "b"])))
def test_of_two_mappings_that_match_the_first_one_counts(order):
    event_mappings = {name: EventMapping("$event.source = 'my.app'", f"'{name}'") for name in ("a", "b")}

    assert key_of(batch(), *(event_mappings[name] for name in order)) == order[0]


def test_a_mapping_that_does_not_match_leaves_the_event_to_the_others():
    never = EventMapping("$event.source = 'elsewhere'", "'never'")

    assert key_of(batch(id=1), never, EVENTS_OF_BATCHES) == "key:1"
    assert key_of(batch(kind="other"), never, EVENTS_OF_BATCHES) == "event:e-1"


# -- schedules and hands ----------------------------------------------------------------------------------------------


def test_an_occurrence_is_known_by_its_schedule_and_time():
    event = {"source": "aws.scheduler", "schedule": "arn:s", "time": "2024-03-05T06:00:00Z", "parameters": {"n": "1"}}
    run = prepared(event, parameters=PARAMETERS)["run"]

    assert (run["key"], run["time"]) == ("arn:s@2024-03-05T06:00:00Z", "2024-03-05T06:00:00Z")
    assert run["parameters"] == {"table": "t", "n": "1"}


@pytest.mark.parametrize(
    ("given", "key"), [("k", "manual:k"), (7, "manual:7"), ("", "manual:"), ("a b'ü", "manual:a b'ü")]
)
def test_a_start_by_hand_is_known_by_the_key_that_is_given(given, key):
    assert key_of({"run_key": given}) == key


def test_no_key_given_by_hand_can_be_that_of_an_arrival():
    assert key_of({"run_key": key_of(arrival())}) != key_of(arrival())


def test_a_start_by_hand_without_key_is_known_by_its_execution():
    run = prepared({"parameters": {"n": 5}}, parameters=PARAMETERS)["run"]

    assert (run["key"], run["time"], run["parameters"]) == (EXECUTION, STARTED, {"table": "t", "n": "5"})


def test_a_key_that_is_null_is_none_so_that_two_of_them_are_two_runs():
    assert key_of({"run_key": None}) == EXECUTION


def test_what_may_be_given_by_hand_is_told():
    assert prepare((), PARAMETERS)["Comment"] == "parameters: table=t n;integer"
    assert "Comment" not in prepare((), ())


# -- redrive ----------------------------------------------------------------------------------------------------------


def redriven(event, **again):
    return {"redrive": {"event": event, **again}}


def test_a_redrive_is_the_run_that_it_says():
    found = prepared(redriven(arrival(), run_key="k", run_id="a" * 32, attempt=3))

    assert found["attempt"] == 3
    assert found["run"] == {
        "key": "k",
        "id": "a" * 32,
        "name": f"census-job-{'a' * 32}-",
        "time": "2024-03-05T07:08:00Z",
        "redriven": True,
        "attempt": 3,
    }


@pytest.mark.parametrize(
    ("again", "key", "identity"),
    [
        ({"run_key": "k"}, "k", run_id("k")),
        ({"run_id": "b" * 32}, "s3://raw-data/in/a.csv@etag:e1", "b" * 32),
        ({}, "s3://raw-data/in/a.csv@etag:e1", run_id("s3://raw-data/in/a.csv@etag:e1")),
        ({"run_key": None, "run_id": None}, "s3://raw-data/in/a.csv@etag:e1", run_id("s3://raw-data/in/a.csv@etag:e1")),
        ({"run_key": 5, "run_id": 5}, "s3://raw-data/in/a.csv@etag:e1", run_id("s3://raw-data/in/a.csv@etag:e1")),
    ],
)
def test_what_a_redrive_leaves_out_is_worked_out_from_its_event(again, key, identity):
    found = prepared(redriven(arrival(), **again), arrival_mapping("content"))

    assert (found["run"]["key"], found["run"]["id"]) == (key, identity)
    assert (found["attempt"], found["run"]["attempt"]) == (1, 1)


def test_a_first_run_is_not_redriven():
    assert prepared(arrival())["run"]["redriven"] is False
    assert prepared(redriven(arrival()))["run"]["redriven"] is True


def test_a_redriven_event_without_its_field_is_taken_at_the_key_of_its_redrive():
    run = prepared(redriven(batch(), run_key="key:9"), EVENTS_OF_BATCHES)["run"]

    assert (run["key"], run.get("problem")) == ("key:9", None)
    assert prepared(redriven(batch()), EVENTS_OF_BATCHES)["run"]["problem"] == EVENTS_OF_BATCHES.missing_key


def test_a_redriven_event_gives_its_parameters_and_order_again():
    run = prepared(redriven(batch(id=1, table="x")), EVENTS_OF_BATCHES, parameters=PARAMETERS)["run"]
    newest = prepared(redriven(arrival()), arrival_mapping(newest_only=True))["run"]

    assert run["parameters"] == {"table": "x", "n": "7"}
    assert newest["sequencer"].startswith("0055AE")


@pytest.mark.parametrize("attempt", ["3", None, [3], {"a": 1}, True])
def test_an_attempt_that_is_no_number_counts_as_the_first(attempt):
    # Later states count on from it, and not all of them can catch.
    found = prepared(redriven(arrival(), attempt=attempt))

    assert (found["attempt"], found["run"]["attempt"]) == (1, 1)


# -- whatever comes ---------------------------------------------------------------------------------------------------

MAPPINGS = (arrival_mapping("content", newest_only=True), EVENTS_OF_BATCHES, UPSTREAM)
ODD = [
    None,
    "text",
    5,
    True,
    [],
    {},
    [1, "a"],
    [arrival(), arrival()],
    {"redrive": {}},
    {"redrive": None},
    {"redrive": "again"},
    {"redrive": []},
    {"redrive": {"run_key": "k"}},
    {"redrive": {"event": None}},
    {"redrive": {"event": [], "run_key": {}, "run_id": [], "attempt": "x"}},
    {"redrive": {"event": arrival(), "run_key": None}},
    {"redrive": {"event": {"redrive": {"event": {}}}}},
    {"parameters": []},
    {"parameters": "n=5"},
    {"parameters": None},
    {"parameters": [{"n": 1}]},
    {"run_key": None},
    {"run_key": {"a": [1]}},
    {"run_key": []},
    {"source": "aws.s3"},
    {"source": "aws.s3", "detail-type": "Object Created"},
    {"source": ["aws.s3", "my.app"], "detail": []},
    {"source": "aws.s3", "detail-type": "Object Created", "detail": "x"},
    {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": 5, "object": [1]}},
    {"source": "aws.scheduler"},
    {"source": "aws.scheduler", "schedule": {}, "time": 5},
    {"source": "my.app", "detail": {"kind": ["batch", 5, {}], "id": {"a": 1}, "table": None}},
    {"source": "cdk-processing", "detail": {"run_id": 5}},
    {"id": {}, "detail-type": []},
    {"time": None},
]


def assert_a_run_has_come_of_it(found):
    run = found["run"]
    assert isinstance(run["key"], str)
    assert len(run["id"]) == 32 or (run["redriven"] and isinstance(run["id"], str))
    assert isinstance(run["parameters"], dict)
    assert isinstance(run["redriven"], bool)
    for attempt in (found["attempt"], run["attempt"]):
        assert isinstance(attempt, (int, float))
        assert not isinstance(attempt, bool)
    assert all(isinstance(value, str) for value in run["parameters"].values())
    assert isinstance(run["time"], str)
    for name in EVERY_VALUE:
        assert isinstance(run.get(name, ""), str)


@pytest.mark.parametrize("event", ODD, ids=str)
def test_the_first_state_never_fails_because_it_cannot_catch(event):
    assert_a_run_has_come_of_it(prepared(event, *MAPPINGS, parameters=PARAMETERS, values=EVERY_VALUE))


@pytest.mark.parametrize(
    "event", [None, "text", 5, {}, {"redrive": {}}, {"redrive": None}, {"redrive": {"run_key": "k"}}]
)
def test_what_is_no_event_is_a_start_without_key(event):
    found = prepared(event)

    assert (found["run"]["key"], found["run"]["redriven"], found["run"]["time"]) == (EXECUTION, False, STARTED)


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3)
SOURCES = st.sampled_from(["aws.s3", "my.app", "cdk-processing", "aws.scheduler", "Object Created"])
OF_EVENTS = st.sampled_from(["source", "detail", "detail-type", "time", "id", "schedule", "parameters"])
OF_DETAILS = st.sampled_from(["object", "bucket", "name", "key", "size", "sequencer", "etag", "version-id", "kind"])
OF_REDRIVES = st.sampled_from(["redrive", "event", "run_key", "run_id", "attempt", "table", "n", "trigger_time"])
NAMES = OF_EVENTS | OF_DETAILS | OF_REDRIVES
JSON = st.recursive(
    SCALARS | SOURCES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


def nearly(whole):
    """An input as it should be, with anything in place of some of its parts."""
    if isinstance(whole, dict):
        kept = st.fixed_dictionaries({name: nearly(part) for name, part in whole.items()})
        return st.one_of(kept, kept, kept, JSON)
    return st.one_of(st.just(whole), st.just(whole), JSON)


NEARLY = st.one_of(
    nearly(arrival()),
    nearly(batch(id="b", table="t")),
    nearly({"run_key": "k", "parameters": {"n": 5}}),
    nearly({"redrive": {"event": arrival(), "run_key": "k", "run_id": "i", "attempt": 2}}),
    nearly({"source": "aws.scheduler", "schedule": "s", "time": "t", "overlap": "skip"}),
)


@pytest.mark.drawn
@given(st.one_of(NEARLY, NEARLY, JSON))
@settings(max_examples=300)
def test_the_first_state_never_fails_whatever_json_comes(event):
    assert_a_run_has_come_of_it(prepared(event, *MAPPINGS, parameters=PARAMETERS, values=EVERY_VALUE))


ADMITS = {"table": "Turns", "admissions": (NEWEST_ONLY, TURNS)}


@given(NEARLY)
def test_nor_does_the_state_after_it(event):
    # A Choice cannot catch either.
    defined = definition(
        Workflow("Census/Job", "census-job", {}, "aws", "https://queue", event_mappings=MAPPINGS, **ADMITS)
    )
    known = evaluate(defined["States"]["Prepare"]["Assign"], input=event, context=CONTEXT)

    assert choose(defined["States"]["Admit"], known) in {"RecordNewest", "JoinLine", "TakeTurn", "RunJob"}
