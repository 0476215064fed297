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


def test_each_event_names_the_one_before_and_the_first_state_names_none(world):
    # Recorded in localstack/localstack, v2/base/test_base.py::TestSnfBase::test_state_pass_result
    nothing = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    ended = world.execute(world.machine(nothing, world.role("states.amazonaws.com", [])))
    events = events_of(world, ended["executionArn"])
    assert [event.get("previousEventId", 0) for event in events] == [0, 0, 2, 3]


def test_a_history_of_25_000_events_fails_the_execution(world):
    # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-state-machine-executions
    loop = {"StartAt": "Again", "States": {"Again": {"Type": "Choice", "Choices": [], "Default": "Again"}}}
    loop["States"]["Never"] = {"Type": "Succeed"}
    ended = world.execute(world.machine(loop, world.role("states.amazonaws.com", [])))
    assert ended["error"] == "States.Runtime"
    assert ended["cause"] == "The execution reached the maximum number of history events (25000)."
    history = world.client("stepfunctions").get_execution_history(
        executionArn=ended["executionArn"], reverseOrder=True, maxResults=1
    )
    assert [(event["id"], event["type"]) for event in history["events"]] == [(25_000, "ExecutionFailed")]
