"""``OnAll``: one rule for all markers, and one run for each value that they share."""

import json
from collections import Counter

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match

from cdk_processing import (
    DeclarationError,
    ExecutionVariables,
    OnAll,
    OnMarker,
    OnObjectCreated,
    ProcessingInput,
    ProcessingJob,
    S3Location,
)
from tests.constructs.conftest import PROCESSOR
from tests.constructs.triggers.runs import CONTEXT, run_of
from tests.constructs.triggers.test_marker import marker
from tests.workflow.reference import evaluate_tree
from tests.workflow.states_language import choose, evaluate

V = ExecutionVariables
ORDERS, STOCK = S3Location("orders", "day="), S3Location("stock", "eu/")


def both(by=("day",), **change):
    return OnAll({"orders": OnMarker(ORDERS), "stock": OnMarker(STOCK, name="done"), **change}, by=by)


@pytest.fixture
def joined(stack, synth, definition):
    """The states of a job that reads both folders."""

    def make(*triggers):
        inputs = [ProcessingInput(V.FOLDER_URI[name], f"/opt/ml/processing/{name}") for name in ("orders", "stock")]
        request = PROCESSOR.run(code="s3://code/prep.py", inputs=inputs, arguments=["--day", V.PARTITION["day"]])
        ProcessingJob(stack, "Job", request, triggers=triggers or [both()])
        return definition(synth(stack), "Job")["States"]

    return make


def test_all_markers_have_one_rule(made):
    found = made(both(), "AWS::Events::Rule")

    assert found["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "$or": [
                {"bucket": {"name": ["orders"]}, "object": {"key": [{"wildcard": "day=*/_SUCCESS"}]}},
                {"bucket": {"name": ["stock"]}, "object": {"key": ["eu/done", {"wildcard": "eu/*/done"}]}},
            ]
        },
    }


def test_markers_of_one_value_are_one_run_and_others_another(joined):
    states = joined()
    events = [
        marker("day=1/_SUCCESS", "orders"),
        marker("day=1/hour=7/_SUCCESS", "orders", **{"version-id": "w"}),
        marker("eu/day=1/done", "stock"),
    ]
    keys = {run_of(states, event)["key"] for event in events}

    [key] = keys
    assert key.endswith("@day=1")
    assert run_of(states, marker("eu/day=2/done", "stock"))["key"] == key.replace("day=1", "day=2")
    assert run_of(states, events[1])["source_folder"] == "s3://orders/day=1/hour=7/"


def test_several_values_are_told_apart(joined):
    states = joined(both(by=["day", "region"]))
    one, other = (run_of(states, marker(f"day={key}/_SUCCESS", "orders")) for key in ("1/region=b", "1/region=a=b"))

    assert one["key"].endswith("@day=1/region=b")
    assert other["key"].endswith("@day=1/region=a=b")


def test_other_sources_are_other_runs(joined):
    other = OnAll({"orders": OnMarker(S3Location("us", "day=")), "stock": OnMarker(STOCK, name="us")}, by=["day"])
    states = joined(both(), other)
    keys = {run_of(states, marker("day=1/_SUCCESS", bucket))["key"] for bucket in ("orders", "us")}

    assert len(keys) == 2


def test_a_marker_without_the_value_fails_with_the_reason(joined):
    states = joined()
    run = run_of(states, marker("eu/done", "stock"))

    assert run["problem"] == "the path of a marker must have the folder day=VALUE, by which markers belong together"
    assert choose(states["Admit"], {"run": run}, context=CONTEXT) == "RunJob"


def add(states, event, attributes):
    """What an execution does when the table answers with these folders: its next state, and its variables."""
    variables = evaluate(states["Prepare"]["Assign"], input=event, context=CONTEXT)
    assert choose(states["Admit"], variables, context=CONTEXT) == "AddFolder"
    result = {"Attributes": {name: {"S": value} for name, value in attributes.items()}}
    assigned = evaluate(states["AddFolder"]["Assign"], variables, result=result, context=CONTEXT)
    assert evaluate_tree(states["AddFolder"]["Assign"], variables, result=result, context=CONTEXT) == assigned
    variables |= assigned
    return choose(states["JudgeFolders"], variables, context=CONTEXT), variables


