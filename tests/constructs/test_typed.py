"""Every resource is the typed class of aws-cdk-lib, for Node and for aspects in Python."""

import subprocess
import sys

import jsii
import pytest
from aws_cdk import App, Aspects, CfnResource, IAspect, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from cdk_processing import (
    NetworkConfig,
    OnDeploy,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    ProcessingJob,
    SKLearnProcessor,
)
from cdk_processing.constructs import typed

IN_A_VPC = SKLearnProcessor(
    framework_version="1.4-2",
    instance_type="ml.m5.xlarge",
    instance_count=2,
    network_config=NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1"]),
)


@jsii.implements(IAspect)
class Each:
    """An aspect of somebody else's: calls a function for each node."""

    def __init__(self, call):
        self.call = call

    def visit(self, node):
        self.call(node)


@pytest.fixture
def jobs(stack, raw, request_for):
    """Two jobs with every kind of resource that this library makes."""
    arrivals = [OnObjectCreated(raw.at("in/"), newest_only=True), OnSchedule("rate(1 day)", overlap="queue")]
    first = ProcessingJob(stack, "First", request_for(raw.at("in/"), processor=IN_A_VPC), triggers=arrivals)
    others = [OnSuccessOf(first), OnEvent({"source": ["my.app"]}), OnDeploy()]
    return first, ProcessingJob(stack, "Second", request_for(), triggers=others)


def test_no_resource_is_a_plain_one(app, jobs):
    plain = []
    Aspects.of(app).add(Each(lambda node: plain.append(node) if type(node) is CfnResource else None))

    app.synth()

    assert plain == []


def test_an_aspect_by_type_finds_each_role_and_what_it_sets_is_deployed(app, stack, jobs, synth, resources):
    def shorten(node):
        if isinstance(node, iam.CfnRole):
            node.max_session_duration = 3600

    Aspects.of(app).add(Each(shorten))
    roles = resources(synth(stack), "AWS::IAM::Role")

    assert len(roles) == 6
    assert {role["Properties"]["MaxSessionDuration"] for role in roles.values()} == {3600}


def test_a_typed_property_can_be_read_and_changed_by_an_aspect(app, stack, jobs, synth, resources):
    def louder(node):
        if sfn.CfnStateMachine.is_cfn_state_machine(node):
            now = node.logging_configuration
            node.logging_configuration = sfn.CfnStateMachine.LoggingConfigurationProperty(
                destinations=now.destinations, include_execution_data=now.include_execution_data, level="ERROR"
            )

    Aspects.of(app).add(Each(louder))
    machines = resources(synth(stack), "AWS::StepFunctions::StateMachine").values()

    assert {machine["Properties"]["LoggingConfiguration"]["Level"] for machine in machines} == {"ERROR"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_aspect_meets_the_python_class_whenever_its_module_is_imported(when):
    program = PROGRAM.replace(f"# {when}", "from aws_cdk import aws_iam as iam")

    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )

    assert outcome.stdout == "CfnRole CfnRole\n", outcome.stderr


PROGRAM = """
import sys
import jsii
from aws_cdk import App, Aspects, IAspect, Stack
# before
from cdk_processing import ProcessingJob, SKLearnProcessor

app = App()
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
ProcessingJob(Stack(app, "Jobs"), "Job", processor.run(code="s3://code/prep.py"))
# after

found = []

@jsii.implements(IAspect)
class Find:
    def visit(self, node):
        if isinstance(node, iam.CfnRole) and iam.CfnRole.is_cfn_role(node):
            found.append(type(node).__name__)

Aspects.of(app).add(Find())
app.synth()
print(*found)
"""


def test_declaring_a_job_imports_no_module_of_a_service():
    program = PROGRAM.partition("# after")[0] + (
        "app.synth()\nprint(*sorted(name for name in sys.modules if name.startswith('aws_cdk.aws_')))"
    )

    outcome = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert outcome.stdout.strip() == ""


