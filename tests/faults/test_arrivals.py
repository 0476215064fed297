"""The fault matrix, first part: events that come twice, together, out of order, and for odd keys."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from cdk_processing.local import faults

from .conftest import SCRIPTS, reading_job

# -- the same event more than once ------------------------------------------------------------------------------------


def test_the_same_event_twice_at_once(deploy):
    """Row 1. One event, delivered twice at the same instant, makes one job; the second run ends as Duplicate."""
    world = deploy(reading_job)
    event = world.put_untold("in/a.csv")

    world.start_at_once(event, copies=2)

    _one_job_and_duplicates(world, world.run_key(event), duplicates=1)


def test_the_same_event_again_after_its_run_has_ended(deploy):
    """Row 2. An event delivered again when its run is long over makes no job, and leaves the output as it was."""
    world = deploy(reading_job)
    key = world.put("in/a.csv")
    (first,) = world.runs(1)
    written = world.client("s3").head_object(Bucket=world.bucket("Results"), Key=world.output_of(key))

    world.start(first.event)

    _one_job_and_duplicates(world, key, duplicates=1)
    now = world.client("s3").head_object(Bucket=world.bucket("Results"), Key=world.output_of(key))
    assert now["VersionId"] == written["VersionId"]


@pytest.mark.parametrize("by", ["the caller", "EventBridge"])
def test_20_copies_of_an_event_at_once(deploy, by):
    """Row 3. Of 20 copies at the same instant one makes the job, whoever is quickest; 19 end as Duplicate."""
    world = deploy(reading_job)

    if by == "EventBridge":
        with world.inject(faults.events_repeated(20, source="aws.s3")) as repeated:
            key = world.put("in/a.csv")
            world.runs(20)
        assert repeated.hits == 1
    else:
        event = world.put_untold("in/a.csv")
        key = world.run_key(event)
        world.start_at_once(event, copies=20)

    _one_job_and_duplicates(world, key, duplicates=19)


def _one_job_and_duplicates(world, run_key, *, duplicates):
    """One job under the run's first name, one output; every other run says whose job it was; nobody is told."""
    runs = world.runs(1 + duplicates)
    assert sorted(run.end for run in runs) == ["Completed"] + ["Duplicate"] * duplicates
    (maker,) = (run for run in runs if run.end == "Completed")
    assert {run.output["job_name"] for run in runs} == {world.job_name(run_key)}
    assert {run.output["made_by"] for run in runs if run is not maker} == {maker.arn}
    assert world.jobs() == {world.job_name(run_key): "Completed"}
    assert world.outputs() == [world.output_of(run_key)]
    world.is_quiet()


# -- events out of order ----------------------------------------------------------------------------------------------


def _put_twice_told_the_other_way_round(world):
    """Two versions of an object, of which EventBridge tells the second first; their run keys in order of writing."""
    with world.inject(faults.events_held(source="aws.s3", times=1)) as held:
        older = world.put("in/a.csv", b"1")
        world.until(lambda: held.hits, lambda hits: hits == 1)
        newer = world.put("in/a.csv", b"22")
        world.runs(1)
    return older, newer


def test_events_out_of_order_each_have_their_run(deploy):
    """Row 4. Each version of an object is a run of its own, also where the older one's event comes last."""
    world = deploy(reading_job)

    older, newer = _put_twice_told_the_other_way_round(world)

    first, second = world.runs(2)
    assert [first.end, second.end] == ["Completed", "Completed"]
    assert [first.output["run_id"], second.output["run_id"]] == [world.run_id(newer), world.run_id(older)]
    assert world.jobs() == {world.job_name(newer): "Completed", world.job_name(older): "Completed"}
    assert world.outputs() == sorted([world.output_of(newer), world.output_of(older)])
    # SageMaker reads an object as it is: a run is for a version, but no channel can ask for an older one.
    assert [world.seen(newer), world.seen(older)] == [{"in/a.csv": 2}, {"in/a.csv": 2}]
    world.is_quiet()


def test_an_older_event_that_comes_last_is_superseded_where_only_the_newest_is_wanted(deploy):
    """Row 4, ``newest_only``. The older version makes no job and ends as Superseded, which nobody is told."""
    from cdk_processing import OnObjectCreated

    world = deploy(partial(reading_job, triggers=lambda data: [OnObjectCreated(data.at("in/"), newest_only=True)]))

    older, newer = _put_twice_told_the_other_way_round(world)

    first, second = world.runs(2)
    assert [first.end, second.end] == ["Completed", "Superseded"]
    assert second.output["run_id"] == world.run_id(older)
    assert world.jobs() == {world.job_name(newer): "Completed"}
    assert world.outputs() == [world.output_of(newer)]
    assert world.seen(newer) == {"in/a.csv": 2}
    world.is_quiet()


# -- odd objects and odd keys -----------------------------------------------------------------------------------------


def test_a_zero_byte_object_and_a_folder_key(deploy):
    """Row 5. What holds no data launches nothing; what comes after it does."""
    world = deploy(reading_job)
    told = _everything_told_of(world)
    world.put("in/empty.csv", b"")
    world.put("in/folder/", b"")
    world.until(told, lambda keys: keys == {"in/empty.csv", "in/folder/"})

    key = world.put("in/folder/a.csv")

    (run,) = world.runs(1)
    assert world.until(told, lambda keys: len(keys) == 3) == {"in/empty.csv", "in/folder/", "in/folder/a.csv"}
    assert (run.end, run.output["job_name"]) == ("Completed", world.job_name(key))
    assert len(world.executions()) == 1
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.outputs() == [world.output_of(key)]
    assert world.seen(key) == {"in/folder/a.csv": 7}
    world.is_quiet()


