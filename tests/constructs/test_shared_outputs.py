"""Outputs of an app that are written to one place are warned of, by the real CDK's annotations."""

from datetime import timedelta

import pytest
from aws_cdk import Annotations, App, Aws, Environment, Stack, Stage
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    FeatureStoreOutput,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    Parameter,
    ProcessingJob,
    ProcessingOutput,
    PySparkProcessor,
)

from .conftest import PROCESSOR

RUN_ID, TIME, KEY = ExecutionVariables.RUN_ID, ExecutionVariables.TRIGGER_TIME, ExecutionVariables.OBJECT_KEY
SHARED, NESTED = "cdk-processing:shared-output", "cdk-processing:nested-output"


@pytest.fixture
def lake(stack):
    return DataBucket(stack, "Lake")


def written(*destinations, **options):
    """A request that writes to these places."""
    outputs = [
        ProcessingOutput(f"/opt/ml/processing/{number}", destination, **options)
        for number, destination in enumerate(destinations)
    ]
    return PROCESSOR.run("s3://code/prep.py", outputs=outputs)


def told(*stacks):
    """Every warning of shared outputs: its id and its text."""
    found = []
    for stack in stacks:
        for each in Found.from_stack(stack).find_warning(
            "*", Match.string_like_regexp("cdk-processing:(shared|nested)")
        ):
            text, _, name = each.entry.data.rpartition(" [ack: ")
            found.append((name.rstrip("]"), text))
    return found


def ids(*stacks):
    return [name for name, _ in told(*stacks)]


def test_two_jobs_that_write_to_one_place_are_named_with_the_place_and_the_ways_out(stack, lake):
    ProcessingJob(stack, "First", written(lake.at("out/")))
    ProcessingJob(stack, "Second", written(lake.at("out/")))

    assert told(stack) == [
        (
            SHARED,
            "outputs[0] and outputs[0] of Census/First are written to one place, s3://<Census/Lake>/out/: files of one "
            "name overwrite each other, and those of the job that ends last remain. Give each a folder of its own, or "
            "put ExecutionVariables.RUN_ID into the destinations. If they have files of different names, or are never "
            "written for the same run-time values, write "
            'Annotations.of(job).acknowledge_warning("cdk-processing:shared-output", "why").',
        )
    ]


def test_a_request_that_is_used_twice_is_told(stack, lake):
    request = written(lake.at("out/"))
    ProcessingJob(stack, "Nightly", request, triggers=[OnSchedule("rate(1 day)")])
    ProcessingJob(stack, "Hourly", request, triggers=[OnSchedule("rate(1 hour)")])

    assert ids(stack) == [SHARED]


def test_files_that_come_while_the_jobs_run_are_told_of_as_such(stack, lake):
    ProcessingJob(stack, "First", written(lake.at("out/"), s3_upload_mode="Continuous"))
    ProcessingJob(stack, "Second", written(lake.at("out/")))

    [(_, text)] = told(stack)
    assert "files of one name overwrite each other, and a reader may find some of each. " in text


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_slash_at_the_end_makes_no_other_place(stack, lake, slash):
    ProcessingJob(stack, "First", written(lake.at("out/")))
    ProcessingJob(stack, "Second", written(lake.at(f"out{slash}")))

    assert ids(stack) == [SHARED]


def test_an_output_inside_another_is_told_whichever_comes_first(stack, lake):
    ProcessingJob(stack, "Outer", written(lake.at("out/")))
    ProcessingJob(stack, "Inner", written(lake.at("out/train/a/")))
    ProcessingJob(stack, "Whole", written(lake.at("")))

    found = told(stack)
    assert [name for name, _ in found] == [NESTED, NESTED]
    assert found[0][1].startswith(
        "outputs[0] is written to a folder inside that of outputs[0] of Census/Outer, s3://<Census/Lake>/out/: "
        "a job that reads there reads both. Let them lie side by side, as data/ and reports/ do. "
    )
    assert found[1][1].startswith(
        "outputs[0] of Census/Outer, outputs[0] of Census/Inner are written to a folder inside that of outputs[0], "
        "s3://<Census/Lake>/: "
    )


