import json
import time
from types import SimpleNamespace

import pytest

from cdk_processing.local.aws.stepfunctions import processing
from cdk_processing.local.aws.stepfunctions.history import BranchEndedError
from tests.local.control_plane import machine_statements

SYNC = "arn:aws:states:::sagemaker:createProcessingJob.sync"
PLAIN = "arn:aws:states:::sagemaker:createProcessingJob"


def test_sync_waits_for_the_job_and_gives_its_description(world, execution_role, machine_role):
    request = world.request(execution_role, Environment={"WAIT": "0.3"}, Tags=[{"Key": "a", "Value": "b"}])
    execution = world.execute(world.task_machine(SYNC, request, machine_role))
    assert execution["status"] == "SUCCEEDED"
    output = json.loads(execution["output"])
    assert output["ProcessingJobStatus"] == "Completed"
    assert output["ProcessingJobName"] == request["ProcessingJobName"]
    now = time.time() * 1000
    assert isinstance(output["CreationTime"], int)
    assert now - 60_000 < output["CreationTime"] < output["ProcessingEndTime"] <= now


def test_without_sync_the_state_ends_when_the_job_is_created(world, execution_role, machine_role):
    request = world.request(execution_role, Environment={"WAIT": "20"})
    execution = world.execute(world.task_machine(PLAIN, request, machine_role))
    assert json.loads(execution["output"])["ProcessingJobArn"].endswith(request["ProcessingJobName"])
    world.client("sagemaker").stop_processing_job(ProcessingJobName=request["ProcessingJobName"])


def test_a_failed_job_is_a_failed_task_with_the_description_as_cause(world, execution_role, machine_role):
    request = world.request(execution_role, Environment={"FAIL": "AlgorithmError: no"})
    execution = world.execute(world.task_machine(SYNC, request, machine_role))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(execution["cause"])
    assert (cause["ProcessingJobStatus"], cause["FailureReason"]) == ("Failed", "AlgorithmError: no")


def test_a_name_in_use_is_an_error_of_its_own_that_can_be_caught(world, execution_role, machine_role):
    request = world.request(execution_role)
    world.client("sagemaker").create_processing_job(**request)
    world.ended(request["ProcessingJobName"])
    task = {
        "Type": "Task",
        "Resource": SYNC,
        "Arguments": request,
        "Catch": [{"ErrorEquals": ["SageMaker.ResourceInUseException"], "Next": "Caught"}],
        "End": True,
    }
    caught = {"Type": "Pass", "Output": "caught", "End": True}
    machine = world.machine({"StartAt": "Task", "States": {"Task": task, "Caught": caught}}, machine_role)
    assert json.loads(world.execute(machine)["output"]) == "caught"


def test_an_invalid_request_is_the_general_sagemaker_error(world, execution_role, machine_role):
    request = world.request(execution_role, ProcessingJobName="a_b")
    execution = world.execute(world.task_machine(SYNC, request, machine_role))
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert "Member must satisfy regular expression pattern" in execution["cause"]
    assert "Error Code: ValidationException" in execution["cause"]


def test_a_state_that_times_out_stops_its_job(world, execution_role, machine_role):
    request = world.request(execution_role, Environment={"WAIT": "20"})
    machine = world.task_machine(SYNC, request, machine_role, TimeoutSeconds="{% 2 - 1 %}")
    assert world.execute(machine)["error"] == "States.Timeout"
    assert world.ended(request["ProcessingJobName"])["ProcessingJobStatus"] == "Stopped"


