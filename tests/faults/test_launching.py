"""The fault matrix, second part: what goes wrong between an event and the end of its job."""

from functools import partial

import pytest

from cdk_processing.local import faults

from .conftest import reading_job

ROOMY, OTHER = "ml.m5.xlarge", "ml.m5.2xlarge"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


def _letter_of(world, run_key, *, attempt=1, error="States.TaskFailed"):
    """The one dead letter of a run that was given up, its event in it; both alarms ring and have been told."""
    (letter,) = world.has_told()
    assert letter["run_key"] == run_key
    assert letter["run_id"] == world.run_id(run_key)
    assert (letter["attempt"], letter["job_name"]) == (attempt, world.job_name(run_key, attempt))
    assert letter["error"] == error
    assert run_key.startswith(f"s3://{world.bucket()}/{letter['event']['detail']['object']['key']}@")
    return letter


# -- the name of the job ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retried", [False, True], ids=["seen by the state", "repeated by the SDK"])
def test_the_answer_of_create_processing_job_is_lost(deploy, retried):
    """Row 8. A job whose answer was lost is adopted: the run waits for it, and makes no other."""
    world = deploy(reading_job)

    with world.inject(faults.answer_lost(retried=retried)) as lost:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert lost.hits == 1
    assert (run.end, run.output["job_name"]) == ("Completed", world.job_name(key))
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.outputs() == [world.output_of(key)]
    world.is_quiet()


def test_the_answer_is_lost_of_a_job_that_then_fails(deploy):
    """Row 8. Of an adopted job that fails, the job's own reason is told, not that its name was in use."""
    world = deploy(partial(reading_job, processor={"env": {"FAIL": "no header"}}))

    with world.inject(faults.answer_lost()) as lost:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert (lost.hits, run.end) == (1, "FAILED")
    assert world.jobs() == {world.job_name(key): "Failed"}
    assert world.outputs() == []
    assert "exit code: 3" in _letter_of(world, key)["reason"]


def test_the_name_is_taken_by_a_foreign_job(deploy):
    """Row 9. A job of somebody else's under the run's name is left alone; the run goes on under the next, once."""
    world = deploy(reading_job)
    event = world.put_untold("in/a.csv")
    key = world.run_key(event)
    role = world.client("iam").get_role(RoleName=world.resource("Job/ExecutionRole"))["Role"]["Arn"]
    world.client("sagemaker").create_processing_job(
        ProcessingJobName=world.job_name(key),
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", "print('not yours')"]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": ROOMY, "VolumeSizeInGB": 30}},
        RoleArn=role,
    )
    world.until(world.jobs, lambda jobs: jobs == {world.job_name(key): "Completed"})
    foreign = _settings(world.describe(world.job_name(key)))

    world.start_at_once(event, copies=2)

    runs = world.runs(2)
    assert sorted(run.end for run in runs) == ["Completed", "Duplicate"]
    assert {run.output["job_name"] for run in runs} == {world.job_name(key, 2)}
    assert world.jobs() == {world.job_name(key): "Completed", world.job_name(key, 2): "Completed"}
    assert _settings(world.describe(world.job_name(key))) == foreign
    assert world.outputs() == [world.output_of(key)]
    world.is_quiet()


def _settings(job):
    """All of a job but the answer that told it."""
    return {field: value for field, value in job.items() if field != "ResponseMetadata"}


# -- AWS is busy ------------------------------------------------------------------------------------------------------


def test_the_quota_is_used_up_3_times_and_then_free(deploy):
    """Row 10. A run waits for a quota that others use up, under its first name, and nobody is told."""
    world = deploy(reading_job)

    with world.inject(faults.quota_exceeded(ROOMY, times=3)) as quota:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert (quota.hits, run.end) == (3, "Completed")
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.outputs() == [world.output_of(key)]
    world.is_quiet()


def test_the_quota_is_0(deploy):
    """Row 11. A quota that no waiting frees is asked for once; the run is given up and says what to do."""
    world = deploy(reading_job)

    with world.inject(faults.quota_exceeded(ROOMY, limit=0)) as quota:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert (quota.hits, run.end) == (1, "FAILED")
    assert world.jobs() == {}
    assert world.outputs() == []
    letter = _letter_of(world, key, error=run.error)
    assert "'ml.m5.xlarge for processing job usage' is 0 Instances" in letter["reason"]
    assert "request an increase" in letter["reason"]


