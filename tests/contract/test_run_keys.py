"""Run keys and run ids: computed here, they are those that a state machine computes, whatever launched the run."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdk_processing.contract.identity import identity_of
from cdk_processing.contract.redrive import RedriveEnvelope
from cdk_processing.contract.run_keys import RUN_KEYS, SERIES_FIELD, kind_of, run_id, run_key_of
from cdk_processing.contract.start import StartInput
from cdk_processing.contract.success_event import SUCCEEDED, SUCCESS_SOURCE
from cdk_processing.workflow.launches import EventMapping, key_expression, prepare
from tests.workflow.reference import evaluate_cases
from tests.workflow.states_language import evaluate

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Census:e1"
CONTEXT = {
    "Execution": {"Id": EXECUTION, "StartTime": "2024-03-05T07:08:09.123Z"},
    "StateMachine": {"Id": MACHINE},
}

# Letters of every kind; what is half of a letter is in no JSON that AWS sends.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = TEXTS | st.integers(-(2**53), 2**53) | st.booleans()


def sometimes(**fields):
    """An object in which each field may be missing."""
    return st.fixed_dictionaries({}, optional=fields)


OBJECTS = sometimes(
    **{"key": TEXTS, "version-id": TEXTS, "sequencer": TEXTS, "etag": TEXTS, "size": st.integers(0, 2**40)}
)
ARRIVALS = st.fixed_dictionaries(
    {
        "source": st.just("aws.s3"),
        "detail-type": st.sampled_from(["Object Created", "Object Deleted"]),
        "detail": sometimes(bucket=sometimes(name=TEXTS), object=OBJECTS),
    },
    optional={"id": TEXTS, "time": TEXTS, "run_key": TEXTS},
)
SCHEDULED = st.fixed_dictionaries(
    {"source": st.just("aws.scheduler")},
    optional={"schedule": TEXTS, "time": TEXTS, "run_key": VALUES, "id": TEXTS, SERIES_FIELD: TEXTS},
)
BY_HAND = sometimes(run_key=VALUES | st.none(), parameters=st.dictionaries(TEXTS, VALUES, max_size=2))
ANY_EVENT = sometimes(**{"id": TEXTS, "detail-type": TEXTS, "source": TEXTS, "detail": st.dictionaries(TEXTS, VALUES)})
UPSTREAM = st.fixed_dictionaries(
    {
        "source": st.just(SUCCESS_SOURCE),
        "detail-type": st.just(SUCCEEDED),
        "detail": sometimes(state_machine=TEXTS, run_id=TEXTS, identity=TEXTS),
    }
)
EVENTS = ARRIVALS | SCHEDULED | BY_HAND | ANY_EVENT | UPSTREAM
REDRIVES = st.fixed_dictionaries(
    {
        "redrive": st.fixed_dictionaries(
            {"event": EVENTS, "attempt": st.integers(1, 9)}, optional={"run_key": TEXTS | st.none()}
        )
    }
)


def computed(request, *event_mappings, job_id="census"):
    """What the state machine computes."""
    return evaluate(prepare(event_mappings, (), job_id=job_id)["Assign"], input=request, context=CONTEXT)["run"]


def without_series(request):
    """A request as the schedule of a job without an id sends it."""
    event = request.get("redrive", {}).get("event", request)
    event.pop(SERIES_FIELD, None)
    return request


@example({})
@example({"run_key": None})
@example({"run_key": 2**53})
@example({"redrive": {"event": {"run_key": "k"}}})
@given(EVENTS | REDRIVES)
def test_the_run_key_and_the_run_id_are_those_that_the_state_machine_computes(request):
    key = run_key_of(request, EXECUTION)
    found = computed(request)

    assert (key, run_id(identity_of("census", MACHINE), key)) == (found["key"], found["id"])


@given(EVENTS | REDRIVES)
def test_so_are_those_of_a_job_without_an_id(request):
    key = run_key_of(without_series(request), EXECUTION)
    found = computed(without_series(request), job_id=None)

    assert (key, run_id(MACHINE, key)) == (found["key"], found["id"])


@settings(max_examples=4)
@given(st.lists(EVENTS | REDRIVES, min_size=60, max_size=60))
def test_the_reference_implementation_of_jsonata_computes_the_same(requests):
    requests = [without_series(request) for request in requests]
    body = prepare((), ())["Assign"]["run"][2:-2]
    found = evaluate_cases([(body, {"states": {"input": request, "context": CONTEXT}}) for request in requests])
    keys = [run_key_of(request, EXECUTION) for request in requests]

    assert [each.error for each in found] == [None] * len(requests)
    assert [(each.value["key"], each.value["id"]) for each in found] == [(key, run_id(MACHINE, key)) for key in keys]


@pytest.mark.parametrize("kind", RUN_KEYS)
@given(event=ARRIVALS | UPSTREAM)
def test_so_are_those_of_a_trigger_that_knows_its_events_by_something_else(kind, event):
    mapping = EventMapping("true", key_expression(kind))

    assert run_key_of(event, EXECUTION, kind) == computed(event, mapping)["key"]


THING = {"key": "in/a.csv", "version-id": "v1", "sequencer": "0055AE", "etag": "e1"}
ARRIVAL = {
    "id": "i1",
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": "raw"}, "object": THING},
}
UNVERSIONED = {**ARRIVAL, "detail": {"bucket": {"name": "raw"}, "object": {**THING, "version-id": None}}}
del UNVERSIONED["detail"]["object"]["version-id"]


@pytest.mark.parametrize(
    ("request_", "kind", "key"),
    [
        (ARRIVAL, None, "s3://raw/in/a.csv@v1"),
        (UNVERSIONED, None, "s3://raw/in/a.csv@0055AE"),
        (ARRIVAL, "content", "s3://raw/in/a.csv@etag:e1"),
        (ARRIVAL, "arrival", "s3://raw/in/a.csv@event:i1"),
        ({**ARRIVAL, "detail-type": "Object Deleted"}, None, "event:i1"),
        ({"source": "aws.scheduler", "schedule": "arn:s", "time": "t"}, None, "arn:s@t"),
        ({"source": "aws.scheduler", "schedule": "arn:s", "time": "t", "series": ""}, None, "schedule:@t"),
        ({"source": "aws.scheduler", "time": "t", "series": '{"day": "1"}'}, None, 'schedule:{"day": "1"}@t'),
        ({"detail": {"identity": "job:a:", "state_machine": "m", "run_id": "r"}}, "identity", "upstream:job:a:@r"),
        (StartInput(run_key="k").fields(), None, "manual:k"),
        ({"run_key": 7}, None, "manual:7"),
        ({"run_key": True}, None, "manual:true"),
        (StartInput({"a": "1"}).fields(), None, EXECUTION),
        ({"id": "i", "detail-type": "Any"}, None, "event:i"),
        ({"detail": {"state_machine": "arn:m", "run_id": "r"}}, "upstream", "upstream:arn:m@r"),
        ({"redrive": {"event": ARRIVAL, "run_key": "k"}}, None, "k"),
        ({"redrive": {"event": ARRIVAL}}, "content", "s3://raw/in/a.csv@etag:e1"),
        ({"redrive": "no envelope", "run_key": "k"}, None, "manual:k"),
    ],
)
def test_each_kind_of_run_is_known_by_its_own_key(request_, kind, key):
    assert run_key_of(request_, EXECUTION, kind) == key


def test_a_redrive_as_it_is_rendered_keeps_the_key():
    envelope = RedriveEnvelope(ARRIVAL, "s3://raw/in/a.csv@v1", run_id(MACHINE, "s3://raw/in/a.csv@v1"), 2)

    assert computed({"redrive": {"event": ARRIVAL, "run_key": envelope.run_key, "run_id": envelope.run_id}})[
        "key"
    ] == run_key_of({"redrive": {"event": ARRIVAL, "run_key": envelope.run_key}}, EXECUTION)


@pytest.mark.parametrize("value", [0.5, 2**53 + 1, [1], {"a": 1}])
def test_a_key_that_json_readers_would_write_in_different_ways_is_refused(value):
    with pytest.raises(ValueError, match=r"run_key must be text, a whole number up to 2\*\*53, .*; write it as text"):
        run_key_of({"run_key": value}, EXECUTION)


def test_what_is_no_event_is_known_by_its_execution():
    assert kind_of(None) is None
    assert kind_of([1]) is None


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a", "a-b"), (MACHINE, f"{MACHINE}2"), ("job", None)])
def test_two_jobs_have_different_identities(one, other):
    assert run_id(identity_of(one, MACHINE), "k") != run_id(identity_of(other, MACHINE), "k")


def test_an_id_that_is_an_arn_continues_the_runs_of_that_state_machine():
    assert run_id(identity_of(MACHINE, f"{MACHINE}New"), "k") == run_id(MACHINE, "k")


def test_the_run_id_differs_between_two_state_machines():
    assert run_id(MACHINE, "k") != run_id(f"{MACHINE}2", "k")
    assert len(run_id(MACHINE, "k")) == 32
