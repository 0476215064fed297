"""A platform that one stack deploys by a name, and that another stack uses by it."""

import json
import re

import pytest
from aws_cdk import App, Environment, NestedStack, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from cdk_processing import (
    CostAllocation,
    DeclarationError,
    ExecutionVariables,
    OnObjectCreated,
    OnSchedule,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    S3Location,
    Standards,
)
from cdk_processing.contract.platform_parameters import PlatformValue, parameter_name

PLACES = [
    Environment(account="111122223333", region="eu-central-1"),
    Environment(account="111122223333", region="cn-north-1"),
    Environment(account="111122223333", region="us-gov-west-1"),
    None,
]


def declare_jobs(stack, platform, request_for):
    """Jobs that use everything that a platform has."""
    place = ProcessingOutput(output_name="train_data", source="/opt/ml/processing/train")
    arrivals = [OnObjectCreated(S3Location("raw-data", "in/"), newest_only=True)]
    ProcessingJob(
        stack,
        "Arrives",
        request_for(ExecutionVariables.OBJECT_URI, outputs=[place]),
        triggers=arrivals,
        platform=platform,
    )
    nightly = [OnSchedule("rate(1 day)", overlap="queue")]
    ProcessingJob(stack, "Nightly", request_for(), triggers=nightly, platform=platform)


@pytest.fixture
def shared(app):
    return Stack(app, "Shared")


def parameters(template):
    """The parameters that a platform writes, by the end of their names."""
    found = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::SSM::Parameter"]
    assert all(each["Name"].startswith("/cdk-processing/platforms/data/v1/") for each in found)
    return {each["Name"].rpartition("/")[2]: each["Value"] for each in found}


def test_a_platform_with_a_name_writes_every_value(shared, synth, resources):
    ProcessingPlatform(shared, "Platform", name="data")

    template = synth(shared)
    written = parameters(template)
    assert sorted(written) == sorted(value.value for value in PlatformValue)
    assert written["dead-letter-queue-arn"]["Fn::GetAtt"][0].startswith("PlatformDeadLetters")
    assert len(resources(template, "AWS::S3::Bucket")) == 2
    assert len(resources(template, "AWS::DynamoDB::Table")) == 1
    absent = {name for name, value in written.items() if value == "none"}
    assert absent == {
        "permissions-boundary",
        "role-name-prefix",
        "network",
        "subnet-ids",
        "security-group-ids",
        "cost-allocation",
        "standards",
    }
    assert written["role-path"] == "/"


def test_what_a_platform_has_is_written(shared, synth, flat):
    vpc = ec2.Vpc.from_vpc_attributes(
        shared, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1", "subnet-2"]
    )
    ProcessingPlatform(
        shared,
        "Platform",
        name="data",
        vpc=vpc,
        security_group_ids=["sg-1"],
        permissions_boundary="arn:aws:iam::111122223333:policy/boundary",
        role_path="/data/",
        role_name_prefix="data-",
        cost_allocation=CostAllocation(team="platform"),
    )

    written = parameters(synth(shared))
    assert written["network"] == "vpc"
    assert flat(written["subnet-ids"]) == "subnet-1,subnet-2"
    assert flat(written["security-group-ids"]) == "sg-1"
    assert written["permissions-boundary"] == "arn:aws:iam::111122223333:policy/boundary"
    assert (written["role-path"], written["role-name-prefix"]) == ("/data/", "data-")
    assert len(written["role-path-mark"]) == 4
    assert written["cost-allocation"] == "required"


def test_without_a_key_of_kms_the_key_is_one_that_does_not_exist(shared, synth):
    ProcessingPlatform(shared, "Platform", name="data", encryption_key="aws-owned")

    assert json.dumps(parameters(synth(shared))["key-arn"]).endswith(':key/aws-owned"]]}')


