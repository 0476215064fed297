import json

import pytest
from botocore.exceptions import ClientError

PASS = {"Type": "Pass", "End": True}


def job_machine(world, execution_role, machine_role, *, then=True, catch=False, environment=None):
    """A machine that runs one job of 1 s (or what the environment says), followed by a state or not."""
    request = world.request(execution_role, Environment=environment or {"WAIT": "1"})
    task = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync", "Arguments": request}
    task.update({"Next": "After"} if then else {"End": True})
    if catch:
        task["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    states = {"Run": task, **({"After": PASS} if then or catch else {})}
    return world.machine({"StartAt": "Run", "States": states}, machine_role), request["ProcessingJobName"]


def running(world, machine, job):
    states = world.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    world.until(
        lambda: world.client("sagemaker").list_processing_jobs(NameContains=job)["ProcessingJobSummaries"], bool
    )
    return arn


def test_a_deleted_machine_ends_its_execution_at_the_next_transition_and_the_job_ends_by_itself(
    world, execution_role, machine_role, tmp_path
):
    seen = tmp_path / "seen"
    machine, job = job_machine(world, execution_role, machine_role, environment={"UNTIL": str(seen)})
    arn = running(world, machine, job)
    states = world.client("stepfunctions")
    states.delete_state_machine(stateMachineArn=machine)
    assert states.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    seen.touch()
    ended = world.execution_ended(arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert ended["cause"] == f"State machine {machine.rpartition(':')[2]} has been deleted."
    assert world.ended(job)["ProcessingJobStatus"] == "Completed"
    gone(world, machine)


def gone(world, machine):
    def look():
        try:
            return world.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["status"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    world.until(look, lambda found: found == "StateMachineDoesNotExist")


def test_a_job_of_a_deleted_machine_that_does_not_complete_is_not_caught(world, execution_role, machine_role):
    machine, job = job_machine(world, execution_role, machine_role, catch=True, environment={"WAIT": "60"})
    arn = running(world, machine, job)
    world.client("stepfunctions").delete_state_machine(stateMachineArn=machine)
    world.client("sagemaker").stop_processing_job(ProcessingJobName=job)
    ended = world.execution_ended(arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_a_task_in_the_last_state_ends_its_execution_well(world, execution_role, machine_role):
    machine, job = job_machine(world, execution_role, machine_role, then=False)
    arn = running(world, machine, job)
    world.client("stepfunctions").delete_state_machine(stateMachineArn=machine)
    assert world.execution_ended(arn)["status"] == "SUCCEEDED"
    gone(world, machine)


def test_a_machine_that_is_being_deleted_starts_nothing(world, execution_role, machine_role):
    machine, job = job_machine(world, execution_role, machine_role)
    arn = running(world, machine, job)
    states = world.client("stepfunctions")
    states.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(ClientError, match="StateMachineDeleting"):
        states.start_execution(stateMachineArn=machine)
    world.execution_ended(arn)


def test_a_machine_at_rest_is_gone_at_once_and_one_of_its_name_begins_anew(world, machine_role):
    states = world.client("stepfunctions")
    definition = json.dumps({"StartAt": "Done", "QueryLanguage": "JSONata", "States": {"Done": PASS}})
    name = world.name("machine")
    machine = states.create_state_machine(name=name, definition=definition, roleArn=machine_role)["stateMachineArn"]
    world.execute(machine, name="once")
    states.delete_state_machine(stateMachineArn=machine)
    gone(world, machine)
    states.create_state_machine(name=name, definition=definition, roleArn=machine_role)
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
    assert world.execute(machine, name="once")["status"] == "SUCCEEDED"
