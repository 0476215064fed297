"""The fault matrix, row 25: a role of a job's launching without one of its statements is never silent.

What is taken away is a statement of the policy that is deployed, of two jobs that together have every statement there
is: one for arrivals (manifest, newest arrivals, announcements), one for a schedule (turns).
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from cdk_processing.local import faults
from tests.role_policies import put_statements, statements_of

from .conftest import DEAD_LETTERS, FAILED, World, reading_job

SCRIPTS = Path(__file__).parent / "scripts"
BROKEN = "AlgorithmError: the job's own code failed"
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
TELLING = ["SendDeadLetters", "EncryptDeadLetters"]
LAUNCHING = ["RunJobs", "ListTags", "PassExecutionRole", "HearJobsEnd", "KeepItems", "EncryptItems", "DeliverLogs"]
ARRIVALS = [*LAUNCHING, "WriteManifests", "EncryptManifests", "Announce"]
TICKS = LAUNCHING


class Permitted(World):
    """A stack whose roles' policies can be changed."""

    def policy(self, job, role, name="LeastPrivilege"):
        """The statements of a role's policies."""
        return statements_of(self.client("iam"), self.role(job, role), name)

    def role(self, job, role):
        """A role's name."""
        [stack] = [stack for stack in self.embedded.deployment.stacks if stack.name == self.name]
        return next(stack.resources[key] for key, path in stack.paths.items() if path == f"{self.name}/{job}/{role}")

    def replace(self, job, role, statements, name="LeastPrivilege"):
        """Put other statements in their place."""
        put_statements(self.client("iam"), self.role(job, role), statements, name)

    def fire(self, at):
        """Let the scheduler deliver an occurrence."""
        self.embedded.fire_schedule(f"{self.name}/Ticks", at)

    def open(self, at):
        """Let the job of an occurrence end."""
        self.put(f"open/{at:%Y-%m-%dT%H:%M:%SZ}")

    def made_once(self, job="Job"):
        """No more than one job of each run and attempt was made, and none goes on."""
        jobs = self.jobs(job)
        assert len({name.rsplit("-", 1)[0] for name in jobs}) <= 1, jobs
        return jobs

    def redriven(self, run, job="Job"):
        """Redrive a run; how it ends."""
        client = self.embedded.processing
        again = client.redrive(client.run(self.machine(job), run.arn))
        self.runs(len(self.executions(job)), job)
        return self.read(again.arn)


def declare(stack):
    """Two jobs that have every statement there is between them, and one that follows the first."""
    from cdk_processing import (
        ExecutionVariables,
        LaunchPolicy,
        NetworkConfig,
        OnObjectCreated,
        OnSchedule,
        OnSuccessOf,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        SKLearnProcessor,
    )

    quick = LaunchPolicy(retry_seconds=1)
    arrivals = reading_job(
        stack, triggers=lambda data: [OnObjectCreated(data.at("in/"), newest_only=True)], launch_policy=quick
    )
    data, results = stack.node.find_child("Data"), stack.node.find_child("Results")
    time = ExecutionVariables.TRIGGER_TIME
    processor = SKLearnProcessor(
        framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, network_config=NetworkConfig()
    )

    def output(name):
        return ProcessingOutput(
            output_name="told",
            source="/opt/ml/processing/output",
            destination=results.at(f"{name}/{ExecutionVariables.RUN_ID}/"),
        )

    held = processor.run(
        code=SCRIPTS / "hold.py",
        inputs=[ProcessingInput(source=data.at("open/"), destination="/opt/ml/processing/input/open")],
        outputs=[output("Ticks")],
        arguments=[data.bucket_name, f"open/{time}", f"{time}"],
    )
    nightly = OnSchedule("cron(0 12 * * ? *)", overlap="queue", end=datetime(2026, 11, 1, tzinfo=timezone.utc))
    ProcessingJob(stack, "Ticks", held, triggers=[nightly], launch_policy=quick)
    after = processor.run(code=SCRIPTS / "tell.py", outputs=[output("Next")], arguments=["next"])
    ProcessingJob(stack, "Next", after, triggers=[OnSuccessOf(arrivals)])


