"""The fault matrix, what people do meanwhile: deploy again, redrive, lose a queue or a permission, delete the stack."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from botocore.exceptions import ClientError

from cdk_processing.client.errors import NothingToRedriveError
from cdk_processing.local import faults
from cdk_processing.local.deployment.deploy import client_of

from .conftest import FAILED, World, reading_job

HOLD = Path(__file__).parent / "scripts" / "hold.py"


class Operated(World):
    """A stack that people work on while its ``Job`` runs."""

    def run(self, execution):
        """An execution as the client knows it."""
        client = self.embedded.processing
        return client.run(self.machine(), execution.arn)

    def redrive(self, execution):
        """Redrive a run as a user does."""
        return self.embedded.processing.redrive(self.run(execution))

    def output_versions(self, bucket="Results"):
        """How often each output was written."""
        found = self.client("s3").list_object_versions(Bucket=self.bucket(bucket)).get("Versions", [])
        keys = [version["Key"] for version in found]
        return {key: keys.count(key) for key in keys}

    def works(self, job_name):
        """Wait until the script of a job runs."""
        self.until(
            lambda: [run["last_lines"] for run in self.embedded.aws.runs() if run["name"] == job_name],
            lambda lines: lines == [["working"]],
        )


def operated(world):
    """The same stack, with more to do to it."""
    return Operated(world.embedded, world.name)


# -- 22: redeploy in mid-run ------------------------------------------------------------------------------------------


def held_job(version):
    """Declare a job that is held until ``open/<its object's key>`` is there, and tells its version."""

    def declare(stack):
        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            NetworkConfig,
            OnObjectCreated,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        data, results = DataBucket(stack, "Data"), DataBucket(stack, "Results")
        processor = SKLearnProcessor(
            framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, network_config=NetworkConfig()
        )
        request = processor.run(
            code=HOLD,
            inputs=[
                ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input/data"),
                ProcessingInput(source=data.at("open/"), destination="/opt/ml/processing/input/open"),
            ],
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    source="/opt/ml/processing/output",
                    destination=results.at(f"Job/{ExecutionVariables.RUN_ID}/"),
                )
            ],
            arguments=[data.bucket_name, f"open/{ExecutionVariables.OBJECT_KEY}", version],
        )
        ProcessingJob(stack, "Job", request, triggers=[OnObjectCreated(data.at("in/"))])

    return declare


@pytest.fixture
def held(deploy):
    """A stack whose job is held, in its first version."""
    world = operated(deploy(held_job("first")))
    world.put("open/none")
    return world


@pytest.fixture
def deploy_again(embedded, tmp_path):
    """``deploy_again(world, declare)`` deploys another version of a stack."""

    def again(world, declare):
        import aws_cdk

        app = aws_cdk.App(outdir=str(tmp_path / f"out{len(list(tmp_path.iterdir()))}"))
        declare(aws_cdk.Stack(app, world.name))
        [stack] = embedded.deploy(app).stacks
        return stack

    return again


def test_22_a_run_goes_on_as_it_was_begun_when_its_job_is_deployed_anew(held, deploy_again):
    """Row 22: a deployment neither ends, repeats nor changes a run; what comes later runs as deployed then."""
    before, after = held.put("in/before.csv"), "in/after.csv"
    held.works(held.job_name(before))

    machine = held.machine()
    assert deploy_again(held, held_job("second")).action == "updated"
    assert held.machine() == machine
    assert held.jobs() == {held.job_name(before): "InProgress"}
    # S3 delivers at least once: the same arrival comes again, to the new version.
    [running] = map(held.read, held.executions())
    held.start(running.event)
    later = held.put(after)
    held.put("open/in/before.csv")
    held.put("open/in/after.csv")

    runs = held.runs(3)
    assert {run.arn: run.end for run in runs}[running.arn] == "Completed"
    assert sorted(run.end for run in runs) == ["Completed", "Completed", "Duplicate"]
    assert held.jobs() == {held.job_name(before): "Completed", held.job_name(later): "Completed"}
    reports = {key: held.output_of(key, file="report.json") for key in (before, later)}
    assert held.output_versions() == dict.fromkeys(reports.values(), 1)
    assert json.loads(held.embedded.get(held.bucket("Results"), reports[before])) == ["first"]
    assert json.loads(held.embedded.get(held.bucket("Results"), reports[later])) == ["second"]
    held.is_quiet()


