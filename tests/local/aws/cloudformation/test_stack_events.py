import json

import pytest

from tests.local.control_plane import ACCOUNT

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {}}
# An alarm on nothing cannot be made.
BROKEN = {"Type": "AWS::CloudWatch::Alarm", "DependsOn": "Topic", "Properties": {"EvaluationPeriods": 1}}


@pytest.fixture
def announced(world):
    """Every stack event of the account, as a queue behind a rule gets it."""
    url, queue = world.queue()
    events = world.client("events")
    rule = world.name("stacks")
    pattern = {"source": ["aws.cloudformation"], "detail-type": ["CloudFormation Stack Status Change"]}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": queue}])

    def read(stack_id, until):
        found = []
        sqs = world.client("sqs")

        def look():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if event["detail"]["stack-id"] == stack_id:
                    found.append(event)
            return [event["detail"]["status-details"]["status"] for event in found]

        world.until(look, lambda statuses: until in statuses)
        return found

    yield read
    events.remove_targets(Rule=rule, Ids=["1"])
    events.delete_rule(Name=rule)


def statuses(events):
    return [event["detail"]["status-details"]["status"] for event in events]


def template(**resources):
    return json.dumps({"Resources": resources})


def test_a_stack_that_is_made_changed_and_deleted_says_so(world, announced):
    cloudformation = world.client("cloudformation")
    name = world.name("stack")
    stack_id = cloudformation.create_stack(StackName=name, TemplateBody=template(Topic=TOPIC))["StackId"]
    created = announced(stack_id, "CREATE_COMPLETE")
    assert statuses(created) == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    event = created[-1]
    assert (event["source"], event["account"], event["region"]) == ("aws.cloudformation", ACCOUNT, "us-east-1")
    assert event["detail-type"] == "CloudFormation Stack Status Change"
    assert event["resources"] == [stack_id]
    assert event["detail"] == {
        "stack-id": stack_id,
        "status-details": {"status": "CREATE_COMPLETE", "status-reason": ""},
        "client-request-token": "",
    }
    cloudformation.update_stack(StackName=name, TemplateBody=template(Topic=TOPIC, Other=TOPIC))
    assert statuses(announced(stack_id, "UPDATE_COMPLETE")) == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    cloudformation.delete_stack(StackName=name)
    assert statuses(announced(stack_id, "DELETE_COMPLETE")) == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_a_stack_that_fails_says_that_it_rolls_back_and_never_that_it_is_complete(world, announced):
    cloudformation = world.client("cloudformation")
    name = world.name("stack")
    stack_id = cloudformation.create_stack(StackName=name, TemplateBody=template(Topic=TOPIC, Broken=BROKEN))["StackId"]
    events = announced(stack_id, "ROLLBACK_COMPLETE")
    assert statuses(events) == ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]
    assert "Rollback requested" in events[1]["detail"]["status-details"]["status-reason"]


def test_an_update_that_fails_says_that_it_was_rolled_back(world, announced):
    cloudformation = world.client("cloudformation")
    name = world.name("stack")
    stack_id = cloudformation.create_stack(StackName=name, TemplateBody=template(Topic=TOPIC))["StackId"]
    announced(stack_id, "CREATE_COMPLETE")
    cloudformation.update_stack(StackName=name, TemplateBody=template(Topic=TOPIC, Broken=BROKEN))
    found = statuses(announced(stack_id, "UPDATE_ROLLBACK_COMPLETE"))
    assert found[:2] == ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]
    assert "UPDATE_COMPLETE" not in found


def test_a_change_set_as_the_cdk_uses_it_says_so_with_its_token(world, announced):
    cloudformation = world.client("cloudformation")
    name = world.name("stack")
    stack_id = cloudformation.create_change_set(
        StackName=name, ChangeSetName="deploy", ChangeSetType="CREATE", TemplateBody=template(Topic=TOPIC)
    )["StackId"]
    world.until(
        lambda: cloudformation.describe_change_set(StackName=name, ChangeSetName="deploy")["Status"],
        lambda status: status == "CREATE_COMPLETE",
    )
    cloudformation.execute_change_set(StackName=name, ChangeSetName="deploy", ClientRequestToken="mine")
    events = announced(stack_id, "CREATE_COMPLETE")
    assert statuses(events) == ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert events[-1]["detail"]["client-request-token"] == "mine"


def test_a_rule_of_the_stack_itself_hears_that_the_stack_is_complete(world, role_for_events):
    """That is how a job runs once when it is deployed."""
    machine, role = role_for_events
    name = world.name("stack")
    pattern = {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {
            "stack-id": [{"Ref": "AWS::StackId"}],
            "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
        },
    }
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "Targets": [{"Id": "1", "Arn": machine, "RoleArn": role}]},
    }
    world.client("cloudformation").create_stack(StackName=name, TemplateBody=template(Rule=rule))
    states = world.client("stepfunctions")
    (execution,) = world.until(lambda: states.list_executions(stateMachineArn=machine)["executions"], bool)
    event = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert event["detail"]["status-details"]["status"] == "CREATE_COMPLETE"


@pytest.fixture
def role_for_events(world):
    nothing = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    machine = world.machine(nothing, world.role("states.amazonaws.com", []))
    allowed = [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}]
    return machine, world.role("events.amazonaws.com", allowed)