def test_a_platform_without_a_name_writes_nothing(shared, synth, resources):
    ProcessingPlatform(shared, "Platform")

    template = synth(shared)
    assert resources(template, "AWS::SSM::Parameter") == {}
    assert resources(template, "AWS::S3::Bucket") == {}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_jobs_use_a_platform_by_its_name_alone(place, request_for, tmp_path):
    """No lookup, no export, no partition: the template reads parameters of its own account and region."""
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Census", env=place)
    declare_jobs(stack, ProcessingPlatform.from_name(stack, "Platform", "data"), request_for)

    assembly = app.synth()
    assert "missing" not in json.loads((tmp_path / "manifest.json").read_text())
    template = assembly.get_stack_by_name("Census").template
    text = json.dumps(template)
    assert "Fn::ImportValue" not in text
    assert "resolve:ssm" not in text
    assert "arn:aws:" not in text
    types = {each["Type"] for each in template["Resources"].values()}
    assert types.isdisjoint({"AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::KMS::Key", "AWS::S3::Bucket"})
    read = {
        each["Default"]
        for each in template["Parameters"].values()
        if each["Type"].startswith("AWS::SSM") and "bootstrap" not in each["Default"]
    }
    unread = {PlatformValue.SUBNET_IDS, PlatformValue.SECURITY_GROUP_IDS, PlatformValue.LINE_MACHINE_ARN}
    assert read == {parameter_name("data", value) for value in PlatformValue if value not in unread}


def test_the_platform_of_every_partition_names_its_services(request_for, tmp_path):
    for place in PLACES:
        app = App(outdir=str(tmp_path / str(place and place.region)))
        stack = Stack(app, "Shared", env=place)
        declare_jobs(stack, ProcessingPlatform(stack, "Platform", name="data"), request_for)
        text = json.dumps(app.synth().get_stack_by_name("Shared").template)
        assert "arn:aws:" not in text
        # CloudWatch Logs has a name of its own in each partition.
        assert re.search(r'"logs\.[^]]*AWS::Region[^]]*AWS::URLSuffix', text)


# -- roles ------------------------------------------------------------------------------------------------------------


def test_roles_get_boundary_path_and_prefix_at_the_deployment(stack, request_for, synth, resources, flat):
    declare_jobs(stack, ProcessingPlatform.from_name(stack, "Platform", "data"), request_for)

    template = synth(stack)
    names = set()
    for role in resources(template, "AWS::IAM::Role").values():
        properties = role["Properties"]
        assert properties["Path"]["Ref"].startswith("PlatformRolePath")
        has_boundary, boundary, nothing = properties["PermissionsBoundary"]["Fn::If"]
        assert boundary["Ref"].startswith("PlatformPermissionsBoundary")
        assert nothing == {"Ref": "AWS::NoValue"}
        assert template["Conditions"][has_boundary] == {"Fn::Not": [{"Fn::Equals": [boundary, "none"]}]}
        has_prefix, name, nothing = properties["RoleName"]["Fn::If"]
        assert nothing == {"Ref": "AWS::NoValue"}
        assert "RoleNamePrefix" in json.dumps(template["Conditions"][has_prefix])
        # The longest prefix, the digest of the platform's path, and the mark of the stack.
        written = re.sub(r"<PlatformRoleNamePrefix\w+>", "p" * 32, flat(name))
        written = re.sub(r"<PlatformRolePathMark\w+>", "0" * 4, written)
        written = re.sub(r"<[^>]*>", "s" * 8, written)
        assert written.startswith("p" * 32)
        assert len(written) <= 64, written
        names.add(written)
    assert len(names) == 6


def test_a_role_of_an_imported_platform_can_be_granted_more(stack, request_for, synth, resources):
    job = ProcessingJob(stack, "Job", request_for(), platform=ProcessingPlatform.from_name(stack, "Platform", "data"))
    job.execution_role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"]))

    [policy] = resources(synth(stack), "AWS::IAM::Policy").values()
    [name] = policy["Properties"]["Roles"]
    assert name["Ref"].startswith("JobExecutionRole")


# -- what must be said in code ----------------------------------------------------------------------------------------


def rules_of(template):
    return {name: rule["Assertions"] for name, rule in template.get("Rules", {}).items() if name.startswith("Platform")}