def test_22_a_run_that_waits_for_quota_is_launched_as_it_was_begun(held, deploy_again):
    """Row 22: a run that has no job yet keeps its name over a deployment, and still makes exactly one."""
    held.put("open/in/a.csv")
    with held.inject(faults.quota_exceeded()) as exceeded:
        key = held.put("in/a.csv")
        held.until(lambda: exceeded.hits, lambda hits: hits >= 1)
        deploy_again(held, held_job("second"))

    assert [run.end for run in held.runs(1)] == ["Completed"]
    assert held.jobs() == {held.job_name(key): "Completed"}
    assert held.output_versions() == {held.output_of(key, file="report.json"): 1}
    assert json.loads(held.embedded.get(held.bucket("Results"), held.output_of(key, file="report.json"))) == ["first"]
    held.is_quiet()


# -- 23: redrive after success and after failure ----------------------------------------------------------------------

BROKEN = "AlgorithmError: the job's own code failed"


@pytest.fixture
def failed(deploy):
    """A stack with a run that has failed for good, once, the run, and its run key."""
    world = operated(deploy(reading_job))
    with world.inject(faults.job_fails(BROKEN, times=1)):
        key = world.put("in/a.csv")
        [run] = world.runs(1)
    assert run.end == "FAILED"
    return world, run, key


def test_23_redrive_after_failure_goes_on_with_the_next_attempt(failed):
    """Row 23: a redriven run is the same run: the next attempt's name, the same place for its output."""
    world, run, key = failed
    [letter] = world.has_told()
    assert (letter["run_id"], letter["attempt"], letter["reason"]) == (world.run_id(key), 1, BROKEN)

    world.redrive(run)

    assert [each.end for each in world.runs(2)] == ["FAILED", "Completed"]
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    # Nothing more was told, and the letter lies there until somebody takes it away.
    assert world.has_told() == [letter]
    assert world.embedded.processing.delete_dead_letters_of(world.run(run))
    assert world.dead_letters() == []


def test_23_redriving_the_dead_letters_runs_what_failed_and_empties_the_queue(failed):
    """Row 23: after a redrive of the queue each letter's run has one more attempt, and no letter is left."""
    world, _, key = failed

    [redriven] = world.embedded.processing.redrive_dead_letters(world.machine())

    assert redriven.deleted, redriven.why
    assert [each.end for each in world.runs(2)] == ["FAILED", "Completed"]
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    assert world.dead_letters() == []
    assert world.alarms(datetime.now(timezone.utc) + timedelta(minutes=20)) == []


def test_23_redrive_that_fails_again_leaves_a_letter_of_its_own_and_goes_on_counting(failed):
    """Row 23: a redrive that fails is told of like any run, and the next one makes the third attempt."""
    world, run, key = failed
    with world.inject(faults.job_fails(BROKEN, times=1)):
        second = world.read(world.redrive(run).arn)
        world.runs(2)
    letters = world.has_told(letters=2)
    assert sorted((letter["run_id"], letter["attempt"]) for letter in letters) == [
        (world.run_id(key), 1),
        (world.run_id(key), 2),
    ]

    world.redrive(second)

    assert [each.end for each in world.runs(3)] == ["FAILED", "FAILED", "Completed"]
    names = [world.job_name(key, attempt) for attempt in (1, 2, 3)]
    assert world.jobs() == dict(zip(names, ["Failed", "Failed", "Completed"], strict=True))
    assert world.output_versions() == {world.output_of(key): 1}


def test_23_redrive_after_success_is_refused(deploy):
    """Row 23: a run that has succeeded cannot be redriven: no execution, no job, no output comes of it."""
    world = operated(deploy(reading_job))
    key = world.put("in/a.csv")
    [run] = world.runs(1)

    with pytest.raises(NothingToRedriveError, match="succeeded"):
        world.redrive(run)

    assert len(world.executions()) == 1
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    world.is_quiet()


