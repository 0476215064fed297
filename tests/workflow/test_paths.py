"""The folder of a marker and the values in its path, held to the reference implementation of JSONata."""

import pytest

from cdk_processing import ExecutionVariables
from cdk_processing.request.markers import values_in
from cdk_processing.workflow.launches import prepare
from cdk_processing.workflow.paths import PathValues
from tests.workflow.reference import evaluate_cases
from tests.workflow.states_language import evaluate

CONTEXT = {
    "Execution": {
        "Id": "arn:aws:states:us-east-1:111122223333:execution:Census:e1",
        "StartTime": "2024-03-05T07:08:09Z",
    },
    "StateMachine": {"Id": "arn:aws:states:us-east-1:111122223333:stateMachine:Census"},
}
ONE_DAY = PathValues(folder=True, partitions=("day",))
NAMES = PathValues(folder=True, partitions=("day", "hour of day", "it's"))
SOURCES = PathValues(sources=("orders", "stock"), partitions=("day",))


def marker(key, bucket="raw"):
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 0, "version-id": "v1", "sequencer": "00"}}
    return {"source": "aws.s3", "id": "e-1", "detail-type": "Object Created", "time": "t", "detail": detail}


def prepared(values):
    return prepare([], [], base_name="job", path_values=values)["Assign"]["run"]


def run_of(event, values=ONE_DAY):
    """``$run`` as the embedded AWS has it."""
    return evaluate(prepared(values), input=event, context=CONTEXT)


LONG = "day=1/" + "/".join(["ü" * 100] * 5) + "/"
LONG += "x" * (1016 - len(LONG.encode())) + "/_MARKED"


KEYS = [
    ("day=2026-03-28/_SUCCESS", "day=2026-03-28/", "2026-03-28"),
    ("in/day=1/hour=2/_SUCCESS", "in/day=1/hour=2/", "1"),
    ("day=1/day=2/_SUCCESS", "day=1/day=2/", "2"),
    ("day=a=b/_SUCCESS", "day=a=b/", "a=b"),
    ("day=06%3A00+1/_SUCCESS", "day=06%3A00+1/", "06%3A00+1"),
    ('day=it\'s "6" ü😀/_SUCCESS', 'day=it\'s "6" ü😀/', 'it\'s "6" ü😀'),
    ("day=0/_SUCCESS", "day=0/", "0"),
    ("day=\\x {% 1 %}/_SUCCESS", "day=\\x {% 1 %}/", "\\x {% 1 %}"),
    (LONG, LONG.removesuffix("_MARKED"), "1"),
    # No value: none, an empty one, of another name, of the object itself.
    ("in/_SUCCESS", "in/", None),
    ("day=/_SUCCESS", "day=/", None),
    ("day=1/day=/_SUCCESS", "day=1/day=/", None),
    ("day/_SUCCESS", "day/", None),
    ("holiday=1/Day=1/_SUCCESS", "holiday=1/Day=1/", None),
    ("in/day=1", "in/", None),
    ("_SUCCESS", "", None),
    ("in//day=1//_SUCCESS", "in//day=1//", "1"),
    ("day=1/", "day=1/", "1"),
]


@pytest.mark.parametrize(("key", "folder", "day"), KEYS)
def test_a_run_has_the_folder_and_the_values_in_its_path(key, folder, day):
    run = run_of(marker(key))

    assert run["FOLDER_URI"] == f"s3://raw/{folder}"
    assert run["partition"].get("day") == day
    assert run.get("problem") == (None if day else f"the path must have a folder day=VALUE, got s3://raw/{key}")


def test_every_name_of_a_folder_can_be_asked_for():
    run = run_of(marker("hour of day=6/it's=so/day=1/_SUCCESS"), NAMES)

    assert run["partition"] == {"day": "1", "hour of day": "6", "it's": "so"}
    assert "problem" not in run


ODD = [
    {},
    [],
    7,
    {"detail": 7},
    {"detail": {"object": {"key": 7}}},
    {"detail": {"object": {"key": None}}},
    {"detail": {"object": {"key": ["day=1/a"]}}},
    {"folder": None},
    {"folder": 7},
    {"folder": ""},
    {"folders": {}},
    {"folders": 7},
    {"source": "aws.scheduler", "schedule": "s", "time": "t"},
]


@pytest.mark.parametrize("event", ODD)
@pytest.mark.parametrize("values", [ONE_DAY, SOURCES])
def test_the_first_state_fails_for_no_event_and_says_what_is_missing(event, values):
    assert run_of(event, values)["problem"]


def test_a_start_by_hand_names_the_folder():
    run = run_of({"folder": "s3://raw/day=1/"})

    assert (run["FOLDER_URI"], run["partition"]) == ("s3://raw/day=1/", {"day": "1"})
    assert "problem" not in run


@pytest.mark.parametrize("folder", ["s3://raw/day=1", "raw/day=1/", "s3:/raw/day=1/"])
def test_a_folder_that_is_none_is_refused(folder):
    run = run_of({"folder": folder}, PathValues(folder=True))

    assert "s3://" in run["problem"]


def test_a_start_by_hand_names_the_folder_of_each_source():
    folders = {"orders": "s3://a/day=1/", "stock": "s3://b/x/day=1/"}

    run = run_of({"folders": folders}, SOURCES)

    assert (run["folders"], run["partition"]) == (folders, {"day": "1"})
    assert "problem" not in run


@pytest.mark.parametrize(
    ("folders", "problem"),
    [
        (
            {"orders": "s3://a/day=1/"},
            "the event that launched this run does not bring the folder of stock; "
            'start it with {"folders": {"stock": "s3://bucket/.../"}}',
        ),
        (
            {"orders": "s3://a/day=1/", "stock": "s3://b/day=1"},
            "folders.stock must be s3://bucket/.../ with a slash at its end, got s3://b/day=1",
        ),
        (
            {"orders": 7, "stock": "s3://b/day=1/"},
            "folders.orders must be s3://bucket/.../ with a slash at its end, got 7",
        ),
    ],
)
def test_a_missing_or_wrong_folder_of_a_source_is_told(folders, problem):
    assert run_of({"folders": folders}, SOURCES)["problem"] == problem


def test_the_reference_implementation_agrees():
    events = [*ODD, *(marker(key) for key, _, _ in KEYS), {"folder": "s3://raw/day=1/"}]
    events += [{"folders": {"orders": "s3://a/day=1/", "stock": 7}}, {"folders": {"stock": "s3://b/x/day=1/"}}]
    cases = [(event, values) for event in events for values in (ONE_DAY, NAMES, SOURCES)]

    found = evaluate_cases(
        [(prepared(values)[2:-2], {"states": {"input": event, "context": CONTEXT}}) for event, values in cases]
    )

    ours = [run_of(event, values) for event, values in cases]
    assert [each.error for each in found] == [None] * len(cases)
    assert [each.value for each in found] == ours
    assert max(each.depth for each in found) <= 80


def test_a_job_that_uses_none_has_no_statement_more():
    assert "$folder" not in prepare([], [], base_name="job")["Assign"]["run"]


def test_values_are_read_back_from_text():
    day, orders = ExecutionVariables.PARTITION["it's {d}"], ExecutionVariables.FOLDER_URI["orders"]
    [day, orders] = values_in(f"{day}/{orders}")

    assert (day.name, day.item, day.label) == ("PARTITION", "it's {d}", 'ExecutionVariables.PARTITION["it\'s {d}"]')
    assert (orders.name, orders.label) == ("SOURCE_FOLDER", "ExecutionVariables.FOLDER_URI['orders']")