def test_a_marker_adds_its_folder_and_asks_for_all(joined):
    states = joined()
    variables = evaluate(states["Prepare"]["Assign"], input=marker("day=1/_SUCCESS", "orders"), context=CONTEXT)
    arguments = evaluate(states["AddFolder"]["Arguments"], variables, context=CONTEXT)
    expires = arguments["ExpressionAttributeValues"].pop(":expires")

    assert arguments["Key"] == {"id": {"S": f"Census/Job#folders#{variables['run']['id']}"}}
    assert arguments["UpdateExpression"] == "SET #source = if_not_exists(#source, :folder), expires = :expires"
    assert arguments["ExpressionAttributeNames"] == {"#source": "folder_orders"}
    assert arguments["ExpressionAttributeValues"] == {":folder": {"S": "s3://orders/day=1/"}}
    assert arguments["ReturnValues"] == "ALL_NEW"
    assert expires["N"].isdigit()


def test_the_reference_implementation_reads_markers_alike(joined):
    states = joined(both(by=["day", "region"]))
    keys = ["day=1/region='x'/_SUCCESS", "day=1/_SUCCESS", "day=/region=x/_SUCCESS"]

    for event in [*(marker(key, "orders") for key in keys), {}]:
        ours = evaluate(states["Prepare"]["Assign"], input=event, context=CONTEXT)
        assert evaluate_tree(states["Prepare"]["Assign"], input=event, context=CONTEXT) == ours


def test_ten_sources_and_ten_values_nest_no_deeper_than_they_may(declare, states):
    markers = {f"source_{number}": OnMarker(S3Location("raw", f"in/{number}/")) for number in range(10)}
    declare(OnAll(markers, by=[f"value{number}" for number in range(10)]))
    path = "/".join(f"value{number}=x" for number in range(10))

    assert run_of(states(), marker(f"in/7/{path}/_SUCCESS", "raw"))["key"].endswith(f"@{path}")


def test_a_marker_that_is_not_the_last_waits_and_says_for_what(joined):
    states = joined()

    following, variables = add(states, marker("day=1/_SUCCESS", "orders"), {"folder_orders": "s3://orders/day=1/"})

    assert following == "Waiting"
    output = evaluate(states["Waiting"]["Output"], {**variables, "attempt": 1}, context=CONTEXT)
    assert (output["status"], output["missing"]) == ("Waiting", ["stock"])
    assert evaluate_tree(states["Waiting"]["Output"], {**variables, "attempt": 1}, context=CONTEXT) == output


def test_the_last_marker_launches_the_run_with_all_folders(joined):
    states = joined()
    come = {
        "folder_orders": "s3://orders/day=1/hour=7/",
        "folder_stock": "s3://stock/eu/day=1/",
        "id": "x",
        "expires": "1",
    }

    following, variables = add(states, marker("eu/day=1/done", "stock"), come)

    assert following == "RunJob"
    arguments = evaluate(states["RunJob"]["Arguments"], variables, context=CONTEXT)
    read = [channel["S3Input"]["S3Uri"] for channel in arguments["ProcessingInputs"]]
    assert read[:2] == ["s3://orders/day=1/hour=7/", "s3://stock/eu/day=1/"]
    assert arguments["AppSpecification"]["ContainerArguments"] == ["--day", "1"]


def test_a_start_by_hand_with_folders_does_not_wait(joined):
    states = joined()
    folders = {"orders": "s3://orders/day=1/", "stock": "s3://stock/eu/day=1/"}
    run = run_of(states, {"folders": folders})

    assert (run["folders"], run["partition"], "problem" in run) == (folders, {"day": "1"}, False)
    assert choose(states["Admit"], {"run": run}, context=CONTEXT) == "RunJob"
    assert "does not bring the folder of orders" in run_of(states, {})["problem"]