def test_a_stopped_execution_stops_its_job_and_stays_aborted(world, execution_role, machine_role):
    request = world.request(execution_role, Environment={"WAIT": "20"})
    states = world.client("stepfunctions")
    machine = world.task_machine(SYNC, request, machine_role)
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    world.until(lambda: [run["name"] for run in world.aws.runs()], lambda names: request["ProcessingJobName"] in names)
    states.stop_execution(executionArn=arn, error="Mine")
    assert world.ended(request["ProcessingJobName"])["ProcessingJobStatus"] == "Stopped"
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_a_job_stopped_by_a_person_is_a_failed_task(world, execution_role, machine_role):
    request = world.request(execution_role, Environment={"WAIT": "20"})
    states = world.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=world.task_machine(SYNC, request, machine_role))["executionArn"]
    world.until(lambda: [run["name"] for run in world.aws.runs()], lambda names: request["ProcessingJobName"] in names)
    world.client("sagemaker").stop_processing_job(ProcessingJobName=request["ProcessingJobName"])
    execution = world.execution_ended(arn)
    assert json.loads(execution["cause"])["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    "missing",
    [
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:StopProcessingJob",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "events:PutRule",
        "events:PutTargets",
        "events:DescribeRule",
        "iam:PassRole",
    ],
)
def test_sync_needs_each_permission_of_the_state_machines_role(world, execution_role, missing):
    deny = {"Effect": "Deny", "Action": missing, "Resource": "*"}
    role = world.role("states.amazonaws.com", [*machine_statements(execution_role), deny])
    execution = world.execute(world.task_machine(SYNC, world.request(execution_role), role))
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    name = role.rsplit("/", 1)[-1]
    assert execution["cause"].startswith(
        f"User: arn:aws:sts::000000000000:assumed-role/{name}/StepFunctions is not authorized to perform: {missing} on "
    )


def test_a_state_machine_whose_role_does_not_trust_step_functions_does_not_start(world, execution_role):
    role = world.role("lambda.amazonaws.com", machine_statements(execution_role))
    execution = world.execute(world.task_machine(SYNC, world.request(execution_role), role))
    assert execution["status"] == "FAILED"
    assert "states.amazonaws.com" in execution["cause"]


def test_logging_needs_log_delivery_permissions(world):
    logs = world.client("logs")
    group = world.name("/aws/vendedlogs/states")
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    role = world.role("states.amazonaws.com", [])
    machine = world.machine(definition, role, loggingConfiguration=logging)
    execution = world.execute(machine)
    assert "logs:CreateLogDelivery" in execution["cause"]
    verbs = ["CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries"]
    verbs += ["PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"]
    world.allow(role, [{"Effect": "Allow", "Action": [f"logs:{verb}" for verb in verbs], "Resource": "*"}])
    assert world.execute(machine)["status"] == "SUCCEEDED"


def test_two_hundred_executions_make_two_hundred_jobs(world, execution_role, machine_role):
    base = world.name("many")
    request = world.request(execution_role, ProcessingJobName="{% $states.input.name %}")
    machine = world.task_machine(SYNC, request, machine_role)
    arns = [
        world.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps({"name": f"{base}-{number}"})
        )["executionArn"]
        for number in range(200)
    ]
    assert {world.execution_ended(arn)["status"] for arn in arns} == {"SUCCEEDED"}


def test_a_state_machine_of_a_stack_is_held_to_log_delivery_too(world):
    stack = world.name("stack")
    group = f"arn:aws:logs:us-east-1:000000000000:log-group:{stack}:*"
    properties = {
        "RoleArn": world.role("states.amazonaws.com", []),
        "DefinitionString": json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        "LoggingConfiguration": {"Level": "ALL", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": group}}]},
    }
    template = {
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": stack}},
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties, "DependsOn": "Logs"},
        }
    }
    cloudformation = world.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    found = world.until(
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"],
        lambda status: not status.endswith("IN_PROGRESS"),
    )
    assert found == "CREATE_COMPLETE"
    machine = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Machine")
    execution = world.execute(machine["StackResourceDetail"]["PhysicalResourceId"])
    assert "logs:CreateLogDelivery" in execution["cause"]


def test_a_job_that_was_created_while_its_execution_was_stopped_is_stopped_too(monkeypatch):
    """No call from outside comes between the creation and the history's event, so the parts are called directly."""
    name, calls = "prep-1", []

    def call(action, arguments, principal):
        calls.append((action, arguments["ProcessingJobName"]))
        return {"ProcessingJobArn": "arn:p"}

    sagemaker = SimpleNamespace(jobs={name: SimpleNamespace(name=name)}, call=call)
    stopped = SimpleNamespace(record={"status": "ABORTED", "events": []}, principal=None)
    monkeypatch.setattr(processing, "current_execution", lambda: stopped)
    monkeypatch.setattr(processing, "sync_denial", lambda principal, arn: None)
    monkeypatch.setattr(processing, "_arn", lambda arguments: "arn:p")

    with pytest.raises(BranchEndedError):
        processing.ProcessingTasks(sagemaker).task(SYNC, {"ProcessingJobName": name})

    assert calls == [("CreateProcessingJob", name), ("StopProcessingJob", name)]