def test_every_property_reaches_the_template(app, stack, raw, request_for, monkeypatch):
    """The typed classes drop a name that they do not know, without a word."""
    made = []
    create = typed.TypedResource.create

    def recording(scope, construct_id, kind, properties, **options):
        resource = create(scope, construct_id, kind, properties, **options)
        made.append((resource, dict(properties)))
        return resource

    def rewriting(resource, name, value):
        write(resource, name, value)
        [properties] = [properties for each, properties in made if each is resource]
        properties[name] = value

    write = typed.TypedResource.write
    monkeypatch.setattr(typed.TypedResource, "create", recording)
    monkeypatch.setattr(typed.TypedResource, "write", rewriting)
    jobs.__wrapped__(stack, raw, request_for)
    template = Template.from_stack(stack).to_json()

    assert len(made) > 20
    for resource, properties in made:
        found = template["Resources"][stack.resolve(resource.logical_id)]["Properties"]
        given = stack.resolve(properties)
        for written in (found, given):
            written.pop("Tags", None)
            written.pop("DefinitionString", None)
        assert found == given


def test_the_default_child_of_a_job_is_its_state_machine(job):
    assert isinstance(job.node.default_child, sfn.CfnStateMachine)
    assert job.node.default_child.node.id == "StateMachine"


def test_a_permissions_boundary_reaches_each_role(app, stack, jobs, synth, resources):
    iam.PermissionsBoundary.of(app).apply(iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "Boundary"))

    roles = resources(synth(stack), "AWS::IAM::Role").values()

    assert len({str(role["Properties"]["PermissionsBoundary"]) for role in roles}) == 1


def test_grants_and_managed_policies_hold_under_a_path_that_an_aspect_gives_the_roles(app, stack, jobs, synth, flat):
    def move(node):
        if isinstance(node, iam.CfnRole):
            node.path = "/data/jobs/"

    Aspects.of(app).add(Each(move))
    role = jobs[0].execution_role
    iam.ManagedPolicy(stack, "More", statements=[statement()], roles=[role])
    role.add_to_principal_policy(statement())
    arn = stack.resolve(role.role_arn)
    template = synth(stack)

    name = next(name for name in template["Resources"] if name.startswith("FirstExecutionRole"))
    attached = [r["Properties"]["Roles"] for r in template["Resources"].values() if "Roles" in r["Properties"]]
    assert attached.count([{"Ref": name}]) == 2
    assert flat(arn).startswith("arn:<AWS::Partition>:iam::<AWS::AccountId>:role")
    assert flat(stack.resolve(role.role_arn)) == (f"arn:<AWS::Partition>:iam::<AWS::AccountId>:role/data/jobs/<{name}>")


def test_a_policy_that_aws_manages_is_attached_to_the_role_of_a_job(stack, job, synth, resources):
    read_only = iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")
    mine = iam.ManagedPolicy(stack, "Mine", statements=[statement()])

    job.execution_role.add_managed_policy(read_only)
    job.execution_role.add_managed_policy(mine)
    job.execution_role.add_managed_policy(read_only)

    [role] = [r for n, r in resources(synth(stack), "AWS::IAM::Role").items() if "ExecutionRole" in n]
    _, first, second = role["Properties"]["ManagedPolicyArns"]
    assert "iam::aws:policy/ReadOnlyAccess" in str(first)
    assert second == stack.resolve(mine.managed_policy_arn)


def test_the_arn_of_a_role_without_a_path_has_one_slash(job, stack, synth, flat):
    role = job.execution_role

    assert flat(stack.resolve(role.role_arn)).rpartition("<")[0] == "arn:<AWS::Partition>:iam::<AWS::AccountId>:role/"


def test_what_is_added_to_a_job_later_does_not_undo_what_somebody_has_set(stack, job, raw, synth, resources):
    role = job.node.find_child("WorkflowRole")
    role.add_property_override("Description", "Mine")

    job.add_trigger(OnObjectCreated(raw.at("late/"), newest_only=True))

    [found] = [r for n, r in resources(synth(stack), "AWS::IAM::Role").items() if "WorkflowRole" in n]
    assert found["Properties"]["Description"] == "Mine"
    assert "RememberNewest" in str(found) or "Item" in str(found)


def test_two_apps_in_one_process_do_not_meet(request_for):
    for _ in range(2):
        stack = Stack(App(), "Same")
        Tags.of(stack).add("team", "data")
        ProcessingJob(stack, "Job", request_for())
        assert '"Value": "data"' in str(Template.from_stack(stack).to_json()).replace("'", '"')


def statement():
    return iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"])
