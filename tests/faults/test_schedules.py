"""The fault matrix, scheduled runs: an occurrence that comes twice, daylight saving, times that overlap, no runs."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest

from cdk_processing.local import faults
from cdk_processing.schedules.recorded import schedule_of

from .conftest import World, reading_job

HOLD = Path(__file__).parent / "scripts" / "hold.py"
# Over before any test runs, so that the embedded scheduler's own clock fires nothing in between.
FIRST, LAST = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
TICKS = [NOON + timedelta(hours=hour) for hour in range(4)]


MISSED = "Job/OnSchedule: an expected run did not happen"


class Scheduled(World):
    """A stack whose ``Job`` has one schedule, and runs until an object named for its time says that it may end."""

    def schedule(self):
        """The schedule as the API describes it."""
        scheduler = self.client("scheduler")
        for group in scheduler.list_schedules()["Schedules"]:
            found = scheduler.get_schedule(Name=group["Name"])
            if found["Target"]["Arn"] == self.machine():
                return found
        raise AssertionError("the job has no schedule")

    def fire(self, at):
        """Let the scheduler deliver an occurrence."""
        self.embedded.fire_schedule(f"{self.name}/Job", at)

    def fire_at_once(self, times):
        """Let the scheduler deliver several occurrences at the same instant."""
        barrier = Barrier(len(times))

        def fire(at):
            barrier.wait(30)
            self.fire(at)

        with ThreadPoolExecutor(len(times)) as pool:
            list(pool.map(fire, times))

    def run_key_of(self, at):
        """The run key of an occurrence."""
        return f"{self.schedule()['Arn']}@{written(at)}"

    def job_of(self, at):
        """Name of the one job of an occurrence."""
        return self.job_name(self.run_key_of(at))

    def may_end(self, *times):
        """Let the jobs of these times end."""
        for at in times:
            self.put(f"open/{written(at)}")

    def report(self, at):
        """What the job of a time was told; and that it was written once."""
        key = f"reports/{at:%Y-%m-%dT%H-%M}/report.json"
        versions = self.client("s3").list_object_versions(Bucket=self.bucket("Results"), Prefix=key)["Versions"]
        assert len(versions) == 1
        return json.loads(self.embedded.get(f"{self.name}/Results", key))

    def working(self):
        """Names of the jobs whose scripts run now."""
        mine = f"{self.base_name()}-"
        return {
            run["name"]
            for run in self.embedded.aws.runs()
            if run["name"].startswith(mine) and run["status"] == "InProgress" and run["last_lines"] == ["working"]
        }

    def is_working(self, *times):
        """Wait until just the jobs of these times run."""
        self.until(self.working, lambda names: names == {self.job_of(at) for at in times})

    def execution_of(self, at):
        """The execution of an occurrence, once it has begun."""
        found = self.until(
            lambda: [run for run in map(self.read, self.executions()) if run.event["time"] == written(at)],
            lambda runs: len(runs) == 1,
        )
        return found[0]

    def redrive(self, execution):
        """Redrive a run as a user does."""
        client = self.embedded.processing
        return client.redrive(client.run(self.machine(), execution.arn))

    def has_come_to(self, at, state):
        """Wait until the execution of an occurrence has entered a state."""
        self.has_entered(self.execution_of(at).arn, state)

    def has_entered(self, arn, state, times=1):
        """Wait until an execution has entered a state so many times."""
        self.until(lambda: self.entered(arn).count(state), lambda count: count >= times)

    def entered(self, arn):
        """Names of the states that an execution has entered so far."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def has_looked_again(self, at):
        """Wait until an occurrence that waits for its turn has looked whether it is its turn, and waits again."""
        arn = self.execution_of(at).arn
        # The look that is under way now may have begun before; the one after it has not.
        self.has_entered(arn, "WaitForTurn", self.entered(arn).count("WaitForTurn") + 2)

    def ends(self, count):
        """How each occurrence ended, by its time, once there are so many and all have ended."""
        return {run.event["time"]: run.end for run in self.runs(count)}

    def times(self, at):
        """When the job of an occurrence began and ended to work."""
        described = self.describe(self.job_of(at))
        return described["ProcessingStartTime"], described["ProcessingEndTime"]

    def ran_one_by_one(self, *times):
        """The jobs of these times worked in this order, none before the one before it had ended."""
        worked = [self.times(at) for at in times]
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(worked)), worked


