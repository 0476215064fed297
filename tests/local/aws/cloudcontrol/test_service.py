import json

import pytest
from botocore.exceptions import ClientError

TEMPLATE = {
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 10}},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "states.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "End": true}}}',
                "Tags": [{"Key": "team", "Value": "a"}],
            },
        },
    }
}
SECOND = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 2, "End": true}}}'


@pytest.fixture(scope="module")
def stack(world):
    """The physical ids of a stack's resources, and its name."""
    name, cloudformation = world.name("stack"), world.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"])
    world.until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"],
        lambda status: status == "CREATE_COMPLETE",
    )
    resources = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources} | {"name": name}


@pytest.fixture
def control(world):
    return world.client("cloudcontrol")


def properties(control, type_name, identifier):
    described = control.get_resource(TypeName=type_name, Identifier=identifier)["ResourceDescription"]
    return json.loads(described["Properties"])


def patch(*operations):
    return json.dumps([{"op": op, "path": path, "value": value} for op, path, value in operations])


def test_a_resource_of_a_stack_shows_its_properties_and_attributes(control, stack):
    shown = properties(control, "AWS::SQS::Queue", stack["Queue"])
    assert (shown["VisibilityTimeout"], shown["Arn"].rpartition(":")[2]) == (10, stack["Queue"].rpartition("/")[2])
    listed = control.list_resources(TypeName="AWS::SQS::Queue")["ResourceDescriptions"]
    assert stack["Queue"] in [each["Identifier"] for each in listed]


def test_a_changed_definition_runs_and_the_stack_does_not_know_of_it(world, control, stack):
    machine = stack["Machine"]
    event = control.update_resource(
        TypeName="AWS::StepFunctions::StateMachine",
        Identifier=machine,
        PatchDocument=patch(("replace", "/DefinitionString", SECOND)),
    )["ProgressEvent"]
    control.get_waiter("resource_request_success").wait(RequestToken=event["RequestToken"])

    assert world.execute(machine)["output"] == "2"
    assert properties(control, "AWS::StepFunctions::StateMachine", machine)["DefinitionString"] == SECOND
    cloudformation = world.client("cloudformation")
    template = cloudformation.get_template(StackName=stack["name"])["TemplateBody"]
    assert template["Resources"]["Machine"]["Properties"]["DefinitionString"] != SECOND
    # What is changed later is changed from what is in force now.
    control.update_resource(
        TypeName="AWS::StepFunctions::StateMachine",
        Identifier=machine,
        PatchDocument=patch(("add", "/Tags/-", {"Key": "more", "Value": "b"})),
    )
    assert world.execute(machine)["output"] == "2"
    tags = world.client("stepfunctions").list_tags_for_resource(resourceArn=machine)["tags"]
    assert {tag["key"] for tag in tags} >= {"team", "more"}


def test_a_property_of_another_type_is_changed_in_its_service(world, control, stack):
    control.update_resource(
        TypeName="AWS::SQS::Queue",
        Identifier=stack["Queue"],
        PatchDocument=patch(("replace", "/VisibilityTimeout", 77)),
    )
    attributes = world.client("sqs").get_queue_attributes(QueueUrl=stack["Queue"], AttributeNames=["All"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "77"


@pytest.mark.parametrize(
    ("type_name", "resource", "document", "code", "told"),
    [
        ("AWS::SQS::Queue", "nope", patch(("replace", "/DelaySeconds", 1)), "ResourceNotFound", "'nope' was not found"),
        ("AWS::SNS::Topic", "Topic", patch(("add", "/DisplayName", "x")), "UnsupportedAction", "without --hotswap"),
        ("AWS::SQS::Queue", "Queue", "[{", "InvalidRequest", "PatchDocument"),
        ("AWS::SQS::Queue", "Queue", patch(("remove", "/Nope", 1)), "InvalidRequest", "PatchDocument"),
        (
            "AWS::StepFunctions::StateMachine",
            "Machine",
            patch(("add", "/StateMachineType", "EXPRESS")),
            "NotUpdatable",
            "would have to be replaced",
        ),
        (
            "AWS::SQS::Queue",
            "Queue",
            patch(("replace", "/VisibilityTimeout", 999_999)),
            "HandlerFailure",
            "could not be changed",
        ),
    ],
)
def test_what_cannot_be_changed_is_refused(control, stack, type_name, resource, document, code, told):
    with pytest.raises(ClientError) as refused:
        control.update_resource(TypeName=type_name, Identifier=stack.get(resource, resource), PatchDocument=document)
    error = refused.value.response["Error"]
    assert error["Code"] == f"{code}Exception"
    assert told in error["Message"]


def test_what_is_not_played_names_what_is(control):
    with pytest.raises(ClientError, match=r"does not do CreateResource\. Of Cloud Control it does .* UpdateResource"):
        control.create_resource(TypeName="AWS::SQS::Queue", DesiredState="{}")


def test_a_caller_needs_permission_for_the_resource_s_own_call(world, stack):
    swap = {"Effect": "Allow", "Action": ["cloudformation:UpdateResource"], "Resource": "*"}
    user = world.client("iam").create_user(UserName=world.name("user"))["User"]["UserName"]
    key = world.client("iam").create_access_key(UserName=user)["AccessKey"]
    import boto3

    control = boto3.Session().client(
        "cloudcontrol",
        endpoint_url=world.aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    def update():
        control.update_resource(
            TypeName="AWS::StepFunctions::StateMachine",
            Identifier=stack["Machine"],
            PatchDocument=patch(("replace", "/DefinitionString", SECOND)),
        )

    def allow(*statements):
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        world.client("iam").put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=document)

    try:
        allow({**swap, "Action": "cloudformation:GetResource"})
        with pytest.raises(ClientError, match="cloudformation:UpdateResource"):
            update()
        allow(swap)
        with pytest.raises(ClientError, match="states:UpdateStateMachine"):
            update()
        allow(swap, {"Effect": "Allow", "Action": "states:UpdateStateMachine", "Resource": stack["Machine"]})
        update()
    finally:
        control.close()