def _everything_told_of(world):
    """A rule without a filter, so that a test knows when an event has passed EventBridge; says which keys have."""
    sqs, events, name = world.client("sqs"), world.client("events"), f"{world.name}-witness"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [world.bucket()]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    keys = set()

    def told():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            keys.add(json.loads(message["Body"])["detail"]["object"]["key"])
        return keys

    return told


def _key_of_1024_bytes():
    key = "in/" + "/".join(["ü" * 100] * 5) + "/"
    key += "x" * (1024 - len(key.encode()))
    assert len(key.encode()) == 1024
    return key


def test_keys_with_spaces_quotes_plus_unicode_and_1024_bytes(deploy):
    """Row 6. Whatever a key is like, its object has one job, which is given that object under that very name."""
    world = deploy(reading_job)
    keys = [
        "in/with space and  two.csv",
        "in/\"double\" and 'single' quotes.csv",
        "in/plus+plus%2B&=#?.csv",
        "in/ünï-日本語-🎉.csv",
        "in/back\\slash {% 1 + 1 %} ${x} {{run:RUN_ID}}.csv",
        "in/-dash, *star* <tag> `tick` [0].csv",
        _key_of_1024_bytes(),
    ]

    run_keys = {key: world.put(key, b"x" * size) for size, key in enumerate(keys, start=1)}

    runs = world.runs(len(keys))
    assert [run.end for run in runs] == ["Completed"] * len(keys)
    assert world.jobs() == {world.job_name(run_key): "Completed" for run_key in run_keys.values()}
    assert world.outputs() == sorted(world.output_of(run_key) for run_key in run_keys.values())
    for size, key in enumerate(keys, start=1):
        assert world.seen(run_keys[key]) == {key: size}
    world.is_quiet()


def test_a_key_that_is_a_prefix_of_another_key(deploy):
    """Row 7. A run is given its own object alone, also where its key is how other keys begin."""
    world = deploy(reading_job)
    sizes = {"in/1.csv.bak": 1, "in/1.csv/2.csv": 2, "in/1.csv": 3, "in/1": 4}

    run_keys = {key: world.put(key, b"x" * size) for key, size in sizes.items()}

    assert [run.end for run in world.runs(len(sizes))] == ["Completed"] * len(sizes)
    assert world.jobs() == {world.job_name(run_key): "Completed" for run_key in run_keys.values()}
    assert world.outputs() == sorted(world.output_of(run_key) for run_key in run_keys.values())
    for key, size in sizes.items():
        assert world.seen(run_keys[key]) == {key: size}
    world.is_quiet()


# -- markers of several sources ---------------------------------------------------------------------------------------

SOURCES = ("orders", "stock", "prices")


def _job_of_three_sources(stack):
    from cdk_processing import (
        DataBucket,
        ExecutionVariables,
        OnAll,
        OnMarker,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        SKLearnProcessor,
    )

    data, results = DataBucket(stack, "Data"), DataBucket(stack, "Results")
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    request = processor.run(
        code=SCRIPTS / "read.py",
        inputs=[
            ProcessingInput(ExecutionVariables.FOLDER_URI[source], f"/opt/ml/processing/input/data/{source}")
            for source in SOURCES
        ],
        outputs=[
            ProcessingOutput(
                "/opt/ml/processing/output",
                results.at(f"Job/{ExecutionVariables.RUN_ID}/"),
                output_name="seen",
            )
        ],
    )
    markers = {source: OnMarker(data.at(f"{source}/day=")) for source in SOURCES}
    ProcessingJob(stack, "Job", request, triggers=[OnAll(markers, by=["day"])])


def test_markers_of_several_sources_repeated_while_answers_of_the_table_are_lost_and_the_job_fails(deploy):
    """Row 27. All markers of a day come at once, each three times: one job. It fails; its redrive reads the same."""
    world = deploy(_job_of_three_sources)

    with (
        world.inject(faults.events_repeated(3, source="aws.s3")),
        world.inject(faults.answer_lost("dynamodb:UpdateItem", times=2)) as lost,
        world.inject(faults.job_fails("AlgorithmError: exit code 1", times=1)),
        ThreadPoolExecutor(len(SOURCES)) as pool,
    ):
        list(pool.map(lambda source: world.put(f"{source}/day=1/_SUCCESS", b""), SOURCES))
        runs = world.runs(3 * len(SOURCES))

    assert lost.hits == 2
    [failed] = [run for run in runs if run.end == "FAILED"]
    assert {run.end for run in runs if run is not failed} <= {"Waiting", "Duplicate"}
    assert list(world.jobs().values()) == ["Failed"]
    [letter] = world.has_told()
    # The RUN_ID finds the execution that failed, not one that waited.
    again = world.embedded.processing.redrive(f"{world.name}/Job", letter["run_id"])
    world.until(lambda: world.read(again.arn), lambda run: run.end == "Completed")
    assert sorted(world.jobs().values()) == ["Completed", "Failed"]
    seen = json.loads(world.embedded.get(f"{world.name}/Results", f"Job/{letter['run_id']}/seen.json"))
    assert seen == {f"{source}/_SUCCESS": 0 for source in SOURCES}