def test_the_role_may_read_all_prefixes(stack, raw, curated, synth, statements, flat):
    trigger = OnAll({"a": OnMarker(raw.at("day=")), "b": OnMarker(curated.at("x/"))}, by=["day"])
    request = PROCESSOR.run(
        code="s3://code/prep.py", inputs=[ProcessingInput(V.FOLDER_URI["a"], "/opt/ml/processing/a")]
    )
    job = ProcessingJob(stack, "Job", request, triggers=[])
    job.add_trigger(trigger)
    found = [flat(each) for each in statements(synth(stack), "JobExecutionRole")["ReadInputs"]["Resource"]]

    assert {"<Raw72517081.Arn>/day=*", "<CuratedF137945A.Arn>/x/*"} <= set(found)


def test_a_job_that_writes_where_one_of_its_sources_is_only_warns(stack, raw, curated, request_for):
    trigger = OnAll({"a": OnMarker(raw.at("day=")), "b": OnMarker(curated.at("x/"))}, by=["day"])

    ProcessingJob(stack, "Job", request_for(destination=raw.at("day=1/")), triggers=[trigger])

    text = Match.string_like_regexp("launch each other for ever.*other markers of OnAll")
    assert len(Annotations.from_stack(stack).find_warning("*", text)) == 1


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (
            OnAll([OnMarker(ORDERS), OnMarker(STOCK)], by=["day"]),
            "triggers[0].markers must be a dict of 2-10 sources by name, got",
        ),
        (OnAll({"orders": OnMarker(ORDERS)}, by=["day"]), "triggers[0].markers must be a dict of 2-10 sources by name"),
        (both(stock=STOCK), "triggers[0].markers['stock'] must be an OnMarker, got"),
        (
            both(**{"a b": OnMarker(ORDERS)}),
            "triggers[0].markers must be named by 1-64 letters, digits and underscores",
        ),
        (
            both(by="day"),
            "triggers[0].by must be a list of the names of key=value folders, got 'day'",
        ),
        (both(by=[]), "triggers[0].by must be a list of the names of key=value folders, got []"),
        (both(by=["day="]), "triggers[0].by must be the text before the = in the name of a folder, got 'day='"),
        (both(by=["day", "day"]), "triggers[0].by must be without a name twice"),
        (
            both(stock=OnMarker(STOCK, dedupe="folder")),
            "triggers[0].markers['stock'].dedupe must be left out inside OnAll: a run is known by its values of by",
        ),
        (both(stock=OnMarker(STOCK, name="")), "triggers[0].markers['stock'].name must be the name of an object"),
        (both(stock=OnMarker("stock")), "triggers[0].markers['stock'].location must be an S3Location"),
    ],
)
def test_a_mistake_is_told(refused, trigger, message):
    assert refused(trigger).startswith(message)


@pytest.mark.parametrize(("first", "second"), [("day=", "day="), ("", "in/"), ("in/a", "in/")])
def test_a_marker_of_two_sources_is_refused(refused, raw, first, second):
    trigger = OnAll({"a": OnMarker(raw.at(first)), "b": OnMarker(raw.at(second))}, by=["day"])

    assert refused(trigger) == (
        "triggers[0].markers['b'].location must be where no marker of 'a' is: a marker has one source, got "
        f"'s3://<Census/Raw>/{second}'; watch a narrower prefix, or give the markers different names (OnAll)"
    )


def test_sources_in_one_place_with_markers_of_different_names_are_fine(declare, states, raw):
    declare(OnAll({"a": OnMarker(raw.at("day=")), "b": OnMarker(raw.at("day="), name="done")}, by=["day"]))

    runs = [run_of(states(), marker(f"day=1/{name}", "<Raw72517081>")) for name in ("_SUCCESS", "done")]
    assert [run["source"] for run in runs] == ["a", "b"]


OVERLAPPING = [
    OnAll({"x": OnMarker(ORDERS), "y": OnMarker(S3Location("y"))}, by=["hour"]),
    OnMarker(S3Location("orders", "")),
    OnObjectCreated(S3Location("orders", "day=2026")),
    OnObjectCreated(S3Location("orders", ""), "SUCCESS"),
]