def test_23_redrive_of_a_run_that_was_redriven_with_success_is_refused(failed):
    """Row 23: what a redrive has brought to its end is not done once more."""
    world, run, key = failed
    world.redrive(run)
    world.runs(2)

    with pytest.raises(NothingToRedriveError, match="redriven already"):
        world.redrive(run)

    assert len(world.executions()) == 2
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    world.has_told()


def test_23_an_envelope_for_a_run_that_succeeded_makes_no_job(deploy):
    """Row 23: whoever starts the state machine with a redrive of a run that has succeeded gets that run's result."""
    world = operated(deploy(reading_job))
    key = world.put("in/a.csv")
    [run] = world.runs(1)

    world.start({"redrive": {"event": run.event, "run_key": key, "run_id": world.run_id(key), "attempt": 1}})

    again = world.runs(2)[1]
    assert again.output == {**run.output, "status": "Completed"}
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    world.is_quiet()


def test_23_two_people_redriving_at_once_make_one_job(failed):
    """Row 23: however many people redrive a run at once, its next attempt is made once; the others are told so."""
    world, run, key = failed
    people = [client_of(world.embedded.aws) for _ in range(4)]
    runs = [person.run(world.machine(), run.arn) for person in people]
    barrier = Barrier(len(people))

    def redrive(person, seen):
        barrier.wait(30)
        try:
            return person.redrive(seen).arn
        except NothingToRedriveError as refusal:
            return str(refusal)
        finally:
            person.close()

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(redrive, people, runs))

    ends = [each.end for each in world.runs(2)]
    assert ends == ["FAILED", "Completed"], answers
    started = {answer for answer in answers if answer.startswith("arn:")}
    assert started == {each.arn for each in world.runs(2)} - {run.arn}
    assert all("already" in answer for answer in answers if answer not in started)
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    world.has_told()


def test_23_two_redrives_that_do_start_at_once_make_one_job(failed):
    """Row 23: two executions with the same redrive at the same instant make one job, by its name alone."""
    world, run, key = failed
    envelope = {"redrive": {"event": run.event, "run_key": key, "run_id": world.run_id(key), "attempt": 2}}

    world.start_at_once(envelope, copies=3)

    ends = sorted(each.end for each in world.runs(4) if each.arn != run.arn)
    # Whoever finds the job completed is as content with it as the one that made it.
    assert ends[0] == "Completed"
    assert set(ends) <= {"Completed", "Duplicate"}
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}
    world.has_told()


# -- 24: the dead-letter queue unreachable ----------------------------------------------------------------------------


def test_24_with_no_dead_letter_queue_the_execution_still_fails_and_the_alarm_tells(deploy):
    """Row 24: a run that is given up while the queue is away fails, is told of by its alarm, and can be redriven."""
    world = operated(deploy(reading_job))
    gone = faults.call_fails("sqs:SendMessage", "AWS.SimpleQueueService.NonExistentQueue", "The queue does not exist.")
    with world.inject(gone) as away, world.inject(faults.job_fails(BROKEN, times=1)):
        key = world.put("in/a.csv")
        [run] = world.runs(1)

    assert away.hits > 1
    # What is told is why the job failed, not that the letter could not be written.
    assert run.end == "FAILED"
    assert run.cause == BROKEN
    assert world.dead_letters() == []
    assert world.alarms() == [FAILED]
    assert world.alerts() == [(FAILED, "ALARM")]
    assert world.jobs() == {world.job_name(key): "Failed"}
    assert world.outputs() == []

    # Nothing is lost: the event lies in the execution's input.
    world.redrive(run)
    assert [each.end for each in world.runs(2)] == ["FAILED", "Completed"]
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert world.output_versions() == {world.output_of(key): 1}


def test_24_a_queue_that_comes_back_in_time_gets_its_letter(deploy):
    """Row 24: a dead letter is sent again until the queue is back, and lies there once."""
    world = operated(deploy(reading_job))
    with world.inject(faults.unreachable("sqs", times=6)) as away, world.inject(faults.job_fails(BROKEN, times=1)):
        key = world.put("in/a.csv")
        [run] = world.runs(1)

    assert away.hits == 6
    assert run.end == "FAILED"
    [letter] = world.has_told()
    assert (letter["execution"], letter["job_name"]) == (run.arn, world.job_name(key))
    assert world.jobs() == {world.job_name(key): "Failed"}
    assert world.outputs() == []