def test_a_capacity_error_with_two_instance_types(deploy):
    """Row 13. Where one type has no capacity, the next attempt is on the other, at once, and nobody is told."""
    world = deploy(partial(reading_job, processor={"instance_type": [ROOMY, OTHER]}))

    with world.inject(faults.no_capacity(ROOMY)) as full:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert (full.hits, run.end) == (1, "Completed")
    assert world.jobs() == {world.job_name(key): "Failed", world.job_name(key, 2): "Completed"}
    assert [_type_of(world, key, attempt) for attempt in (1, 2)] == [ROOMY, OTHER]
    assert world.outputs() == [world.output_of(key)]
    world.is_quiet()


def test_a_capacity_error_of_every_instance_type(deploy):
    """Row 13. Where no type has capacity, the run is given up after its attempts, the last type tried again."""
    world = deploy(partial(reading_job, processor={"instance_type": [ROOMY, OTHER]}))

    with world.inject(faults.no_capacity()) as full:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert (full.hits, run.end) == (3, "FAILED")
    assert world.jobs() == {world.job_name(key, attempt): "Failed" for attempt in (1, 2, 3)}
    assert [_type_of(world, key, attempt) for attempt in (1, 2, 3)] == [ROOMY, OTHER, OTHER]
    assert world.outputs() == []
    assert _letter_of(world, key, attempt=3)["reason"].startswith("CapacityError: Unable to provision")


def _type_of(world, run_key, attempt):
    job = world.describe(world.job_name(run_key, attempt))
    return job["ProcessingResources"]["ClusterConfig"]["InstanceType"]


@pytest.mark.parametrize(
    "trouble",
    [
        faults.throttling(times=3),
        faults.call_fails("sagemaker:CreateProcessingJob", "ServiceUnavailable", status=503, times=3),
    ],
    ids=["throttled", "unavailable"],
)
def test_the_service_refuses_3_times_and_then_takes_the_job(deploy, trouble):
    """Beside the matrix. What passes is waited out under the same name, and nobody is told."""
    world = deploy(reading_job)

    with world.inject(trouble) as refused:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    assert (refused.hits, run.end) == (3, "Completed")
    assert world.jobs() == {world.job_name(key): "Completed"}
    assert world.outputs() == [world.output_of(key)]
    world.is_quiet()


@pytest.mark.parametrize("failing", [2, 3])
def test_sagemaker_fails_by_an_error_of_its_own(deploy, failing):
    """Beside the matrix. A job that SageMaker itself fails is tried as the next attempt, three in all."""
    world = deploy(reading_job)

    with world.inject(faults.job_fails(times=failing)) as internal:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)

    last = "Completed" if failing == 2 else "Failed"
    assert internal.hits == failing
    names = [world.job_name(key, attempt) for attempt in (1, 2, 3)]
    assert world.jobs() == dict(zip(names, ["Failed", "Failed", last], strict=True))
    if failing == 2:
        assert run.end == "Completed"
        assert world.outputs() == [world.output_of(key)]
        world.is_quiet()
    else:
        assert run.end == "FAILED"
        assert world.outputs() == []
        assert _letter_of(world, key, attempt=3)["reason"].startswith("InternalServerError")


# -- the job does not end well ----------------------------------------------------------------------------------------


def test_the_users_code_fails(deploy):
    """Row 14. A failure of the user's own code is final: one job, a dead letter with the reason, the alarm."""
    world = deploy(partial(reading_job, processor={"env": {"FAIL": "in/a.csv has no header"}}))

    key = world.put("in/a.csv")

    (run,) = world.runs(1)
    assert (run.end, run.error) == ("FAILED", "States.TaskFailed")
    assert world.jobs() == {world.job_name(key): "Failed"}
    assert world.outputs() == []
    letter = _letter_of(world, key)
    job = world.describe(letter["job_name"])
    assert letter["reason"] == run.cause == f"{job['FailureReason']} ({job['ExitMessage']})"
    assert letter["reason"].startswith("AlgorithmError: ")
    assert "exit code: 3" in letter["reason"]
    assert job["ExitMessage"] == "in/a.csv has no header"
    assert letter["event"] == run.event


