import subprocess
import sys
from dataclasses import replace

import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_processing import DeclarationError, NetworkConfig, ProcessingJob
from tests.constructs.conftest import PROCESSOR


@pytest.fixture
def vpc(stack):
    return ec2.Vpc(stack, "Vpc", max_azs=2)


@pytest.fixture
def sent(stack, request_for, synth, definition):
    """The VpcConfig that a job with these options sends, and the stack's template."""

    def of(config, **change):
        processor = replace(PROCESSOR, network_config=config, **change)
        ProcessingJob(stack, "Preprocess", request_for(processor=processor))
        template = synth(stack)
        request = definition(template, "Preprocess")["States"]["RunJob"]["Arguments"]
        return request["NetworkConfig"]["VpcConfig"], template

    return of


def ids(stack, subnets):
    return [f"<{stack.get_logical_id(subnet.node.default_child)}>" for subnet in subnets]


def test_a_vpc_alone_means_its_private_subnets_and_a_group_of_the_jobs_own(stack, vpc, sent, resources, statements):
    config, template = sent(NetworkConfig(vpc=vpc))

    groups = resources(template, "AWS::EC2::SecurityGroup")
    [name] = [name for name in groups if name.startswith("Preprocess")]
    assert config == {"SecurityGroupIds": [f"<{name}.GroupId>"], "Subnets": ids(stack, vpc.private_subnets)}
    assert groups[name]["Properties"] == {
        "GroupDescription": "Hosts of Census/Preprocess",
        "VpcId": {"Ref": stack.get_logical_id(vpc.node.default_child)},
        "SecurityGroupEgress": [
            {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "Description": "All traffic may leave"},
        ],
    }
    assert resources(template, "AWS::EC2::SecurityGroupIngress") == {}
    in_vpc = {"MakeNetworkInterfaces", "UseNetworkInterfaces", "LookAtVpc"}
    assert in_vpc <= statements(template, "PreprocessExecutionRole").keys()


def test_hosts_of_one_job_may_reach_each_other_and_nobody_else_may_reach_them(vpc, sent, resources):
    _, template = sent(NetworkConfig(vpc=vpc), instance_count=2)

    [ingress] = resources(template, "AWS::EC2::SecurityGroupIngress").values()
    properties = ingress["Properties"]
    assert properties["GroupId"] == properties["SourceSecurityGroupId"]
    assert properties["GroupId"]["Fn::GetAtt"][0].startswith("PreprocessSecurityGroup")


def test_each_job_makes_a_group_of_its_own_and_none_where_one_is_given(stack, vpc, request_for, synth, resources):
    group = ec2.SecurityGroup(stack, "Shared", vpc=vpc)
    for name, groups in (("One", None), ("Two", None), ("Three", [group])):
        config = NetworkConfig(vpc=vpc, security_group_ids=groups)
        ProcessingJob(stack, name, request_for(processor=replace(PROCESSOR, network_config=config)))

    names = sorted(name[:-8] for name in resources(synth(stack), "AWS::EC2::SecurityGroup"))
    assert names == ["OneSecurityGroup", "Shared", "TwoSecurityGroup"]


def test_constructs_and_ids_may_be_mixed(stack, vpc, sent):
    group = ec2.SecurityGroup(stack, "Shared", vpc=vpc)
    subnet = vpc.isolated_subnets[0] if vpc.isolated_subnets else vpc.private_subnets[0]

    config, _ = sent(NetworkConfig(security_group_ids=[group, "sg-1"], subnets=[subnet, "subnet-1"]))

    assert config["Subnets"] == [*ids(stack, [subnet]), "subnet-1"]
    assert config["SecurityGroupIds"] == [
        f"<{stack.get_logical_id(group.node.default_child)}.GroupId>",
        "sg-1",
    ]


def test_a_selection_is_resolved_by_the_vpc(stack, vpc, sent):
    selection = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC, one_per_az=True)

    config, _ = sent(NetworkConfig(vpc=vpc, subnets=selection, security_group_ids=["sg-1"]))

    assert config == {"SecurityGroupIds": ["sg-1"], "Subnets": ids(stack, vpc.public_subnets)}


def test_isolated_subnets_serve_where_a_vpc_has_no_other_private_ones(stack, sent):
    isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    vpc = ec2.Vpc(stack, "Closed", max_azs=2, subnet_configuration=[isolated])

    config, _ = sent(NetworkConfig(vpc=vpc, security_group_ids=["sg-1"]))

    assert config["Subnets"] == ids(stack, vpc.isolated_subnets)


def test_a_vpc_with_public_subnets_alone_is_refused(stack, request_for):
    public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
    vpc = ec2.Vpc(stack, "Open", max_azs=2, nat_gateways=0, subnet_configuration=[public])
    processor = replace(PROCESSOR, network_config=NetworkConfig(vpc=vpc))

    with pytest.raises(DeclarationError) as caught:
        ProcessingJob(stack, "Preprocess", request_for(processor=processor))

    assert 'network_config.subnets must be 1-16 subnets, got "the VPC\'s private subnets: 0 subnets"' in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (NetworkConfig(vpc="vpc-1"), "network_config.vpc"),
        (NetworkConfig(security_group_ids=["sg-1"], subnets=[7]), "network_config.subnets[0]"),
        (NetworkConfig(security_group_ids=["sg 1"], subnets=["subnet-1"]), "network_config.security_group_ids[0]"),
        (NetworkConfig(False, ["sg-1"], ec2.SubnetSelection(one_per_az=True)), "network_config.vpc"),
    ],
)  # fmt: skip
def test_what_no_vpc_can_be_made_of_is_told(stack, request_for, config, field):
    with pytest.raises(DeclarationError) as caught:
        ProcessingJob(stack, "Preprocess", request_for(processor=replace(PROCESSOR, network_config=config)))

    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_job_in_a_vpc_by_ids_does_not_load_aws_ec2():
    script = """
import sys
from aws_cdk import App, Stack
from cdk_processing import NetworkConfig, Processor, ProcessingJob
network = NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1"])
request = Processor(image_uri="img:1", instance_count=2, instance_type="ml.m5.xlarge", network_config=network).run()
ProcessingJob(Stack(App(), "S"), "Job", request)
print("aws_cdk.aws_ec2" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False"]