def test_two_outputs_of_one_job_are_told_too(stack, lake):
    ProcessingJob(
        stack, "Job", written(lake.at(f"out/{RUN_ID}/"), lake.at(f"out/{RUN_ID}/"), lake.at(f"out/{RUN_ID}/x/"))
    )

    found = told(stack)
    assert [name for name, _ in found] == [SHARED, NESTED]
    assert found[0][1].startswith("outputs[1] and outputs[0] are written to one place, ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train/", "test/"),
        ("out/", "out-old/"),
        ("out", "outer"),
        (f"out/{RUN_ID}/", f"out/{RUN_ID}/"),
        (f"out/{RUN_ID}/", f"out/{RUN_ID}/x/"),
        (f"dt={TIME:%Y-%m-%d}/{RUN_ID}/", f"dt={TIME:%Y-%m-%d}/{RUN_ID}/"),
        (f"dt={TIME:%Y-%m-%d}/a/", f"dt={TIME:%Y-%m-%d}/b/"),
        (f"dt={TIME:%Y-%m-%d}/", f"dt={TIME - timedelta(days=1):%Y-%m-%d}/"),
        (f"dt={TIME:%Y-%m-%d}/", f"dt={TIME.in_timezone('Europe/Berlin'):%Y-%m-%d}/"),
        (f"{Parameter('region')}/", f"{Parameter('region')}/"),
    ],
)
def test_what_cannot_be_one_place_is_not_told(stack, lake, first, second):
    ProcessingJob(stack, "First", written(lake.at(first)))
    ProcessingJob(stack, "Second", written(lake.at(second)))

    assert told(stack) == []


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (f"dt={TIME:%Y-%m-%d}/", f"dt={TIME:%Y-%m-%d}/", SHARED),
        (f"{TIME:%Y/%m/%d}/", f"{TIME:%Y}/{TIME:%m}/{TIME:%d}/", SHARED),
        (f"{TIME:%Y}/", f"{TIME:%Y/%m/%d}/", NESTED),
        (f"{TIME}/", f"{TIME}/", SHARED),
        (
            f"{TIME.in_timezone('Europe/Berlin') - timedelta(days=1):%d}/",
            f"{TIME.in_timezone('Europe/Berlin') - timedelta(hours=24):%d}/",
            SHARED,
        ),
        (f"a/{ExecutionVariables.ATTEMPT}/", f"a/{ExecutionVariables.ATTEMPT}/", SHARED),
        ("out/", f"out/{RUN_ID}/", NESTED),
        (f"{Parameter('region', default='eu')}/", f"{Parameter('region', default='eu')}/", SHARED),
        (f"{Parameter('region', default='eu/west')}/", "eu/", NESTED),
    ],
)
def test_run_time_values_that_can_be_equal_make_no_other_place(stack, lake, first, second, kind):
    ProcessingJob(stack, "First", written(lake.at(first)), triggers=[OnSchedule("cron(0 6 * * ? *)")])
    ProcessingJob(stack, "Second", written(lake.at(second)), triggers=[OnSchedule("cron(0 7 * * ? *)")])

    assert ids(stack) == [kind]


def test_parameters_that_the_triggers_give_tell_places_apart_or_not(stack, lake):
    request = written(lake.at(f"{Parameter('region', default='eu')}/"))
    for name, region in (("Eu", "eu"), ("Us", "us"), ("AlsoUs", "us")):
        ProcessingJob(stack, name, request, triggers=[OnSchedule("rate(1 day)", parameters={"region": region})])
    both = [OnSchedule("rate(1 day)", parameters={"region": "us"}), OnEvent({"source": ["a"]})]
    ProcessingJob(stack, "Either", request, triggers=both)

    [(name, text)] = told(stack)
    assert name == SHARED
    assert text.startswith("outputs[0] and outputs[0] of Census/Us are written to one place, ")


def test_the_key_of_one_object_is_one_place_and_those_of_different_folders_are_not(stack, lake, raw):
    request = written(lake.at(f"{KEY}/"))
    ProcessingJob(stack, "A", request, triggers=[OnObjectCreated(raw.at("a/"))])
    ProcessingJob(stack, "B", request, triggers=[OnObjectCreated(raw.at("b/"))])
    assert told(stack) == []

    ProcessingJob(stack, "AlsoA", request, triggers=[OnObjectCreated(raw.at("a/"))])
    [(_, text)] = told(stack)
    assert text.startswith("outputs[0] and outputs[0] of Census/A are")


def test_two_jobs_after_one_job_write_to_one_place_for_each_of_its_runs(stack, lake):
    upstream = ProcessingJob(stack, "Clean", PROCESSOR.run("s3://code/clean.py"))
    other = ProcessingJob(stack, "Load", PROCESSOR.run("s3://code/load.py"))
    request = written(lake.at(f"{ExecutionVariables.UPSTREAM_RUN_ID}/"))
    ProcessingJob(stack, "First", request, triggers=[OnSuccessOf(upstream)])
    ProcessingJob(stack, "OfAnother", request, triggers=[OnSuccessOf(other)])
    assert told(stack) == []

    ProcessingJob(stack, "Second", request, triggers=[OnSuccessOf(upstream)])
    assert ids(stack) == [SHARED]


def test_other_buckets_are_other_places(stack, lake, curated):
    ProcessingJob(stack, "First", written(lake.at("out/")))
    ProcessingJob(stack, "Second", written(curated.at("out/")))
    ProcessingJob(stack, "Third", written("s3://elsewhere/out/"))

    assert told(stack) == []