@pytest.mark.parametrize("stopped_by", ["Step Functions", "the workflow"])
def test_a_job_is_stuck_in_starting(deploy, stopped_by):
    """Row 15. A job that never starts is stopped when its time is up, not abandoned; the run is given up.

    Step Functions itself tries to stop a job whose task timed out, once; where that fails, the workflow does it.
    """
    from cdk_processing import LaunchPolicy

    # A declaration cannot ask for less than a minute for the hosts to come and go, so a job of 1 s has 61 s. A second
    # of that is enough here; nothing else of the template is changed.
    def in_a_second(template):
        assert template.count('\\"TimeoutSeconds\\":61') == 1
        return template.replace('\\"TimeoutSeconds\\":61', '\\"TimeoutSeconds\\":1')

    impatient = LaunchPolicy(provisioning_slack_seconds=60)
    declare = partial(reading_job, processor={"max_runtime_in_seconds": 1}, launch_policy=impatient)
    world = deploy(declare, edit=in_a_second)
    if stopped_by == "the workflow":
        refused = world.inject(faults.throttling("sagemaker:StopProcessingJob", times=1))

    with world.inject(faults.job_stuck()) as stuck:
        key = world.put("in/a.csv")
        (run,) = world.runs(1)
        world.until(world.jobs, lambda jobs: jobs == {world.job_name(key): "Stopped"})

    assert (stuck.hits, run.end, run.error) == (1, "FAILED", "States.Timeout")
    assert stopped_by == "Step Functions" or refused.hits == 1
    assert world.outputs() == []
    _letter_of(world, key, error="States.Timeout")


def test_the_execution_is_aborted_while_the_job_runs(deploy):
    """Row 16. Who aborts a run stops its job, and is told nothing; a redrive runs it again, as the next attempt."""
    world = deploy(reading_job)
    key = world.put("in/a.csv", b"stay")
    world.until_processing(world.job_name(key))
    ((execution, _),) = world.executions().items()

    world.client("stepfunctions").stop_execution(executionArn=execution, error="Stop", cause="a person did it")

    (run,) = world.runs(1)
    assert run.status == "ABORTED"
    world.until(world.jobs, lambda jobs: jobs == {world.job_name(key): "Stopped"})
    assert world.outputs() == []
    world.is_quiet()

    world.put_untold("in/a.csv", b"mended")
    processing = world.embedded.processing
    processing.redrive(processing.run(processing.job(world.machine())))
    _, again = world.runs(2)
    assert (again.end, again.output["run_id"]) == ("Completed", world.run_id(key))
    assert world.jobs() == {world.job_name(key): "Stopped", world.job_name(key, 2): "Completed"}
    assert world.outputs() == [world.output_of(key)]
    assert world.seen(key) == {"in/a.csv": 6}
    world.is_quiet()


def test_the_job_is_stopped_by_a_person(deploy):
    """Row 17. A job that somebody stops is not made again; the run is given up, and its event kept for a redrive."""
    world = deploy(reading_job)
    key = world.put("in/a.csv", b"stay")
    world.until_processing(world.job_name(key))

    world.client("sagemaker").stop_processing_job(ProcessingJobName=world.job_name(key))

    (run,) = world.runs(1)
    assert (run.end, run.cause) == ("FAILED", "the job was stopped")
    assert world.jobs() == {world.job_name(key): "Stopped"}
    assert world.outputs() == []
    assert _letter_of(world, key)["reason"] == "the job was stopped"


def test_the_object_is_deleted_before_the_start(deploy):
    """Row 18. A run whose object is gone makes one job, which fails for want of it; the event that names it is kept."""
    world = deploy(reading_job)
    event = world.put_untold("in/a.csv")
    deleted = world.client("s3").delete_object(Bucket=world.bucket(), Key="in/a.csv")
    assert deleted["DeleteMarker"]

    world.start(event)

    (run,) = world.runs(1)
    key = world.run_key(event)
    assert run.end == "FAILED"
    assert world.jobs() == {world.job_name(key): "Failed"}
    assert world.outputs() == []
    letter = _letter_of(world, key)
    assert letter["reason"].startswith("ClientError: Data download failed: ")
    assert "The specified key does not exist" in letter["reason"]
    assert letter["event"] == event