def test_the_deployment_is_refused_if_the_platform_has_a_vpc_or_costs_that_the_code_does_not_name(stack, synth):
    ProcessingPlatform.from_name(stack, "Platform", "data")

    told = [assertion["AssertDescription"] for found in rules_of(synth(stack)).values() for assertion in found]
    assert told == [
        "The platform data has a VPC. Write in_vpc=True in ProcessingPlatform.from_name.",
        "The platform data has cost allocation. Write cost_allocation=CostAllocation(...) in "
        "ProcessingPlatform.from_name.",
        "The platform data has standards. Write standards=Standards... in ProcessingPlatform.from_name.",
    ]


def test_jobs_of_an_imported_platform_meet_the_standards_that_the_code_gives(stack, request_for, synth, resources):
    platform = ProcessingPlatform.from_name(stack, "Platform", "data", standards=Standards(instance_types=["ml.m5.*"]))
    ProcessingJob(stack, "Job", request_for(), platform=platform)

    template = synth(stack)
    policies = resources(template, "AWS::IAM::ManagedPolicy")
    assert sum("Standards" in name for name in policies) == 1
    for policy in policies.values():
        assert policy["Properties"]["Path"]["Ref"].startswith("PlatformRolePath")
    assert not any("standards" in name for name in map(str.lower, rules_of(template)))


def test_in_a_vpc_hosts_use_the_subnets_and_groups_of_the_platform(stack, request_for, synth, definition, statements):
    cost = CostAllocation(team="census")
    platform = ProcessingPlatform.from_name(stack, "Platform", "data", in_vpc=True, cost_allocation=cost)
    ProcessingJob(stack, "Job", request_for(), platform=platform)

    template = synth(stack)
    told = [assertion["AssertDescription"] for found in rules_of(template).values() for assertion in found]
    assert told[0].startswith("The platform data has no VPC. Drop in_vpc=True")
    assert not any("costs" in each for each in told)
    run = definition(template, "Job")["States"]["RunJob"]["Arguments"]
    assert set(run["NetworkConfig"]["VpcConfig"]) == {"SecurityGroupIds", "Subnets"}
    assert {"Key": "team", "Value": "census"} in run["Tags"]
    assert "UseNetworkInterfaces" in statements(template, "JobExecutionRole")
    kinds = {each["Default"].rpartition("/")[2]: each["Type"] for each in template["Parameters"].values()}
    assert kinds["subnet-ids"] == "AWS::SSM::Parameter::Value<List<String>>"


@pytest.mark.parametrize("name", ["", "a/b", "x" * 64, None, 7, "-data"])
def test_a_name_that_no_parameter_can_have_is_refused(stack, name):
    with pytest.raises(DeclarationError, match="name must be 1-63 letters"):
        ProcessingPlatform.from_name(stack, "Platform", name)


def test_all_mistakes_of_an_import_are_listed_at_once(stack):
    with pytest.raises(DeclarationError) as raised:
        ProcessingPlatform.from_name(stack, "Platform", "a b", in_vpc="yes", tags={"": ""}, cost_allocation="census")

    assert [problem.field for problem in raised.value.problems] == ["name", "tags", "cost_allocation", "in_vpc"]


def test_two_platforms_of_one_name_are_refused_in_one_account_and_region(app, shared):
    ProcessingPlatform(shared, "Platform", name="data")

    with pytest.raises(DeclarationError, match="one that no other platform in the same account and region has; Shared"):
        ProcessingPlatform(Stack(app, "Other"), "Platform", name="data")
    ProcessingPlatform(Stack(app, "Third"), "Platform", name="research")


def test_a_platform_imported_in_another_stack_is_refused_because_the_stacks_would_lock_each_other(
    app, stack, request_for
):
    platform = ProcessingPlatform.from_name(Stack(app, "Other"), "Platform", "data")

    with pytest.raises(
        DeclarationError, match="platform must be imported in the stack of the job, got 'Other/Platform"
    ):
        ProcessingJob(stack, "Job", request_for(), platform=platform)


def test_a_nested_stack_uses_the_platform_of_its_parent(stack, request_for, synth):
    platform = ProcessingPlatform.from_name(stack, "Platform", "data")
    nested = NestedStack(stack, "Nested")
    ProcessingJob(nested, "Job", request_for(), platform=platform)

    assert "Fn::ImportValue" not in json.dumps([synth(stack), synth(nested)])
