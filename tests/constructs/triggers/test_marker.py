"""``OnMarker``: its rule, what makes two markers the same, and the values that it brings."""

import pytest

from cdk_processing import (
    DeclarationError,
    ExecutionVariables,
    OnEvent,
    OnMarker,
    OnObjectCreated,
    OnSchedule,
    ProcessingInput,
    ProcessingJob,
    RunTimeValueError,
    S3Location,
)
from cdk_processing.workflow.patterns import condition
from tests.constructs.triggers.runs import run_of
from tests.workflow.states_language import evaluate

V = ExecutionVariables


def marker(key, bucket="raw-data", **thing):
    thing = {"key": key, "size": 0, "etag": "e", "version-id": "v", "sequencer": "0055", **thing}
    detail = {"bucket": {"name": bucket}, "object": thing}
    return {"id": "e-1", "source": "aws.s3", "detail-type": "Object Created", "time": "t", "detail": detail}


@pytest.mark.parametrize(
    ("location", "key", "matches"),
    [
        ("day=", "day=2026-03-28/_SUCCESS", True),
        ("day=", "day=1/hour=2/_SUCCESS", True),
        ("day=", "day=1/_SUCCESS.crc", False),
        ("day=", "day=1/x_SUCCESS", False),
        ("day=", "in/day=1/_SUCCESS", False),
        ("day=", "day=1/_success", False),
        ("in/", "in/_SUCCESS", True),
        ("in/", "in/a/b/_SUCCESS", True),
        ("in/", "in/not_SUCCESS", False),
        ("", "_SUCCESS", True),
        ("", "any/where/_SUCCESS", True),
        ("", "not_SUCCESS", False),
        ("a*b\\c/", "a*b\\c/d/_SUCCESS", True),
        ("a*b\\c/", "axb\\c/d/_SUCCESS", False),
    ],
)
def test_a_marker_is_an_object_of_that_name_anywhere_below_the_location(location, key, matches):
    pattern = OnMarker(S3Location("raw-data", location)).pattern()

    assert evaluate(f"{{% ($event := $states.input; {condition(pattern)}) %}}", input=marker(key)) is matches


def test_an_empty_marker_launches_a_run_and_one_in_another_bucket_none():
    pattern = OnMarker(S3Location("raw-data", "day="), name="done*.json").pattern()

    assert pattern["detail"] == {
        "bucket": {"name": ["raw-data"]},
        "object": {"key": [{"wildcard": "day=*/done\\*.json"}]},
    }


@pytest.mark.parametrize(
    ("dedupe", "ending"), [("version", "@v"), ("content", "@etag:e"), ("event", "@event:e-1"), ("folder", "@folder")]
)
def test_what_makes_two_markers_the_same_is_chosen(declare, states, dedupe, ending):
    declare(OnMarker(S3Location("raw-data", "day="), dedupe=dedupe))

    assert run_of(states(), marker("day=1/_SUCCESS"))["key"] == f"s3://raw-data/day=1/_SUCCESS{ending}"


def test_a_job_reads_the_folder_and_may_read_what_is_watched(stack, raw, curated, synth, statements, definition, flat):
    from tests.constructs.conftest import PROCESSOR

    request = PROCESSOR.run(
        code="s3://code/prep.py",
        inputs=[ProcessingInput(source=V.FOLDER_URI, destination="/opt/ml/processing/input")],
        arguments=["--day", V.PARTITION["day"], f"{V.PARTITION['hour']}h of {V.FOLDER_URI}"],
    )
    ProcessingJob(stack, "Job", request, triggers=[OnMarker(raw.at("day="))])
    template = synth(stack)
    states = definition(template, "Job")["States"]

    run = run_of(states, marker("day=1/hour=2/_SUCCESS", "<Raw72517081>"))
    arguments = evaluate(states["RunJob"]["Arguments"], {"run": run, "attempt": 1}, context={"Execution": {"Id": "e"}})

    assert arguments["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://<Raw72517081>/day=1/hour=2/"
    assert arguments["AppSpecification"]["ContainerArguments"] == [
        "--day",
        "1",
        "2h of s3://<Raw72517081>/day=1/hour=2/",
    ]
    read = statements(template, "JobExecutionRole")["ReadInputs"]
    assert "<Raw72517081.Arn>/day=*" in [flat(each) for each in read["Resource"]]
    assert "WriteManifest" not in states


@pytest.mark.parametrize("value", [V.FOLDER_URI, V.PARTITION["day"]])
def test_any_event_of_an_object_brings_its_folder_and_path(stack, request_for, value):
    triggers = [OnObjectCreated(S3Location("raw-data", "x/")), OnEvent({"source": ["aws.s3"]})]

    assert ProcessingJob(stack, "Job", request_for(arguments=["--x", value]), triggers=triggers)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (V.FOLDER_URI, "ExecutionVariables.FOLDER_URI"),
        (V.PARTITION["day"], "ExecutionVariables.PARTITION['day']"),
    ],
)
def test_a_trigger_without_an_object_is_refused(refused, value, label):
    assert refused(OnSchedule("rate(1 hour)"), arguments=[value]).startswith(
        f"{label} must be supplied by every trigger of the job, got 'triggers[0]: schedule rate(1 hour)"
    )


