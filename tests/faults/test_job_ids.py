"""A job with an id knows what it has run, after its construct was renamed and after it has moved to another stack."""

from datetime import datetime, timezone
from functools import partial

from cdk_processing.local.deployment.deploy import client_of

from .conftest import SCRIPTS

NIGHT = datetime(2026, 3, 5, 6, tzinfo=timezone.utc)
KEY = {"run_key": "march"}


def job(stack, name="Job", *, job_id=None, base_job_name=None, env=None):
    from cdk_processing import OnSchedule, ProcessingJob, SKLearnProcessor

    processor = SKLearnProcessor(
        framework_version="1.4-2",
        instance_type="ml.m5.xlarge",
        instance_count=1,
        base_job_name=base_job_name,
        env=env,
    )
    request = processor.run(code=SCRIPTS / "hello.py")
    return ProcessingJob(stack, name, request, triggers=[OnSchedule("cron(0 6 * * ? *)")], job_id=job_id)


def end_of(world, event, name):
    """How a run of a job ends that is started with an event."""
    arn = world.start(event, name)
    return world.until(lambda: world.read(arn), lambda run: run.status != "RUNNING").end


def fire(world, name, count):
    """Launch a job's run of that night; returns how its latest run ended."""
    world.embedded.fire_schedule(f"{world.name}/{name}", NIGHT)
    return world.runs(count, name)[-1].end


def test_a_renamed_job_with_an_id_runs_nothing_again(deploy, redeploy):
    world = deploy(partial(job, job_id="renamed"))
    before = [end_of(world, KEY, "Job"), fire(world, "Job", 2)]
    made = world.jobs()

    redeploy(world, partial(job, name="NewName", job_id="renamed"))

    assert before == ["Completed", "Completed"]
    assert [end_of(world, KEY, "NewName"), fire(world, "NewName", 2)] == ["Duplicate", "Duplicate"]
    assert world.jobs("NewName") == made
    assert end_of(world, {"run_key": "april"}, "NewName") == "Completed"


def test_a_job_with_an_id_that_moves_to_another_stack_runs_nothing_again_while_both_are_there(deploy):
    old = deploy(partial(job, job_id="moved"))
    assert end_of(old, KEY, "Job") == "Completed"

    new = deploy(partial(job, name="Elsewhere", job_id="moved"))

    assert end_of(new, KEY, "Elsewhere") == "Duplicate"
    assert [end_of(new, {"run_key": "may"}, "Elsewhere"), end_of(old, {"run_key": "may"}, "Job")] == [
        "Completed",
        "Duplicate",
    ]


def test_a_job_that_was_deployed_without_an_id_goes_on_with_the_arn_of_its_state_machine(deploy, redeploy):
    world = deploy(job)
    arn, base = world.machine("Job"), world.base_name("Job")
    assert end_of(world, KEY, "Job") == "Completed"

    redeploy(world, partial(job, name="NewName", job_id=arn, base_job_name=base))

    assert end_of(world, KEY, "NewName") == "Duplicate"
    assert end_of(world, {"run_key": "april"}, "NewName") == "Completed"


def test_without_an_id_a_renamed_job_runs_everything_again(deploy, redeploy):
    world = deploy(job)
    assert end_of(world, KEY, "Job") == "Completed"

    redeploy(world, partial(job, name="NewName"))

    assert end_of(world, KEY, "NewName") == "Completed"


def test_the_dead_letter_of_a_renamed_job_with_an_id_is_redriven_by_the_new_one(deploy, redeploy, embedded):
    world = deploy(partial(job, job_id="failing", env={"FAIL": "yes"}))
    assert end_of(world, KEY, "Job") == "FAILED"

    redeploy(world, partial(job, name="NewName", job_id="failing"))
    client = client_of(embedded.aws)
    [redriven] = client.redrive_dead_letters("failing")
    [run] = world.runs(1, "NewName")

    assert redriven.deleted, redriven.why
    assert run.end == "Completed"
    assert sorted(world.jobs("NewName").values()) == ["Completed", "Failed"]
    assert len({name.rsplit("-", 1)[0] for name in world.jobs("NewName")}) == 1


def test_a_start_with_the_key_of_a_run_of_the_old_name_starts_nothing(deploy, redeploy, embedded):
    world = deploy(partial(job, job_id="started"))
    client = client_of(embedded.aws)
    first = client.start(f"{world.name}/Job", run_key="march")
    world.until(lambda: world.read(first.arn).end, lambda end: end == "Completed")

    redeploy(world, partial(job, name="NewName", job_id="started"))
    again = client.start("started", run_key="march")

    assert len(world.until(lambda: world.jobs("NewName"), bool)) == 1
    assert again.arn == first.arn or world.until(lambda: world.read(again.arn).end, lambda end: end == "Duplicate")
