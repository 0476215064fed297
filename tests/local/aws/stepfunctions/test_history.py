import json


def events_of(world, arn):
    return world.client("stepfunctions").get_execution_history(executionArn=arn)["events"]


def details(events, kind):
    (event,) = [event for event in events if event["type"] == kind]
    return event[f"{kind[0].lower()}{kind[1:]}EventDetails"]


def test_a_scheduled_job_is_in_the_history_with_its_evaluated_arguments(world, execution_role, machine_role):
    request = world.request(execution_role)
    name = request["ProcessingJobName"]
    arguments = {**request, "ProcessingJobName": "{% $states.input.name %}"}
    machine = world.task_machine("arn:aws:states:::sagemaker:createProcessingJob.sync", arguments, machine_role)
    ended = world.execute(machine, {"name": name})
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    events = events_of(world, ended["executionArn"])
    scheduled = details(events, "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("sagemaker", "createProcessingJob.sync")
    assert scheduled["region"] == "us-east-1"
    assert json.loads(scheduled["parameters"]) == request
    succeeded = details(events, "TaskSucceeded")
    assert (succeeded["resourceType"], succeeded["resource"]) == ("sagemaker", "createProcessingJob.sync")
    assert json.loads(succeeded["output"])["ProcessingJobName"] == name


def test_a_call_of_the_sdk_is_named_by_its_service_and_action(world):
    role = world.role("states.amazonaws.com", [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}])
    machine = world.task_machine("arn:aws:states:::aws-sdk:sqs:listQueues", {"QueueNamePrefix": "x"}, role)
    scheduled = details(events_of(world, world.execute(machine)["executionArn"]), "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("aws-sdk:sqs", "listQueues")
    assert scheduled["parameters"] == '{"QueueNamePrefix":"x"}'


def test_a_call_that_fails_is_named_too(world):
    role = world.role("states.amazonaws.com", [])
    machine = world.task_machine("arn:aws:states:::aws-sdk:sqs:listQueues", {}, role)
    failed = details(events_of(world, world.execute(machine)["executionArn"]), "TaskFailed")
    assert (failed["resourceType"], failed["resource"]) == ("aws-sdk:sqs", "listQueues")
    assert "sqs:ListQueues" in failed["cause"].replace("listqueues", "ListQueues")


def test_each_event_names_the_one_before(world):
    nothing = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    ended = world.execute(world.machine(nothing, world.role("states.amazonaws.com", [])))
    events = events_of(world, ended["executionArn"])
    assert [event.get("previousEventId", 0) for event in events] == [event["id"] - 1 for event in events]