def written(at):
    """A time as the scheduler writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def scheduled(deploy):
    """``scheduled(**options of OnSchedule)`` deploys a job that is held until told otherwise."""

    def declare_and_deploy(expression="cron(0 12 * * ? *)", **options):
        def declare(stack):
            from cdk_processing import (
                DataBucket,
                ExecutionVariables,
                NetworkConfig,
                OnSchedule,
                ProcessingInput,
                ProcessingJob,
                ProcessingOutput,
                SKLearnProcessor,
            )

            data, results = DataBucket(stack, "Data"), DataBucket(stack, "Results")
            time = ExecutionVariables.TRIGGER_TIME
            processor = SKLearnProcessor(
                framework_version="1.4-2",
                instance_type="ml.m5.xlarge",
                instance_count=1,
                network_config=NetworkConfig(),
            )
            request = processor.run(
                code=HOLD,
                inputs=[ProcessingInput(source=data.at("open/"), destination="/opt/ml/processing/input/open")],
                outputs=[
                    ProcessingOutput(
                        output_name="report",
                        source="/opt/ml/processing/output",
                        destination=results.at(f"reports/{time:%Y-%m-%dT%H-%M}/"),
                    )
                ],
                arguments=[data.bucket_name, f"open/{time}", f"{time}"],
            )
            ProcessingJob(
                stack, "Job", request, triggers=[OnSchedule(expression, **{"start": FIRST, "end": LAST, **options})]
            )

        world = deploy(declare)
        world.put("open/none")
        return Scheduled(world.embedded, world.name)

    return declare_and_deploy


# -- 19: the scheduler delivers one occurrence twice ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "others"), [("allow", {"Duplicate"}), ("skip", {"Skipped", "Duplicate"}), ("queue", {"Duplicate"})]
)
def test_19_an_occurrence_delivered_twice_at_once_makes_one_job(scheduled, overlap, others):
    """Row 19: an occurrence makes exactly one job however often it is delivered, and nobody is alarmed."""
    world = scheduled(overlap=overlap)
    world.may_end(NOON)

    with world.inject(faults.schedules_repeated(copies=2, times=1)) as repeated:
        world.fire(NOON)
    first, second = sorted((run.end for run in world.runs(2)), key=lambda end: end != "Completed")

    assert repeated.hits == 1
    assert first == "Completed"
    assert second in others
    assert world.jobs() == {world.job_of(NOON): "Completed"}
    assert world.outputs() == ["reports/2026-06-01T12-00/report.json"]
    assert world.report(NOON) == ["2026-06-01T12:00:00Z"]
    world.is_quiet()


@pytest.mark.parametrize("overlap", ["allow", "skip", "queue"])
def test_19_an_occurrence_delivered_again_after_its_run_makes_no_second_job(scheduled, overlap):
    """Row 19: an occurrence that comes again after its run has ended is a duplicate, and writes nothing."""
    world = scheduled(overlap=overlap)
    world.may_end(NOON)

    world.fire(NOON)
    [first] = world.runs(1)
    world.fire(NOON)
    runs = world.runs(2)

    assert {run.arn: run.end for run in runs} == {first.arn: "Completed", runs[1].arn: "Duplicate"}
    assert runs[1].output["made_by"] == first.arn
    assert world.jobs() == {world.job_of(NOON): "Completed"}
    assert world.report(NOON) == ["2026-06-01T12:00:00Z"]
    world.is_quiet()


# -- 20: a DST gap and a DST repeat -----------------------------------------------------------------------------------


def due(world, begin, days):
    """The times of a schedule in so many days, as the embedded scheduler works them out of what is deployed."""
    schedule, found, moment = schedule_of(world.schedule()), [], begin
    while (moment := schedule.next_after(moment)) is not None and moment < begin + timedelta(days=days):
        found.append(moment)
    return found


@pytest.mark.parametrize(
    ("eve", "expected"),
    [
        # 29 March 2026 has no 02:30: the clock goes from 02:00 (+01:00) to 03:00 (+02:00).
        (datetime(2026, 3, 28, tzinfo=timezone.utc), ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]),
        # 25 October 2026 has two, at 00:30 and 01:30 UTC: the first counts.
        (
            datetime(2026, 10, 24, tzinfo=timezone.utc),
            ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
    ],
    ids=["gap", "repeat"],
)
def test_20_daylight_saving_skips_and_doubles_no_run(scheduled, eve, expected):
    """Row 20: a local time that is skipped makes no run, a repeated one makes one, and TRIGGER_TIME is its own."""
    world = scheduled("cron(30 2 * * ? *)", timezone="Europe/Berlin")

    times = due(world, eve, 3)
    world.may_end(*times)
    for at in times:
        world.fire(at)

    assert [written(at) for at in times] == expected
    assert world.ends(len(times)) == dict.fromkeys(expected, "Completed")
    assert world.jobs() == {world.job_of(at): "Completed" for at in times}
    assert world.outputs() == [f"reports/{at:%Y-%m-%dT%H-%M}/report.json" for at in times]
    assert [world.report(at) for at in times] == [[time] for time in expected]
    world.is_quiet()


# -- 21: two schedule ticks overlapping under each policy -------------------------------------------------------------


def test_21_allow_lets_two_times_run_side_by_side(scheduled):
    """Row 21, allow: each time makes its own job, whatever else runs."""
    world = scheduled(overlap="allow")
    first, second = TICKS[:2]

    world.fire(first)
    world.is_working(first)
    world.fire(second)
    world.is_working(first, second)
    world.may_end(first, second)

    assert world.ends(2) == {written(first): "Completed", written(second): "Completed"}
    assert world.jobs() == {world.job_of(first): "Completed", world.job_of(second): "Completed"}
    assert [world.report(at) for at in (first, second)] == [[written(first)], [written(second)]]
    world.is_quiet()


def test_21_skip_makes_no_job_for_a_time_that_comes_while_another_runs(scheduled):
    """Row 21, skip: of times that overlap the first makes a job, the others make none and say so; later ones run."""
    world = scheduled(overlap="skip")
    first, second, third, _ = TICKS

    world.fire(first)
    world.is_working(first)
    world.fire(second)
    world.until(lambda: world.execution_of(second).end, lambda end: end == "Skipped")
    assert world.working() == {world.job_of(first)}
    world.may_end(first, second, third)
    world.until(lambda: world.execution_of(first).end, lambda end: end == "Completed")
    world.fire(third)

    assert world.ends(3) == {written(first): "Completed", written(second): "Skipped", written(third): "Completed"}
    assert world.jobs() == {world.job_of(first): "Completed", world.job_of(third): "Completed"}
    assert world.outputs() == [f"reports/{at:%Y-%m-%dT%H-%M}/report.json" for at in (first, third)]
    world.is_quiet()


def test_21_skip_lets_one_of_many_simultaneous_times_run(scheduled):
    """Row 21, skip: of times that come at one instant exactly one makes a job, and all others say that they did not."""
    world = scheduled(overlap="skip")
    times = [NOON + timedelta(minutes=minute) for minute in range(6)]

    world.fire_at_once(times)
    [holder] = world.until(world.working, lambda names: len(names) == 1)
    world.until(lambda: list(world.executions().values()), lambda seen: sorted(seen) == ["RUNNING"] + ["SUCCEEDED"] * 5)
    world.may_end(*times)

    ends = world.ends(6)
    assert sorted(ends.values()) == ["Completed"] + ["Skipped"] * 5
    [winner] = [at for at in times if ends[written(at)] == "Completed"]
    assert world.jobs() == {world.job_of(winner): "Completed"} == {holder: "Completed"}
    assert world.report(winner) == [written(winner)]
    world.is_quiet()


def test_21_queue_runs_simultaneous_times_one_by_one(scheduled):
    """Row 21, queue: times that come at one instant all run, and never two of them side by side."""
    world = scheduled(overlap="queue")
    times = [NOON + timedelta(minutes=minute) for minute in range(5)]
    world.may_end(*times)

    world.fire_at_once(times)

    assert world.ends(5) == dict.fromkeys(map(written, times), "Completed")
    assert world.jobs() == {world.job_of(at): "Completed" for at in times}
    world.ran_one_by_one(*sorted(times, key=world.times))
    world.is_quiet()


def test_21_queue_runs_three_waiting_times_one_after_the_other_in_their_order(scheduled):
    """Row 21, queue: no time is left out, no two jobs run side by side, and they run in the order of their times."""
    world = scheduled(overlap="queue")
    first, *waiting = TICKS

    world.fire(first)
    world.is_working(first)
    for at in waiting:
        world.fire(at)
        world.has_come_to(at, "WaitForTurn")
    assert world.jobs() == {world.job_of(first): "InProgress"}
    world.may_end(*reversed(waiting), first)

    assert world.ends(4) == dict.fromkeys(map(written, TICKS), "Completed")
    assert world.jobs() == {world.job_of(at): "Completed" for at in TICKS}
    assert [world.report(at) for at in TICKS] == [[written(at)] for at in TICKS]
    world.ran_one_by_one(*TICKS)
    world.is_quiet()


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_21_an_aborted_holder_leaves_no_lease_behind(scheduled, overlap):
    """Row 21: the time after a run that was aborted runs as if that one had never held the lease."""
    world = scheduled(overlap=overlap)
    first, second = TICKS[:2]

    world.fire(first)
    world.is_working(first)
    world.client("stepfunctions").stop_execution(executionArn=world.execution_of(first).arn)
    world.may_end(second)
    world.fire(second)

    assert world.ends(2) == {written(first): "ABORTED", written(second): "Completed"}
    world.until(lambda: world.jobs()[world.job_of(first)], lambda status: status == "Stopped")
    assert world.jobs() == {world.job_of(first): "Stopped", world.job_of(second): "Completed"}
    assert world.report(second) == [written(second)]
    world.is_quiet()


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_21_a_turn_whose_answer_is_lost_is_taken_once_and_holds_up_nobody(scheduled, overlap):
    """Row 21: a run that asks twice for its turn, as the answer was lost, waits neither for itself nor for ever."""
    world = scheduled(overlap=overlap)
    first, second = TICKS[:2]
    world.may_end(first, second)

    with world.inject(faults.answer_lost("dynamodb:UpdateItem", times=1)) as lost:
        world.fire(first)
        world.runs(1)
    world.fire(second)

    assert lost.hits == 1
    assert world.ends(2) == {written(first): "Completed", written(second): "Completed"}
    assert world.jobs() == {world.job_of(first): "Completed", world.job_of(second): "Completed"}
    assert [world.report(at) for at in (first, second)] == [[written(first)], [written(second)]]
    world.is_quiet()


def test_21_an_aborted_time_in_the_queue_holds_up_nobody(scheduled):
    """Row 21, queue: whoever waits behind a time that is aborted still waits for the run before, and then runs."""
    world = scheduled(overlap="queue")
    first, second, third, _ = TICKS

    world.fire(first)
    world.is_working(first)
    for at in (second, third):
        world.fire(at)
        world.has_come_to(at, "WaitForTurn")
    world.client("stepfunctions").stop_execution(executionArn=world.execution_of(second).arn)
    world.has_looked_again(third)
    assert world.jobs() == {world.job_of(first): "InProgress"}
    world.may_end(first, third)

    assert world.ends(3) == {written(first): "Completed", written(second): "ABORTED", written(third): "Completed"}
    assert world.jobs() == {world.job_of(first): "Completed", world.job_of(third): "Completed"}
    world.ran_one_by_one(first, third)
    world.is_quiet()


def test_21_a_holder_that_fails_lets_the_next_time_run_and_is_told_of(scheduled):
    """Row 21, queue: a run that fails for good holds up nobody behind it, and its own occurrence is a dead letter."""
    world = scheduled(overlap="queue")
    first, second = TICKS[:2]

    world.fire(first)
    world.is_working(first)
    world.fire(second)
    world.has_come_to(second, "WaitForTurn")
    world.client("sagemaker").stop_processing_job(ProcessingJobName=world.job_of(first))
    world.may_end(second)

    assert world.ends(2) == {written(first): "FAILED", written(second): "Completed"}
    assert world.jobs() == {world.job_of(first): "Stopped", world.job_of(second): "Completed"}
    [letter] = world.has_told()
    assert (letter["event"]["time"], letter["reason"]) == (written(first), "the job was stopped")


def test_21_a_redriven_time_waits_for_its_turn_though_others_are_skipped(scheduled):
    """Row 21, skip: a run that somebody redrives is not skipped for another that runs; it waits, and then runs."""
    world = scheduled(overlap="skip")
    first, second = TICKS[:2]
    world.fire(first)
    world.is_working(first)
    world.client("sagemaker").stop_processing_job(ProcessingJobName=world.job_of(first))
    [failed] = world.runs(1)

    world.fire(second)
    world.is_working(second)
    again = world.redrive(failed)
    world.has_entered(again.arn, "WaitForTurn")
    assert world.working() == {world.job_of(second)}
    world.may_end(first, second)

    assert [run.end for run in world.runs(3)] == ["FAILED", "Completed", "Completed"]
    redriven = world.job_name(world.run_key_of(first), attempt=2)
    assert world.jobs() == {
        world.job_of(first): "Stopped",
        world.job_of(second): "Completed",
        redriven: "Completed",
    }
    assert [world.report(at) for at in (first, second)] == [[written(first)], [written(second)]]
    assert world.describe(redriven)["ProcessingStartTime"] >= world.times(second)[1]
    [letter] = world.has_told()
    assert letter["execution"] == failed.arn


# -- an expected run that does not happen -----------------------------------------------------------------------------


@pytest.fixture
def nightly(scheduled):
    """A job that is due once a day, in half a day: while these tests run only they fire it."""
    due_at = datetime.now(timezone.utc) + timedelta(hours=12)
    return scheduled(f"cron({due_at:%M} {due_at:%H} * * ? *)", start=None, end=None)


def told_hour_by_hour(world, hours):
    """What is told in so many hours without anything, if CloudWatch looks once an hour: the hour and the alarm."""
    now, told, before = datetime.now(timezone.utc), [], Counter(world.alerts())
    for hour in range(1, hours + 1):
        world.alarms(now + timedelta(hours=hour))
        seen = Counter(world.alerts())
        told += [(hour, alert) for alert in (seen - before).elements()]
        before = seen
    return told


def test_a_schedule_whose_runs_stop_is_told_of_after_a_day_and_some_slack(nightly):
    """Expected runs: when a schedule's runs stop, with no failure to be seen, one alarm tells, once, and not early."""
    now = datetime.now(timezone.utc)
    nightly.may_end(now)
    nightly.fire(now)
    assert [run.end for run in nightly.runs(1)] == ["Completed"]
    nightly.is_quiet()

    # Somebody disables the schedule: nothing fails, nothing starts.
    schedule = nightly.schedule()
    kept = ("Name", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    nightly.client("scheduler").update_schedule(**{name: schedule[name] for name in kept}, State="DISABLED")
    [(hour, alert)] = told_hour_by_hour(nightly, 48)

    assert alert == (MISSED, "INSUFFICIENT_DATA")
    # A day and 2 hours of slack; whole hours are counted, and CloudWatch looks a little further back than it is told.
    assert 26 <= hour <= 29
    assert nightly.dead_letters() == []
    assert len(nightly.jobs()) == 1


def test_a_new_schedule_that_has_not_run_yet_rings_nowhere(nightly):
    """Expected runs: a deployment is silent, however long its first run is away."""
    assert told_hour_by_hour(nightly, 30) == []
    nightly.is_quiet()


def test_arrivals_that_stop_are_told_of(deploy):
    """Expected arrivals: who expects one within 3 hours is told when none came, before the first and after the last."""
    nothing = "Job/OnObjectCreated: nothing has arrived"

    def declare(stack):
        from cdk_processing import OnObjectCreated

        reading_job(stack, triggers=lambda data: [OnObjectCreated(data.at("in/"), expect_within=timedelta(hours=3))])

    world = deploy(declare)
    assert world.alarms() == [nothing]
    assert world.alerts() == [(nothing, "ALARM")]
    key = world.put("in/a.csv")
    assert [run.end for run in world.runs(1)] == ["Completed"]
    assert world.alarms() == []

    [(hour, alert)] = told_hour_by_hour(world, 12)

    assert alert == (nothing, "ALARM")
    assert 3 <= hour <= 6
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.dead_letters() == []