@pytest.fixture
def world(deploy):
    """A stack with all of it."""
    made = deploy(declare)
    permitted = Permitted(made.embedded, made.name)
    permitted.put("open/none")
    return permitted


@pytest.fixture
def without(world):
    """``without(job, role, sid)`` takes a statement away; returns what gives it back."""

    def take_away(job, role, sid, policy="LeastPrivilege"):
        whole = world.policy(job, role, policy)
        rest = [statement for statement in whole if statement["Sid"] != sid]
        assert len(rest) == len(whole) - 1, f"{role} has no statement {sid}"
        world.replace(job, role, rest, policy)
        return lambda: world.replace(job, role, whole, policy)

    return take_away


def test_25_no_statement_is_left_out_of_these_tests(world):
    """Row 25: the two jobs have every statement of a launching role, and each is taken away below."""

    def sids(job, role, name="LeastPrivilege"):
        return sorted(statement["Sid"] for statement in world.policy(job, role, name))

    assert sids("Job", "WorkflowRole") == sorted([*ARRIVALS, *TELLING])
    assert sids("Ticks", "WorkflowRole") == sorted([*TICKS, *TELLING])
    assert sids("Ticks", "WorkflowRole", "TakeTurns") == ["DescribeRuns"]
    assert sids("Job", "StartRole") == ["StartRuns"]
    assert sids("Ticks", "StartRole") == sorted(["StartRuns", *TELLING])


@pytest.mark.parametrize("sid", ARRIVALS)
def test_25_an_arrival_that_may_not_be_run_is_told_of_and_runs_when_it_may(world, without, sid):
    """Row 25: without a permission an arrival ends as a failed run that is told of; with it again it runs, once."""
    give_back = without("Job", "WorkflowRole", sid)

    key = world.put("in/a.csv")
    [run] = world.runs(1)

    assert run.end == "FAILED"
    before = world.made_once()
    # Whatever was done without the permission: nothing runs on, and nothing was said to have succeeded.
    assert set(before.values()) <= {"Completed", "Failed", "Stopped"}
    assert world.executions("Next") == {}
    if sid == "DeliverLogs":  # an execution that may not log does not begin, so that it cannot leave a letter
        assert world.dead_letters() == []
        assert world.alarms() == [FAILED]
        assert world.alerts() == [(FAILED, "ALARM")]
    else:
        [letter] = world.has_told()
        assert (letter["execution"], letter["run_key"]) == (run.arn, key)
        assert "not authorized" in letter["reason"]

    give_back()
    assert world.redriven(run).end == "Completed"
    assert [each.end for each in world.runs(1, "Next")] == ["Completed"]
    after = world.made_once()
    assert sorted(after.values()).count("Completed") == 1
    assert before.items() <= after.items()
    [written] = [name for name in world.outputs() if name.startswith("Job/")]
    assert written == world.output_of(key)
    assert list(world.seen(key)) == ["in/a.csv"]


@pytest.mark.parametrize("sid", [*TICKS, "DescribeRuns"])
def test_25_a_time_that_may_not_be_run_is_told_of_and_runs_when_it_may(world, without, sid):
    """Row 25: the same for a scheduled time, also while another one holds the lease."""
    world.open(NOON)
    policy = "TakeTurns" if sid == "DescribeRuns" else "LeastPrivilege"
    waits = sid == "DescribeRuns"
    if waits:  # it is asked for only when there is somebody to wait for
        earlier = NOON - timedelta(hours=1)
        world.fire(earlier)
        world.until(lambda: list(world.jobs("Ticks").values()), lambda statuses: statuses == ["InProgress"])
    give_back = without("Ticks", "WorkflowRole", sid, policy)

    world.fire(NOON)
    run = world.until(
        lambda: [each for each in map(world.read, world.executions("Ticks")) if each.status == "FAILED"],
        lambda found: len(found) == 1,
    )[0]

    told = FAILED.replace("Job", "Ticks")
    if sid == "DeliverLogs":
        assert world.dead_letters() == []
        assert world.alarms() == [told]
        assert world.alerts() == [(told, "ALARM")]
    else:
        [letter] = world.has_told(job="Ticks")
        assert letter["execution"] == run.arn
        assert "not authorized" in letter["reason"]
    give_back()
    if waits:
        world.open(earlier)
        world.until(lambda: list(world.executions("Ticks").values()), lambda statuses: "RUNNING" not in statuses)
    assert world.redriven(run, "Ticks").end == "Completed"
    assert sorted(world.jobs("Ticks").values()).count("Completed") == (2 if waits else 1)
    assert len(world.outputs()) == (2 if waits else 1)


