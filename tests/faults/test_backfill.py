"""The fault matrix, backfills: what never ran is run once, whatever came before, in between or at the same time."""

import os
from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest

from cdk_processing.client import (
    EarlierRunsError,
    InvalidParametersError,
    NothingToListError,
    UnversionedBucketError,
)
from cdk_processing.contract.names import JobName
from cdk_processing.local import faults

from .conftest import SCRIPTS, deployer, reading_job

#: In the night of March 29, 2026, Berlin has no 02:30.
BEFORE, AFTER = (datetime(2026, 3, day, tzinfo=timezone.utc) for day in (28, 31))


@pytest.fixture(scope="module")
def embedded():
    """Jobs only write down that they were, so that many take no machine's time."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    with pytest.MonkeyPatch.context() as patch:
        root = str(Path(__file__).parents[2])
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])))
        aws = LocalAws(runner="tests.faults.scripts.instant:run", wait_scale=0.01)
        with aws, DeployedAws(aws) as deployed:
            yield deployed


@pytest.fixture(scope="module")
def deploy(embedded, tmp_path_factory):
    return deployer(embedded, tmp_path_factory)


@pytest.fixture(scope="module")
def client(embedded):
    return embedded.processing


@pytest.fixture(scope="module")
def arrivals(deploy):
    """A stack whose job reads what arrives in ``in/``; each test has a folder of its own there."""
    return deploy(reading_job)


def backfill(client, world, job="Job", **options):
    return client.backfill(f"{world.name}/{job}", poll_seconds=0.02, **options)


def keys_of(runs):
    """The keys of the objects of missing or failed runs, without their buckets."""
    return [run.what.split("/", 3)[3] for run in runs]


def ended(world, count, job="Job"):
    """How the runs of a job ended, once there are so many."""
    return Counter(run.end for run in world.runs(count, job))


def scheduled(stack, name="Job", *, job_id=None, base_job_name=None, **options):
    from cdk_processing import OnSchedule, Parameter, ProcessingJob, SKLearnProcessor

    processor = SKLearnProcessor(
        framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, base_job_name=base_job_name
    )
    request = processor.run(code=SCRIPTS / "hello.py", arguments=[Parameter("day", default="none")])
    schedule = OnSchedule("cron(30 2 * * ? *)", timezone="Europe/Berlin", parameters={"day": "night"}, **options)
    return ProcessingJob(stack, name, request, triggers=[schedule], job_id=job_id)


def test_objects_that_were_there_before_the_job_run_once(deploy, redeploy, client):
    from cdk_processing import DataBucket

    world = deploy(lambda stack: DataBucket(stack, "Data"))
    keys = [world.put(f"in/{number}.csv") for number in range(3)]
    world.put("in/folder/", b"")
    world.put("out/1.csv")
    redeploy(world, reading_job)

    found = client.missing(f"{world.name}/Job")
    done = backfill(client, world)

    assert [due.run_id for due in found.missing] == [world.run_id(key) for key in keys]
    assert "nothing is known to have run" in found.notes[0]
    assert (done.started, done.ran, done.failed, done.not_started) == (3, 0, (), ())
    assert ended(world, 3) == {"Completed": 3}
    # An attempt that failed inside the service has a next one; of each run exactly one completed.
    completed = [JobName.parse(name).run_id for name, status in world.jobs().items() if status == "Completed"]
    assert sorted(completed) == sorted(world.run_id(key) for key in keys)
    again = backfill(client, world)
    assert (again.started, again.ran) == (0, 3)
    assert len(world.executions()) == 3


def test_an_object_whose_event_was_lost_is_the_only_one_that_is_missing(arrivals, client):
    world = arrivals
    told = world.put("in/lost/told.csv")
    world.until(world.jobs, lambda jobs: jobs.get(world.job_name(told)) == "Completed")
    world.put_untold("in/lost/old.csv")
    lost = world.put_untold("in/lost/old.csv")

    found = client.missing(f"{world.name}/Job", prefix="in/lost/")
    done = backfill(client, world, prefix="in/lost/")

    assert keys_of(found.missing) == ["in/lost/old.csv"]
    assert found.ran == 1
    assert (done.started, done.ran) == (1, 1)
    world.until(world.jobs, lambda jobs: jobs.get(world.job_name(world.run_key(lost))) == "Completed")


def test_an_event_that_comes_after_the_backfill_makes_no_second_job(arrivals, client):
    world = arrivals
    before = len(world.executions())
    with world.inject(faults.events_held(source="aws.s3")):
        key = world.put("in/late.csv")
        assert backfill(client, world, prefix="in/late").started == 1
        world.until(world.jobs, lambda jobs: jobs.get(world.job_name(key)) == "Completed")

    runs = world.runs(before + 2)

    assert [run.end for run in runs[-2:]] == ["Completed", "Duplicate"]
    assert world.job_name(key, 2) not in world.jobs()


def test_a_backfill_that_meets_an_event_counts_its_duplicate(arrivals, client):
    """The event comes when the backfill has found its object missing, and before it starts the run."""
    world = arrivals
    event = world.put_untold("in/meets/2.csv")
    world.put_untold("in/meets/1.csv")

    def once_started(progress):
        if progress.done == 1:
            world.start(event)
            world.until(world.jobs, lambda jobs: world.job_name(world.run_key(event)) in jobs)

    done = backfill(client, world, prefix="in/meets/", max_running=1, on_progress=once_started)
    name = f"backfill-{world.run_id(world.run_key(event))}"
    run = world.until(lambda: client.run(f"{world.name}/Job", name), lambda run: run.ended)

    assert done.started == 2
    assert run.outcome.status == "Duplicate"


def test_an_interrupted_backfill_goes_on_where_it_was(arrivals, redeploy, client):
    world = arrivals
    events = [world.put_untold(f"in/stop/{number}.csv") for number in range(6)]
    before = len(world.executions())

    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill(client, world, prefix="in/stop/", on_progress=stop)
    redeploy(world, partial(reading_job, processor={"env": {"CHANGED": "yes"}}))
    done = backfill(client, world, prefix="in/stop/", max_running=2)

    assert (done.started, done.ran) == (4, 2)
    world.runs(before + 6)
    assert {world.job_name(world.run_key(event)) for event in events} <= world.jobs().keys()
    assert len(world.executions()) == before + 6


def test_no_more_runs_at_once_than_allowed(arrivals, client):
    world = arrivals
    for number in range(5):
        world.put_untold(f"in/pace/{number}.csv")
    seen = []

    backfill(client, world, prefix="in/pace/", max_running=2, on_progress=seen.append)

    assert max(progress.running for progress in seen) <= 2
    assert (seen[-1].done, seen[-1].total) == (5, 5)


def test_a_throttled_start_is_made_again(arrivals, client):
    world = arrivals
    world.put_untold("in/throttled.csv")

    with world.inject(faults.call_fails("states:StartExecution", "ThrottlingException", times=4)) as fault:
        done = backfill(client, world, prefix="in/throttled")

    assert (fault.hits, done.started) == (4, 1)


def test_a_run_that_cannot_be_started_is_told_and_the_others_are_started(arrivals, client):
    world = arrivals
    for number in range(2):
        world.put_untold(f"in/refused/{number}.csv")

    with world.inject(faults.call_fails("states:StartExecution", "ExecutionLimitExceeded", times=1)):
        done = backfill(client, world, prefix="in/refused/")

    assert keys_of(left.run for left in done.not_started) == ["in/refused/0.csv"]
    assert "ExecutionLimitExceeded" in done.not_started[0].reason
    assert done.started == 1


def test_a_run_that_failed_is_not_started_again_but_can_be_redriven(deploy, client):
    world = deploy(reading_job)
    with world.inject(faults.job_fails("AlgorithmError: the script failed", times=1)):
        key = world.put("in/1.csv")
        world.runs(1)

    done = backfill(client, world)

    assert (done.started, done.ran, keys_of(done.failed)) == (0, 0, ["in/1.csv"])
    _, command, job, run = done.failed[0].redrive.split()
    assert command == "redrive"
    client.redrive(job, run)
    world.until(world.jobs, lambda jobs: jobs.get(world.job_name(key, 2)) == "Completed")
    assert client.missing(f"{world.name}/Job").ran == 1


def test_content_and_the_times_of_objects_decide_where_they_are_told(deploy, client):
    from cdk_processing import OnObjectCreated

    world = deploy(lambda stack: reading_job(stack, triggers=lambda data: [OnObjectCreated(data, dedupe="content")]))
    seen = world.put("a.csv", b"same")
    world.runs(1)
    world.put_untold("a.csv", b"same")
    world.put_untold("b.csv")
    now = datetime.now(timezone.utc)

    found = client.missing(f"{world.name}/Job")

    assert keys_of(found.missing) == ["b.csv"]
    assert found.ran == 1, seen
    assert client.missing(f"{world.name}/Job", until=now - timedelta(hours=1)).missing == ()
    assert client.missing(f"{world.name}/Job", since=now + timedelta(hours=1), until=now + timedelta(days=1)).ran == 0


def test_triggers_whose_past_nobody_keeps_are_named(deploy, client):
    from cdk_processing import OnEvent, OnObjectCreated

    def declare(stack):
        reading_job(stack, "Each", triggers=lambda data: [OnObjectCreated(data.at("in/"), dedupe="event")])
        scheduled(stack, "Both").add_trigger(OnEvent({"source": ["census"]}))

    world = deploy(declare)

    with pytest.raises(NothingToListError, match='dedupe="event"'):
        client.missing(f"{world.name}/Each")
    notes = client.missing(f"{world.name}/Both", since=BEFORE).notes
    assert any(
        note.startswith("not looked at: rule ") and "AWS does not keep its past events" in note for note in notes
    )


def test_a_bucket_without_versions_is_refused_with_what_to_do(deploy, client):
    from aws_cdk import aws_s3

    from cdk_processing import OnObjectCreated
    from cdk_processing.request.location import S3Location

    def declare(stack):
        place = S3Location.of(aws_s3.Bucket(stack, "Plain"))
        reading_job(stack, triggers=lambda _: [OnObjectCreated(place)])
        reading_job(stack, "Content", triggers=lambda _: [OnObjectCreated(place, dedupe="content")])

    world = deploy(declare)
    world.client("s3").put_object(Bucket=world.bucket("Plain"), Key="early.csv", Body=b"x")
    world.runs(1)

    with pytest.raises(UnversionedBucketError, match="turn on versioning"):
        client.missing(f"{world.name}/Job")
    assert world.until(lambda: client.missing(f"{world.name}/Content").ran, bool) == 1

    world.client("s3").put_bucket_versioning(
        Bucket=world.bucket("Plain"), VersioningConfiguration={"Status": "Enabled"}
    )
    found = client.missing(f"{world.name}/Job")
    assert found.missing == ()
    assert "before their bucket had versioning" in found.notes[-1]


def test_past_times_run_as_the_scheduler_would_have_launched_them(deploy, client):
    """One of the three nights has no 02:30 in Berlin. Another one has run."""
    world = deploy(partial(scheduled, job_id="nightly"))
    world.embedded.fire_schedule(f"{world.name}/Job", datetime(2026, 3, 28, 1, 30, tzinfo=timezone.utc))
    world.runs(1)

    found = client.missing(f"{world.name}/Job", since=BEFORE, until=AFTER)
    done = backfill(client, world, since=BEFORE, until=AFTER)

    assert [due.due.isoformat() for due in found.missing] == ["2026-03-30T00:30:00+00:00"]
    assert (done.started, done.ran) == (1, 1)
    latest = world.runs(2)[-1]
    world.embedded.fire_schedule(f"{world.name}/Job", datetime(2026, 3, 30, 0, 30, tzinfo=timezone.utc))
    fired = world.runs(3)[-1]
    assert (latest.end, fired.end) == ("Completed", "Duplicate")
    assert latest.event == fired.event
    assert latest.event["parameters"] == {"day": "night"}


def test_past_times_of_a_schedule_that_skips_run_one_after_the_other(deploy, client):
    world = deploy(partial(scheduled, overlap="skip"))

    done = backfill(client, world, since=BEFORE - timedelta(days=3), until=AFTER)

    assert done.started == 5
    assert ended(world, 5) == {"Completed": 5}


def test_a_renamed_job_is_backfilled_only_where_it_knows_what_ran_before(deploy, redeploy, client):
    world = deploy(scheduled)
    arn, base = world.machine(), world.base_name()
    backfill(client, world, since=BEFORE, until=AFTER)
    world.runs(2)
    within = {"since": BEFORE, "until": AFTER}

    redeploy(world, partial(scheduled, name="NewName", base_job_name=base))
    found = client.missing(f"{world.name}/NewName", **within)
    with pytest.raises(EarlierRunsError) as refused:
        backfill(client, world, "NewName", **within)

    assert len(found.missing) == 2
    assert (found.earlier.job_id, found.earlier.base_name) == (arn, base)
    assert f'job_id="{arn}"' in str(refused.value)
    assert world.executions("NewName") == {}
    assert backfill(client, world, "NewName", ignore_earlier_runs=True, **within).started == 2
    world.runs(2, "NewName")


def test_a_renamed_job_with_an_id_misses_nothing(deploy, redeploy, client):
    world = deploy(partial(scheduled, job_id="kept", base_job_name="kept"))
    assert backfill(client, world, since=BEFORE, until=AFTER).started == 2
    world.runs(2)

    redeploy(world, partial(scheduled, name="NewName", job_id="kept", base_job_name="kept"))
    found = client.missing(f"{world.name}/NewName", since=BEFORE, until=AFTER)

    assert (found.missing, found.ran, found.earlier) == ((), 2, None)


@pytest.mark.slow
def test_a_thousand_objects_are_listed_page_by_page(arrivals, client):
    world = arrivals
    s3, bucket = world.client("s3"), world.bucket()
    with world.inject(faults.events_lost(source="aws.s3")):
        for number in range(1_001):
            s3.put_object(Bucket=bucket, Key=f"in/many/{number:04}.csv", Body=b"x")

        found = client.missing(f"{world.name}/Job", prefix=f"s3://{bucket}/in/many/")

    assert keys_of(found.missing) == [f"in/many/{number:04}.csv" for number in range(1_001)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"since": datetime(2026, 3, 1)}, "since must be a datetime with a timezone"),
        ({"since": AFTER, "until": BEFORE}, "since must be before until"),
        ({"since": datetime(2999, 1, 1, tzinfo=timezone.utc)}, "since must be before now"),
        ({"prefix": "out/"}, "prefix must be in what .*/Job watches: s3://.*/in/, got 'out/'"),
        ({"prefix": "s3://another/in/"}, "prefix must be in what"),
        ({"max_running": 0}, "max_running must be a whole number from 1, got 0"),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words(arrivals, client, given, told):
    with pytest.raises(InvalidParametersError, match=told):
        backfill(client, arrivals, **given)


def test_a_job_that_only_schedules_launch_needs_a_first_time(deploy, client):
    world = deploy(scheduled)

    with pytest.raises(InvalidParametersError, match="since must be given, as only schedules launch it"):
        client.missing(f"{world.name}/Job")