# -- 26: the stack deleted in mid-run ---------------------------------------------------------------------------------


def delete(world):
    """Delete a stack, and wait until CloudFormation says that it is gone."""
    [stack] = [stack for stack in world.embedded.deployment.stacks if stack.name == world.name]
    cloudformation = world.client("cloudformation")
    cloudformation.delete_stack(StackName=world.name)
    world.until(
        lambda: cloudformation.describe_stacks(StackName=stack.stack_id)["Stacks"][0]["StackStatus"],
        lambda status: status == "DELETE_COMPLETE",
    )
    return stack


def is_gone_but_for_its_data(world, stack):
    """Nothing is left of a stack that could run or ring; its buckets, its dead letters and their key are there."""
    physical = {kind: [] for kind in stack.types.values()}
    for logical, kind in stack.types.items():
        physical[kind].append(stack.resources[logical])
    for url in physical["AWS::SQS::Queue"]:
        world.client("sqs").get_queue_attributes(QueueUrl=url)
    for key in physical["AWS::KMS::Key"]:
        assert world.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    for arn in physical["AWS::StepFunctions::StateMachine"]:
        with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
            world.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    for name in physical["AWS::IAM::Role"]:
        with pytest.raises(ClientError, match="NoSuchEntity"):
            world.client("iam").get_role(RoleName=name)
    rules = {rule["Name"] for rule in world.client("events").list_rules()["Rules"]}
    assert rules.isdisjoint(name.rpartition("/")[2] for name in physical["AWS::Events::Rule"])
    assert [alarm for alarm in world.embedded.alarms() if alarm["name"].startswith(f"{world.name} ")] == []
    assert world.alerts() == []
    for bucket in physical["AWS::S3::Bucket"]:
        world.client("s3").head_bucket(Bucket=bucket)


def sizes(world, bucket):
    """What lies in a bucket, by its name: CloudFormation knows no constructs any more."""
    listed = world.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: item["Size"] for item in listed}


def test_26_a_stack_deleted_in_mid_run_keeps_the_data_and_ends_the_run(held):
    """Row 26: data stays, all else goes; the running job fails for want of its role, and its execution ends with it."""
    key = held.put("in/a.csv")
    job, data, results = held.job_name(key), held.bucket(), held.bucket("Results")
    held.works(job)
    [execution] = held.executions()
    before = sizes(held, data)

    stack = delete(held)
    # The container goes on until it next needs the role; nobody is left who could hear of its end.
    ended = held.until(lambda: held.read(execution), lambda run: run.status != "RUNNING")
    held.client("s3").put_object(Bucket=data, Key="in/later.csv", Body=b"later")

    described = held.describe(job)
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith(("ClientError: ", "AlgorithmError: "))
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    assert "has been deleted" in ended.cause
    # The data is all there, no output was half written, and what arrives now launches nothing.
    assert sizes(held, data) == {**before, "in/later.csv": 5}
    assert sizes(held, results) == {}
    is_gone_but_for_its_data(held, stack)
    assert held.jobs() == {job: "Failed"}


def test_26_a_run_stopped_before_its_stack_is_deleted_leaves_nothing_behind(held):
    """Row 26: who stops what runs, as the documentation says, deletes a stack with no job left to fail."""
    key = held.put("in/a.csv")
    job, data, results = held.job_name(key), held.bucket(), held.bucket("Results")
    held.works(job)
    [execution] = map(held.read, held.executions())
    before = sizes(held, data)

    assert held.embedded.processing.stop(held.run(execution)).status == "ABORTED"
    held.until(held.jobs, lambda jobs: jobs == {job: "Stopped"})
    stack = delete(held)

    assert sizes(held, data) == before
    assert sizes(held, results) == {}
    is_gone_but_for_its_data(held, stack)
    assert held.jobs() == {job: "Stopped"}