def test_a_bucket_of_one_name_is_one_bucket_in_every_stack_and_stage():
    app = App()
    first, second = Stack(app, "First"), Stack(Stage(app, "Prod"), "Second")
    imported = s3.Bucket.from_bucket_name(first, "Raw", "shared-lake")
    ProcessingJob(first, "Job", written(imported))
    ProcessingJob(second, "Job", written("s3://shared-lake/out/"))
    ProcessingJob(second, "Same", written(s3.Bucket.from_bucket_name(second, "Raw", "shared-lake")))

    assert ids(first) == []
    found = told(second)
    assert [name for name, _ in found] == [NESTED, SHARED, NESTED]
    assert "outputs[0] of First/Job, s3://shared-lake/: " in found[0][1]


def test_a_bucket_is_one_place_in_every_stack_that_uses_it(app, stack, lake):
    ProcessingJob(stack, "Job", written(lake.at("out/")))
    other = Stack(app, "Other")
    ProcessingJob(other, "Job", written(lake.at("out/")))

    [(_, text)] = told(other)
    assert text.startswith("outputs[0] and outputs[0] of Census/Job are written to one place, s3://<Census/Lake>/out/")


def test_a_name_that_is_made_of_the_account_is_one_bucket_in_one_account_alone():
    app = App()
    here, there = (Environment(account=account, region="eu-west-1") for account in ("111122223333", "444455556666"))
    name = f"s3://lake-{Aws.ACCOUNT_ID}/out/"
    one, two, away = Stack(app, "One", env=here), Stack(app, "Two", env=here), Stack(app, "Away", env=there)
    for each in (one, two, away):
        ProcessingJob(each, "Job", written(name))

    assert (ids(one), ids(two), ids(away)) == ([], [SHARED], [])


def test_apps_do_not_know_each_other():
    for _ in range(2):
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "Job", written("s3://lake/out/"))
        assert told(stack) == []


def test_a_warning_is_acknowledged_in_the_cdks_own_way(stack, lake):
    for name in ("First", "Second", "Third"):
        ProcessingJob(stack, name, written(lake.at("out/")))
    Annotations.of(stack.node.find_child("Second")).acknowledge_warning(SHARED, "each writes its own region's file")

    [(_, text)] = told(stack)
    assert text.startswith("outputs[0] and outputs[0] of Census/First, outputs[0] of Census/Second are")


def test_a_feature_group_may_have_several_writers(stack):
    for name in ("First", "Second"):
        output = ProcessingOutput(app_managed=True, feature_store_output=FeatureStoreOutput("customers"))
        ProcessingJob(stack, name, PROCESSOR.run("s3://code/prep.py", outputs=[output]))

    assert told(stack) == []


def test_a_job_that_is_a_state_twice_is_one_writer(stack, lake):
    job = ProcessingJob(stack, "Job", written(lake.at("out/")))
    chain = job.as_state(stack, "One").next(job.as_state(stack, "Two"))
    sfn.StateMachine(stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(chain))

    assert told(stack) == []


def test_an_output_without_a_destination_has_a_place_of_its_own(stack):
    for name in ("First", "Second"):
        ProcessingJob(stack, name, written(None))

    assert told(stack) == []


def test_spark_event_logs_of_many_jobs_may_lie_in_one_folder(stack, lake):
    spark = PySparkProcessor(framework_version="3.3", instance_type="ml.m5.xlarge", instance_count=1)
    for name in ("First", "Second"):
        request = spark.run("s3://code/app.py", spark_event_logs_s3_uri=lake.at("spark-logs/").uri)
        ProcessingJob(stack, name, request)

    assert told(stack) == []


def test_many_others_are_not_all_named(stack, lake):
    for number in range(6):
        ProcessingJob(stack, f"Job{number}", written(lake.at("out/")))

    assert "outputs[0] of Census/Job2 and 2 more are written" in told(stack)[-1][1]


def test_a_trigger_added_later_tells_places_apart(stack, lake):
    request = written(lake.at(f"{Parameter('region', default='eu')}/"))
    ProcessingJob(stack, "Eu", request, triggers=[OnSchedule("rate(1 day)")])
    us = ProcessingJob(stack, "Us", request)
    us.add_trigger(OnSchedule("rate(1 day)", parameters={"region": "us"}))

    assert told(stack) == []


def test_triggers_added_later_can_make_two_places_one(stack, lake, raw):
    request = written(lake.at(f"{KEY}/"))
    for name in ("First", "Second"):
        ProcessingJob(stack, name, request).add_trigger(OnObjectCreated(raw.at("a/")))

    assert ids(stack) == [SHARED]


def test_a_request_with_a_trigger_added_later_is_told_once_in_two_synths(app, stack, lake):
    request = written(lake.at(f"{Parameter('region', default='eu')}/"))
    ProcessingJob(stack, "First", request)
    second = ProcessingJob(stack, "Second", request)
    app.synth()
    second.add_trigger(OnSchedule("rate(1 day)", parameters={"region": "eu"}))
    app.synth(force=True)

    assert ids(stack) == [SHARED]


def test_a_removed_job_writes_nothing(stack, lake):
    ProcessingJob(stack, "Job", written(lake.at("out/")))
    stack.node.try_remove_child("Job")
    ProcessingJob(stack, "Job", written(lake.at("out/")))

    assert told(stack) == []