@pytest.mark.parametrize("other", OVERLAPPING, ids=lambda other: type(other).__name__)
@pytest.mark.parametrize("is_added_later", [False, True])
def test_a_marker_of_two_triggers_is_refused(stack, request_for, other, is_added_later):
    def declare():
        if is_added_later:
            ProcessingJob(stack, "Job", request_for(), triggers=[other]).add_trigger(both())
        else:
            ProcessingJob(stack, "Job", request_for(), triggers=[other, both()])

    with pytest.raises(DeclarationError) as raised:
        declare()
    [problem] = raised.value.problems
    assert str(problem).startswith(
        "triggers[1].markers['orders'].location must be where triggers[0] does not launch the job too: a marker has "
        "one trigger, got 's3://orders/day='; watch another prefix, or make two jobs (OnAll"
    )


@pytest.mark.parametrize(
    "other",
    [
        OnMarker(S3Location("other", "day=")),
        OnMarker(S3Location("orders", "week=")),
        OnMarker(ORDERS, name="done"),
        OnObjectCreated(ORDERS, ".csv"),
        OnAll({"x": OnMarker(S3Location("x")), "y": OnMarker(S3Location("y"))}, by=["day"]),
    ],
    ids=lambda other: type(other).__name__,
)
def test_other_triggers_beside_it_are_fine(declare, states, other):
    declare(other, both())

    assert run_of(states(), marker("day=1/_SUCCESS", "orders"))["source"] == "orders"


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (V.FOLDER_URI, "write FOLDER_URI['orders']: each source has its own folder"),
        (V.FOLDER_URI["prices"], "launch the job by OnAll with a source named prices"),
        (V.PARTITION["hour"], "add 'hour' to by, so that it is the same for all markers of a run"),
        (V.OBJECT_KEY, "drop the value or the trigger"),
    ],
)
def test_a_value_that_the_markers_do_not_share_is_refused(refused, value, fix):
    assert fix in refused(both(), arguments=[value])


def test_a_bucket_of_another_region_is_refused(app, request_for):
    from aws_cdk import Environment

    from cdk_processing import DataBucket

    there = Stack(app, "There", env=Environment(account="111122223333", region="eu-west-1"))
    here = Stack(app, "Here", env=Environment(account="111122223333", region="us-east-1"))
    far = DataBucket(there, "Far")

    with pytest.raises(DeclarationError, match=r"markers\['stock'\]\.location must be in the job's region"):
        ProcessingJob(here, "Job", request_for(), triggers=[both(stock=OnMarker(far.at("day=")))])


def test_what_markers_add_to_a_template(synth):
    """`pytest -s` shows the figures of the documents."""

    def template(name, trigger, sources):
        stack = Stack(App(), name)
        inputs = [ProcessingInput(each, f"/opt/ml/processing/{number}") for number, each in enumerate(sources)]
        ProcessingJob(stack, "Job", PROCESSOR.run(code="s3://code/prep.py", inputs=inputs), triggers=[trigger])
        found = synth(stack)
        return len(json.dumps(found)), Counter(each["Type"] for each in found["Resources"].values())

    names = ("orders", "stock", "prices")
    markers = {name: OnMarker(S3Location("raw-data", f"{name}/day=")) for name in names}
    plain, usual = template("A", OnObjectCreated(S3Location("raw-data", "in/")), [S3Location("raw-data", "in/")] * 3)
    one, with_one = template("B", OnMarker(S3Location("raw-data", "day=")), [V.FOLDER_URI] * 3)
    several, with_all = template("C", OnAll(markers, by=["day"]), [V.FOLDER_URI[name] for name in names])

    print(f"\nOnMarker adds {one - plain:,} bytes, OnAll of three {several - plain:,} bytes")
    assert (with_one - usual, with_all - usual) == (Counter(), Counter({"AWS::DynamoDB::Table": 1}))
    assert one - plain <= 1_100
    assert several - plain <= 8_500
