"""What the roles of all jobs of a stack may do alike is in managed policies of the stack."""

import jsii
import pytest
from aws_cdk import App, Aspects, IAspect, Stack
from aws_cdk import aws_iam as iam

from cdk_processing import OnObjectCreated, OnSchedule, ProcessingJob, ProcessingPlatform, ScriptProcessor

NIGHTLY = OnSchedule("cron(0 6 * * ? *)")


@pytest.fixture
def policies(resources):
    """The managed policies of a template: what they allow, and the roles that are attached to them."""

    def of(template):
        attached = {
            role[:-8]: each["Properties"].get("ManagedPolicyArns", [])
            for role, each in resources(template, "AWS::IAM::Role").items()
        }
        return {
            name[:-8]: (
                [statement["Sid"] for statement in policy["Properties"]["PolicyDocument"]["Statement"]],
                sorted(role for role, arns in attached.items() if {"Ref": name} in arns),
            )
            for name, policy in resources(template, "AWS::IAM::ManagedPolicy").items()
        }

    return of


def test_a_role_is_attached_to_what_it_needs_all_of(stack, raw, request_for, synth, policies):
    ProcessingJob(stack, "A", request_for(raw.at("a/")), triggers=[NIGHTLY])
    ProcessingJob(stack, "B", request_for(raw.at("b/")), triggers=[OnObjectCreated(raw.at("b/"))])

    assert policies(synth(stack)) == {
        "ProcessingPlatformExecutionPolicy": (["MakeLogs", "WriteMetrics"], ["AExecutionRole", "BExecutionRole"]),
        "ProcessingPlatformWorkflowPolicy": (
            ["ListTags", "HearJobsEnd", "SendDeadLetters", "EncryptDeadLetters", "DeliverLogs"],
            ["AWorkflowRole", "BWorkflowRole"],
        ),
        "ProcessingPlatformDeadLetterPolicy": (["SendDeadLetters", "EncryptDeadLetters"], ["AStartRole"]),
    }


def test_a_schedule_that_is_added_later_attaches_its_role(stack, raw, request_for, synth, policies):
    job = ProcessingJob(stack, "A", request_for(raw.at("a/")), triggers=[OnObjectCreated(raw.at("b/"))])
    job.add_trigger(NIGHTLY)

    assert policies(synth(stack))["ProcessingPlatformDeadLetterPolicy"][1] == ["AStartRole"]


def test_what_is_added_to_a_job_later_leaves_what_its_roles_are_attached_to(stack, job, raw, synth, resources):
    role = job.node.find_child("WorkflowRole")
    role.managed_policy_arns = [*role.managed_policy_arns, "arn:aws:iam::aws:policy/Mine"]

    job.add_trigger(OnObjectCreated(raw.at("late/"), newest_only=True))

    [found] = [each for name, each in resources(synth(stack), "AWS::IAM::Role").items() if "WorkflowRole" in name]
    assert found["Properties"]["ManagedPolicyArns"][1:] == ["arn:aws:iam::aws:policy/Mine"]


def test_jobs_of_another_platform_or_stack_have_policies_of_their_own(app, stack, raw, request_for, synth, policies):
    platform = ProcessingPlatform(Stack(app, "Shared"), "Platform")
    ProcessingJob(stack, "A", request_for(raw.at("a/")))
    ProcessingJob(stack, "B", request_for(raw.at("b/")), platform=platform)

    attached = {name: roles for name, (_, roles) in policies(synth(stack)).items()}

    assert attached == {
        "ProcessingPlatformExecutionPolicy": ["AExecutionRole"],
        "ProcessingPlatformWorkflowPolicy": ["AWorkflowRole"],
        "ProcessingPolicies2ExecutionPolicy": ["BExecutionRole"],
        "ProcessingPolicies2WorkflowPolicy": ["BWorkflowRole"],
    }


def test_the_policies_have_path_and_prefix_of_the_roles(request_for, synth, resources):
    stack = Stack(App(), "Census")
    platform = ProcessingPlatform(stack, "Platform", role_path="/data/", role_name_prefix="data-")
    ProcessingJob(stack, "A", request_for(), platform=platform)

    for policy in resources(synth(stack), "AWS::IAM::ManagedPolicy").values():
        assert policy["Properties"]["Path"] == "/data/"
        assert policy["Properties"]["ManagedPolicyName"]["Fn::Join"][1][0].startswith("data-CensusPlatform")


def test_jobs_with_images_of_one_repository_pull_them_by_one_policy(stack, request_for, synth, policies):
    for name, image in (("A", "prep:1"), ("B", "prep:2"), ("C", "train:1")):
        uri = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/{image}"
        processor = ScriptProcessor(image_uri=uri, command=["python3"], instance_type="ml.m5.xlarge", instance_count=1)
        ProcessingJob(stack, name, request_for(processor=processor))

    found = [value for name, value in policies(synth(stack)).items() if "ImagePolicy" in name]

    pull = ["PullImage", "LogInToRegistry"]
    assert sorted(found) == [(pull, ["AExecutionRole", "BExecutionRole"]), (pull, ["CExecutionRole"])]


def test_an_image_that_only_the_deployment_knows_is_pulled_by_the_jobs_own_role(stack, job, synth, policies):
    assert not [name for name in policies(synth(stack)) if "ImagePolicy" in name]


@jsii.implements(IAspect)
class Sets:
    """Gives each role a list of managed policies, with or without those that it has."""

    def __init__(self, *, keeps):
        self.keeps = keeps

    def visit(self, node):
        if isinstance(node, iam.CfnRole):
            has = list(node.managed_policy_arns or []) if self.keeps else []
            node.managed_policy_arns = [*has, "arn:aws:iam::aws:policy/ReadOnlyAccess"]


def test_an_aspect_that_takes_the_policies_from_the_roles_is_refused(app, stack, job):
    Aspects.of(stack).add(Sets(keeps=False))
    with pytest.raises(
        RuntimeError, match=r"ManagedPolicyArns of Census/Preprocess/ExecutionRole must keep the policies"
    ):
        app.synth()


def test_an_aspect_may_add_a_policy_to_the_roles(app, stack, job, resources):
    Aspects.of(stack).add(Sets(keeps=True))
    template = app.synth().get_stack_by_name("Census").template
    for role in resources(template, "AWS::IAM::Role").values():
        assert role["Properties"]["ManagedPolicyArns"][-1] == "arn:aws:iam::aws:policy/ReadOnlyAccess"
        assert len(role["Properties"]["ManagedPolicyArns"]) > 1