@pytest.mark.parametrize("sid", TELLING)
def test_25_a_failure_that_may_not_be_written_down_still_fails_and_rings(world, without, sid):
    """Row 25: without the right to leave a dead letter the run that failed still fails, and its alarm tells."""
    without("Job", "WorkflowRole", sid)

    with world.inject(faults.job_fails(BROKEN, times=1)):
        key = world.put("in/a.csv")
        [run] = world.runs(1)

    assert (run.end, run.cause) == ("FAILED", BROKEN)
    assert world.jobs() == {world.job_name(key): "Failed"}
    assert world.outputs() == []
    assert world.dead_letters() == []
    assert world.alarms() == [FAILED]
    assert world.alerts() == [(FAILED, "ALARM")]


def test_25_a_duplicate_that_may_not_be_told_from_others_is_told_of_and_makes_no_job(world):
    """Row 25: whoever finds the job's name taken, and may not look whose job it is, makes none and says so."""
    key = world.put("in/a.csv")
    [run] = world.runs(1)
    statements = world.policy("Job", "WorkflowRole")
    [jobs] = [statement for statement in statements if statement["Sid"] == "RunJobs"]
    jobs["Action"].remove("sagemaker:DescribeProcessingJob")
    world.replace("Job", "WorkflowRole", statements)

    world.start(run.event)

    assert [each.end for each in world.runs(2)] == ["Completed", "FAILED"]
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert [name for name in world.outputs() if name.startswith("Job/")] == [world.output_of(key)]
    [letter] = world.has_told()
    assert "not authorized" in letter["reason"]


def test_25_an_arrival_that_may_not_start_a_run_lies_in_the_queue_and_runs_from_there(world, without):
    """Row 25: without the right to start the state machine the event is a dead letter, told of, and runs later."""
    give_back = without("Job", "StartRole", "StartRuns")

    key = world.put("in/a.csv")
    [event] = world.until(world.dead_letters, lambda found: len(found) == 1)

    assert event["detail"]["object"]["key"] == "in/a.csv"
    assert world.executions() == {}
    assert world.jobs() == {}
    assert world.alarms() == [DEAD_LETTERS]
    assert world.alerts() == [(DEAD_LETTERS, "ALARM")]
    give_back()
    [redriven] = world.embedded.processing.redrive_dead_letters(world.machine())
    assert redriven.deleted, redriven.why
    assert [run.end for run in world.runs(1)] == ["Completed"]
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.dead_letters() == []


def test_25_a_time_that_may_not_start_a_run_lies_in_the_queue_and_runs_from_there(world, without):
    """Row 25: the same for a scheduled time, which keeps its own time."""
    give_back = without("Ticks", "StartRole", "StartRuns")
    world.open(NOON)

    world.fire(NOON)
    [event] = world.until(world.dead_letters, lambda found: len(found) == 1)

    assert event["time"] == "2026-06-01T12:00:00Z"
    assert world.executions("Ticks") == {}
    assert world.alarms() == [DEAD_LETTERS]
    assert world.alerts() == [(DEAD_LETTERS, "ALARM")]
    give_back()
    [redriven] = world.embedded.processing.redrive_dead_letters(world.machine("Ticks"))
    assert redriven.deleted, redriven.why
    [run] = world.runs(1, "Ticks")
    assert run.end == "Completed"
    key = f"{event['schedule']}@{event['time']}"
    assert world.jobs("Ticks") == {world.job_name(key, job="Ticks"): "Completed"}
    assert world.outputs() == [world.output_of(key, "Ticks", "report.json")]
    assert world.dead_letters() == []