def test_the_folder_of_a_source_is_not_what_one_marker_brings(refused):
    assert refused(OnMarker(S3Location("raw-data", "day=")), arguments=[V.FOLDER_URI["orders"]]) == (
        "ExecutionVariables.FOLDER_URI['orders'] must be supplied by every trigger of the job, got 'triggers[0]: "
        "marker _SUCCESS below s3://raw-data/day='; launch the job by OnAll with a source named orders, or use "
        "FOLDER_URI, which one marker brings (Job)"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"name": "done/_SUCCESS"},
            "triggers[0].name must be the name of an object in its folder, without a /, got 'done/_SUCCESS'; write the "
            "last part of the marker's key, such as '_SUCCESS'",
        ),
        (
            {"name": ""},
            "triggers[0].name must be the name of an object in its folder, without a /, got ''; write the last part of "
            "the marker's key, such as '_SUCCESS'",
        ),
        ({"name": 7}, "triggers[0].name must be a str, got 7; write it as text"),
        (
            {"dedupe": "day"},
            "triggers[0].dedupe must be 'version', 'content', 'event' or 'folder', got 'day'; write one of those",
        ),
        (
            {"location": "raw/day="},
            "triggers[0].location must be an S3Location, an s3:// URI or an s3.IBucket, got 'raw/day='; "
            'pass bucket.at("prefix/")',
        ),
    ],
)
def test_a_mistake_is_told(refused, change, message):
    assert refused(OnMarker(**{"location": S3Location("raw-data", "day="), **change})) == f"{message} (OnMarker)"


def test_what_a_job_writes_must_not_lie_where_its_markers_are(stack, raw, request_for):
    with pytest.raises(DeclarationError, match=r"outside s3://<Census/Raw>/day=, which launches this job"):
        ProcessingJob(stack, "Job", request_for(destination=raw.at("day=1/out/")), triggers=[OnMarker(raw.at("day="))])


def test_a_folder_is_no_manifest(stack, raw):
    from tests.constructs.conftest import PROCESSOR

    folder = ProcessingInput(V.FOLDER_URI, "/opt/ml/processing/in", s3_data_type="ManifestFile", objects=[raw.at("x/")])

    with pytest.raises(DeclarationError, match="s3_data_type must be 'S3Prefix' for FOLDER_URI"):
        ProcessingJob(
            stack, "Job", PROCESSOR.run(code="s3://c/p.py", inputs=[folder]), triggers=[OnMarker(raw.at("day="))]
        )


@pytest.mark.parametrize("name", ["", "day=", "a/b", 7, f"{V.RUN_ID}"])
def test_a_name_that_no_folder_has_is_refused(name):
    with pytest.raises(RunTimeValueError, match=r"the name in PARTITION\[...\] must be"):
        V.PARTITION[name]


def test_values_with_brackets_are_refused_without_and_with_a_format():
    with pytest.raises(RunTimeValueError, match="must be followed by a name in brackets"):
        str(V.PARTITION)
    with pytest.raises(RunTimeValueError, match=r"ExecutionVariables.PARTITION\['day'\] takes no format"):
        f"{V.PARTITION['day']:%Y}"
    with pytest.raises(RunTimeValueError, match=r"the name in FOLDER_URI\[...\] must be the name of a source"):
        V.FOLDER_URI["or ders"]
