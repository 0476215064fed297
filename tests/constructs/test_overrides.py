"""What an override or an aspect takes from a job's resources, so that no run could begin, is told at synth."""

import jsii
import pytest
from aws_cdk import Acknowledgment, App, AspectPriority, Aspects, IAspect, NestedStack, Stack, Stage, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from cdk_processing import OnObjectCreated, OnSchedule, Parameter, ProcessingJob

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
INLINE = [{"PolicyName": "Mine", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
TARGET = [{"Id": "Mine", "Arn": "arn:aws:sqs:eu-west-1:111122223333:q"}]
ROLE = "arn:aws:iam::111122223333:role/mine"


@pytest.fixture
def declare(stack, raw, request_for):
    """Declare a job that an arrival and a schedule launch."""

    def make(scope=stack):
        triggers = [OnObjectCreated(raw.at("in/")), OnSchedule("rate(1 day)", parameters={"day": "1"})]
        return ProcessingJob(scope, "Job", request_for(arguments=[Parameter("day", "0")]), triggers=triggers)

    return make


def override(child, name, value):
    return lambda job: job.node.find_child(child).add_property_override(name, value)


TAKEN = {
    "policies of the execution role": (
        override("ExecutionRole", "ManagedPolicyArns", [READ_ONLY]),
        f'ManagedPolicyArns of Census/Job/ExecutionRole must keep the policies of this library, got ["{READ_ONLY}"]; '
        "write role.managed_policy_arns = [*(role.managed_policy_arns or []), arn]",
    ),
    "policies, by a path": (
        lambda job: job.node.find_child("WorkflowRole").add_override("Properties.ManagedPolicyArns", []),
        "ManagedPolicyArns of Census/Job/WorkflowRole must keep the policies of this library, got []; ",
    ),
    "policies, deleted": (
        lambda job: job.node.find_child("StartRole").add_property_deletion_override("ManagedPolicyArns"),
        "ManagedPolicyArns of Census/Job/StartRole must keep the policies of this library, got []; ",
    ),
    "inline policies": (
        override("WorkflowRole", "Policies", INLINE),
        "Policies of Census/Job/WorkflowRole must keep the statements of this library, got none for ",
    ),
    "inline policies, set": (
        lambda job: setattr(job.node.find_child("ExecutionRole"), "policies", []),
        "Policies of Census/Job/ExecutionRole must keep the statements of this library, got none for ",
    ),
    "trust": (
        override("StartRole", "AssumeRolePolicyDocument", TRUST),
        "AssumeRolePolicyDocument of Census/Job/StartRole must let events.amazonaws.com and scheduler.amazonaws.com "
        "assume the role; add your statement to those of this library",
    ),
    "trust, set": (
        lambda job: setattr(job.node.find_child("ExecutionRole"), "assume_role_policy_document", TRUST),
        "AssumeRolePolicyDocument of Census/Job/ExecutionRole must let sagemaker.amazonaws.com assume the role",
    ),
    "role of the machine": (
        override("StateMachine", "RoleArn", ROLE),
        f"RoleArn of Census/Job/StateMachine must be the role Census/Job/WorkflowRole, which has the job's "
        f'permissions, got "{ROLE}"; leave it, or name your own roles in iam.Role.customize_roles',
    ),
    "tags of the machine": (
        override("StateMachine", "Tags", [{"Key": "team", "Value": "data"}]),
        "Tags of Census/Job/StateMachine must keep cdk-processing:job, cdk-processing:base-name, ",
    ),
    "target of the rule": (
        override("OnObjectCreated", "Targets", TARGET),
        "Targets of Census/Job/OnObjectCreated must have the state machine Census/Job/StateMachine, got ",
    ),
    "target of the schedule": (
        override("OnSchedule", "Target.Arn", TARGET[0]["Arn"]),
        "Target of Census/Job/OnSchedule must have the state machine Census/Job/StateMachine, got ",
    ),
    "role of the schedule": (
        override("OnSchedule", "Target.RoleArn", ROLE),
        "Target of Census/Job/OnSchedule must start it as the role Census/Job/StartRole, which may; leave RoleArn",
    ),
    "input of the schedule": (
        override("OnSchedule", "Target.Input", '{"parameters": {"day": "2"}}'),
        "Target of Census/Job/OnSchedule must pass the event as it is, by which a run knows itself; give values with",
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_an_override_takes_from_a_job_is_told(app, declare, name):
    write_over, text = TAKEN[name]
    write_over(declare())

    with pytest.raises(RuntimeError) as raised:
        app.synth()
    assert text in " ".join(str(raised.value).split())


def kept_policies(role):
    role.managed_policy_arns = [*(role.managed_policy_arns or []), READ_ONLY]


LEFT = {
    "nothing": lambda job: None,
    "one more policy": lambda job: kept_policies(job.node.find_child("ExecutionRole")),
    "one more inline policy": lambda job: job.execution_role.add_to_principal_policy(
        iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"])
    ),
    "a boundary": override("ExecutionRole", "PermissionsBoundary", READ_ONLY),
    "no logs": override("StateMachine", "LoggingConfiguration", {"Level": "OFF"}),
    "a schedule that is off": override("OnSchedule", "State", "DISABLED"),
    "an input with other values": override(
        "OnSchedule",
        "Target.Input",
        '{"source": "aws.scheduler", "schedule": "<aws.scheduler.schedule-arn>", '
        '"time": "<aws.scheduler.scheduled-time>", "parameters": {"day": "2"}}',
    ),
    "other logical ids": lambda job: [
        child.override_logical_id(f"Mine{number}")
        for number, child in enumerate(job.node.children)
        if hasattr(child, "override_logical_id")
    ],
    "no schedule": lambda job: job.node.try_remove_child("OnSchedule"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_leaves_a_job_able_to_run_is_taken(app, declare, name):
    LEFT[name](declare())

    app.synth()


def test_the_last_aspect_of_a_nested_stack_is_told_too_where_validation_is_skipped(app, stack, declare):
    @jsii.implements(IAspect)
    class Replace:
        def visit(self, node):
            if iam.CfnRole.is_cfn_role(node) and node.node.id == "ExecutionRole":
                node.add_property_override("ManagedPolicyArns", [READ_ONLY])

    inner = NestedStack(stack, "Inner")
    declare(inner)
    Aspects.of(stack).add(Replace(), priority=AspectPriority.READONLY)

    with pytest.raises(RuntimeError, match="ManagedPolicyArns of Census/Inner/Job/ExecutionRole must keep"):
        app.synth(skip_validation=True)


def test_an_override_in_a_stage_is_told(request_for):
    app = App()
    job = ProcessingJob(Stack(Stage(app, "Prod"), "Census"), "Job", request_for())
    job.node.find_child("StateMachine").add_property_override("RoleArn", ROLE)

    with pytest.raises(RuntimeError, match="RoleArn of Prod/Census/Job/StateMachine must be the role"):
        app.synth()


def test_who_knows_better_acknowledges_it(app, declare):
    job = declare()
    job.node.find_child("StateMachine").add_property_override("RoleArn", ROLE)
    rule = Acknowledgment(id="cdk-processing-overrides::workflow-role", reason="our role may do the same")
    Validations.of(job).acknowledge(rule)

    app.synth()


def test_resources_of_others_are_their_own_business(app, stack, declare):
    declare()
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    role.node.default_child.add_property_override("ManagedPolicyArns", [READ_ONLY])
    events.Rule(stack, "Rule", event_pattern=events.EventPattern(source=["a"]))
    sfn.StateMachine(stack, "Machine", definition_body=sfn.DefinitionBody.from_string("{}"))

    app.synth()
