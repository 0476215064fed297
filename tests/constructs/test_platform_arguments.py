"""What a platform team may say of a platform, and what comes of it."""

import json
from pathlib import Path

import pytest
from aws_cdk import Annotations, App, Environment, RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

from cdk_processing import (
    CostAllocation,
    DeclarationError,
    ExecutionVariables,
    NetworkConfig,
    OnObjectCreated,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    S3Location,
    SKLearnProcessor,
    SlackChannel,
    TeamsChannel,
)

HERE = Path(__file__).parent
UUID = "12345678-1234-1234-1234-123456789012"
SLACK = SlackChannel(workspace_id="T0123ABCD", channel_id="C0123ABCD")
TEAMS = TeamsChannel(tenant_id=UUID, team_id=UUID, channel_id="19%3Aab12%40thread.tacv2")


def test_all_problems_of_a_platform_are_listed_at_once(stack, golden):
    with pytest.raises(DeclarationError) as raised:
        ProcessingPlatform(
            stack,
            "Platform",
            encryption_key="aws",
            alert_topic="arn:aws:sns:eu-central-1:111122223333:alerts",
            alert_emails=["on-call", "a@example.com", "a@example.com"],
            alert_channels=[SlackChannel(workspace_id="my-team", channel_id="#alerts"), "C0123ABCD", SLACK, SLACK],
            log_retention_days=100,
            subnets=["subnet-1"],
            permissions_boundary="Boundary",
            role_path="data",
            role_name_prefix="data team",
            tags={"aws:x": "y", "team": "other", "data-class": ""},
            cost_allocation=CostAllocation(),
            removal_policy=RemovalPolicy.SNAPSHOT,
        )

    golden(str(raised.value).splitlines(), HERE / "platform_mistakes.json")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"alert_emails": "a@example.com"}, "alert_emails must be a list of e-mail addresses, got 'a@example.com'"),
        ({"alert_channels": SLACK}, "alert_channels must be a list of SlackChannel and TeamsChannel"),
        ({"log_retention_days": 5000}, "write 3653"),
        ({"log_retention_days": "90"}, "got '90'"),
        ({"tags": ["team"]}, "tags must be a dict of keys and values"),
        ({"cost_allocation": {"team": "census"}}, "cost_allocation must be a CostAllocation"),
        (
            {"tags": {"team": "x"}, "cost_allocation": CostAllocation(team="census")},
            "tags['team'] must be left to cost_allocation, which has this key, got 'x'",
        ),
        ({"cost_allocation": CostAllocation(team="x" * 300)}, "cost_allocation.team must be 1-256"),
        ({"cost_allocation": CostAllocation("1", "2", team_key="cost-center")}, "another key than cost_center_key"),
        ({"vpc": "vpc-1"}, "vpc must be an ec2.IVpc, got 'vpc-1'"),
        ({"alert_channels": [TeamsChannel("x", UUID, "y")]}, "alert_channels[0].tenant_id must be a UUID, got 'x'"),
    ],
)
def test_a_wrong_argument_is_refused(stack, options, told):
    with pytest.raises(DeclarationError) as raised:
        ProcessingPlatform(stack, "Platform", **options)

    assert told in str(raised.value)


# -- alerts -----------------------------------------------------------------------------------------------------------


def test_alerts_are_sent_by_email_and_to_chat(stack, synth, resources):
    ProcessingPlatform(stack, "Platform", alert_emails=["on-call@example.com"], alert_channels=[SLACK, TEAMS])

    template = synth(stack)
    [mail] = resources(template, "AWS::SNS::Subscription").values()
    topic = {"Ref": next(iter(resources(template, "AWS::SNS::Topic")))}
    assert mail["Properties"] == {"Protocol": "email", "Endpoint": "on-call@example.com", "TopicArn": topic}
    [slack] = resources(template, "AWS::Chatbot::SlackChannelConfiguration").values()
    [teams] = resources(template, "AWS::Chatbot::MicrosoftTeamsChannelConfiguration").values()
    assert slack["Properties"]["SlackWorkspaceId"] == "T0123ABCD"
    assert slack["Properties"]["SlackChannelId"] == "C0123ABCD"
    assert teams["Properties"]["TeamsChannelId"] == "19%3Aab12%40thread.tacv2"
    for channel in (slack, teams):
        assert channel["Properties"]["SnsTopicArns"] == [topic]
        # Left out, AWS lets the channel do everything.
        assert json.dumps(channel["Properties"]["GuardrailPolicies"]).count("policy/CloudWatchReadOnlyAccess") == 1
    names = [json.dumps(each["Properties"]["ConfigurationName"]) for each in (slack, teams)]
    assert names[0] != names[1]


def test_the_role_of_chat_channels_may_only_look_at_alarms(stack, synth, statements, resources):
    ProcessingPlatform(stack, "Platform", alert_channels=[SLACK], role_path="/data/")

    template = synth(stack)
    [(sid, statement)] = statements(template, "PlatformChatRole").items()
    assert sid == "ShowAlarms"
    assert all(action.startswith("cloudwatch:") for action in statement["Action"])
    [role] = resources(template, "AWS::IAM::Role").values()
    assert role["Properties"]["Path"] == "/data/"


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_chat_is_refused_where_aws_does_not_offer_it(app, region):
    stack = Stack(app, "Shared", env=Environment(account="111122223333", region=region))

    with pytest.raises(DeclarationError, match=f"empty in {region}, where AWS does not offer chat channels"):
        ProcessingPlatform(stack, "Platform", alert_channels=[SLACK])
    ProcessingPlatform(stack, "Quiet")


def test_a_topic_that_is_given_gets_the_alarms_and_admits_them(stack, synth, resources, request_for):
    topic = sns.Topic(stack, "Own")
    platform = ProcessingPlatform(stack, "Platform", alert_topic=topic, alert_emails=["a@example.com"])
    ProcessingJob(stack, "Job", request_for(), platform=platform)

    template = synth(stack)
    [name] = resources(template, "AWS::SNS::Topic")
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    assert {json.dumps(alarm["Properties"]["AlarmActions"]) for alarm in alarms} == {json.dumps([{"Ref": name}])}
    [policy] = resources(template, "AWS::SNS::TopicPolicy").values()
    assert "cloudwatch.amazonaws.com" in json.dumps(policy)
    [mail] = resources(template, "AWS::SNS::Subscription").values()
    assert mail["Properties"]["TopicArn"] == {"Ref": name}


def test_what_the_policy_of_another_apps_topic_needs_is_told(stack, synth):
    topic = sns.Topic.from_topic_arn(stack, "Own", "arn:aws:sns:eu-central-1:111122223333:alerts")
    platform = ProcessingPlatform(stack, "Platform", alert_topic=topic)

    synth(stack)
    [warning] = [entry.data for entry in platform.node.metadata if entry.type == "aws:cdk:warning"]
    assert "cannot change the policy of the topic Census/Own" in warning
    assert "cloudwatch.amazonaws.com the action sns:Publish" in warning
    Annotations.of(platform).acknowledge_warning("cdk-processing:imported-topic")
    assert not [entry for entry in platform.node.metadata if entry.type == "aws:cdk:warning"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda stack: sns.Topic(stack, "Own", fifo=True), "alarms cannot publish to a FIFO topic"),
        (
            lambda stack: sns.Topic.from_topic_arn(stack, "Own", "arn:aws:sns:us-east-1:111122223333:alerts"),
            "name a topic in the platform's region",
        ),
    ],
)
def test_a_topic_that_alarms_cannot_reach_is_refused(app, make, told):
    stack = Stack(app, "Shared", env=Environment(account="111122223333", region="eu-central-1"))

    with pytest.raises(DeclarationError, match=told):
        ProcessingPlatform(stack, "Platform", alert_topic=make(stack))


# -- encryption -------------------------------------------------------------------------------------------------------


def declare_everything(stack, request_for, **options):
    """A job that uses all that a platform has."""
    platform = ProcessingPlatform(stack, "Platform", **options)
    place = ProcessingOutput(output_name="train_data", source="/opt/ml/processing/train")
    arrivals = [OnObjectCreated(S3Location("raw-data", "in/"), newest_only=True)]
    request = request_for(ExecutionVariables.OBJECT_URI, outputs=[place])
    ProcessingJob(stack, "Job", request, triggers=arrivals, platform=platform)
    return platform


def test_without_a_key_of_kms_services_encrypt_with_their_own(stack, request_for, synth, resources):
    platform = declare_everything(stack, request_for, encryption_key="aws-owned")

    template = synth(stack)
    assert platform.key is None
    assert resources(template, "AWS::KMS::Key") == {}
    assert "kms:" not in json.dumps(template)
    [queue] = resources(template, "AWS::SQS::Queue").values()
    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    [topic] = resources(template, "AWS::SNS::Topic").values()
    assert "KmsMasterKeyId" not in topic.get("Properties", {})
    buckets = resources(template, "AWS::S3::Bucket").values()
    assert {json.dumps(bucket["Properties"]["BucketEncryption"]) for bucket in buckets} == {
        json.dumps(
            {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        )
    }


# -- the network ------------------------------------------------------------------------------------------------------


@pytest.fixture
def vpc(stack):
    return ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["a", "b"], private_subnet_ids=["subnet-1", "subnet-2"]
    )


def network_of(definition, template, job):
    return definition(template, job)["States"]["RunJob"]["Arguments"]["NetworkConfig"]


def test_hosts_of_jobs_that_name_no_vpc_are_in_the_platforms(stack, vpc, request_for, synth, resources, definition):
    platform = ProcessingPlatform(stack, "Platform", vpc=vpc)
    ProcessingJob(stack, "Isolated", request_for(), platform=platform)
    opened = SKLearnProcessor("1.4-2", None, 1, "ml.m5.xlarge", network_config=NetworkConfig())
    ProcessingJob(stack, "Open", request_for(processor=opened), platform=platform)
    own = NetworkConfig(subnets=["subnet-9"], security_group_ids=["sg-9"])
    elsewhere = SKLearnProcessor("1.4-2", None, 1, "ml.m5.xlarge", network_config=own)
    ProcessingJob(stack, "Elsewhere", request_for(processor=elsewhere), platform=platform)

    template = synth(stack)
    [(group, made)] = resources(template, "AWS::EC2::SecurityGroup").items()
    assert made["Properties"]["VpcId"] == "vpc-1"
    shared = {"SecurityGroupIds": [f"<{group}.GroupId>"], "Subnets": ["subnet-1", "subnet-2"]}
    found = {job: network_of(definition, template, job) for job in ("Isolated", "Open", "Elsewhere")}
    assert {job: each["VpcConfig"] for job, each in found.items()} == {
        "Isolated": shared,
        "Open": shared,
        "Elsewhere": {"SecurityGroupIds": ["sg-9"], "Subnets": ["subnet-9"]},
    }
    assert {job: each["EnableNetworkIsolation"] for job, each in found.items()} == {
        "Isolated": True,
        "Open": False,
        "Elsewhere": False,
    }


def test_the_execution_role_may_use_the_platforms_subnets_and_groups(stack, vpc, request_for, synth, statements):
    platform = ProcessingPlatform(stack, "Platform", vpc=vpc, security_group_ids=["sg-1"], subnets=["subnet-2"])
    ProcessingJob(stack, "Job", request_for(), platform=platform)

    made = statements(synth(stack), "JobExecutionRole")["MakeNetworkInterfaces"]
    text = json.dumps(made["Resource"])
    assert "security-group/sg-1" in text
    assert "subnet/subnet-2" in text
    assert "subnet/subnet-1" not in text


def test_a_platform_without_a_vpc_attaches_nothing(stack, request_for, synth, definition):
    ProcessingJob(stack, "Job", request_for(), platform=ProcessingPlatform(stack, "Platform"))

    assert "VpcConfig" not in network_of(definition, synth(stack), "Job")


def test_a_vpc_without_private_subnets_is_refused(stack):
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"])

    with pytest.raises(DeclarationError, match=r"subnets must be 1-16 subnets, got \"the VPC's private subnets: 0"):
        ProcessingPlatform(stack, "Platform", vpc=vpc)


# -- tags and cost ----------------------------------------------------------------------------------------------------


def tags_of(found):
    tags = found["Properties"].get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else tags


def test_tags_of_the_platform_are_on_its_resources_its_jobs_and_their_runs(app, stack, request_for, synth, definition):
    shared = Stack(app, "Shared")
    cost = CostAllocation(cost_center="4711", team="census")
    platform = ProcessingPlatform(shared, "Platform", tags={"data-class": "internal"}, cost_allocation=cost)
    ProcessingJob(stack, "Job", request_for(), triggers=[OnObjectCreated(S3Location("raw", "in/"))], platform=platform)

    wanted = {"data-class": "internal", "cost-center": "4711", "team": "census"}
    untagged = {"AWS::IAM::ManagedPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"}
    template = synth(stack)
    for found in [*synth(shared)["Resources"].values(), *template["Resources"].values()]:
        if found["Type"] not in untagged:
            assert wanted.items() <= tags_of(found).items(), found["Type"]
    run = definition(template, "Job")["States"]["RunJob"]["Arguments"]["Tags"]
    assert wanted.items() <= {tag["Key"]: tag["Value"] for tag in run}.items()


def test_a_tag_that_the_app_gives_takes_the_place_of_the_platforms(app, stack, request_for, synth, definition):
    platform = ProcessingPlatform(stack, "Platform", cost_allocation=CostAllocation(team="platform"))
    ProcessingJob(stack, "Job", request_for(), platform=platform)
    Tags.of(stack).add("team", "census")

    run = definition(synth(stack), "Job")["States"]["RunJob"]["Arguments"]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in run}["team"] == "census"


# -- logs and removal -------------------------------------------------------------------------------------------------


def test_logs_are_kept_as_long_as_told(stack, synth, resources):
    ProcessingPlatform(stack, "Platform", log_retention_days=365)

    [group] = resources(synth(stack), "AWS::Logs::LogGroup").values()
    assert group["Properties"]["RetentionInDays"] == 365


DATA = ("AWS::KMS::Key", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::S3::Bucket")


def kept(template):
    """What happens to what holds data, by type."""
    found = {}
    for each in template["Resources"].values():
        if each["Type"] in DATA:
            found.setdefault(each["Type"], set()).add((each.get("DeletionPolicy"), each.get("UpdateReplacePolicy")))
    return found


@pytest.mark.parametrize(
    ("policy", "context"),
    [
        (None, None),
        (None, True),
        (RemovalPolicy.RETAIN, True),
        (RemovalPolicy.DESTROY, None),
        (RemovalPolicy.DESTROY, False),
        (RemovalPolicy.DESTROY, "false"),
    ],
)
def test_data_stays_unless_both_guards_agree(request_for, synth, policy, context):
    stack = Stack(App(context={} if context is None else {"cdk-processing:remove-data": context}), "Census")
    platform = declare_everything(stack, request_for, removal_policy=policy)

    found = kept(synth(stack))
    assert set(found) == set(DATA)
    for kind, policies in found.items():
        stays = "Retain" if kind == "AWS::S3::Bucket" else "RetainExceptOnCreate"
        assert policies == {(stays, "Retain")}, kind
    warned = [entry.data for entry in platform.node.metadata if entry.type == "aws:cdk:warning"]
    assert bool(warned) is (policy == RemovalPolicy.DESTROY)
    assert all("cdk-processing:remove-data=true" in each for each in warned)


@pytest.mark.parametrize("context", [True, "true"])
def test_data_goes_with_the_stack_if_both_guards_agree(request_for, synth, context, resources):
    stack = Stack(App(context={"cdk-processing:remove-data": context}), "Census")
    declare_everything(stack, request_for, removal_policy=RemovalPolicy.DESTROY)

    template = synth(stack)
    assert {policies for each in kept(template).values() for policies in each} == {("Delete", "Delete")}
    assert len(resources(template, "Custom::S3AutoDeleteObjects")) == 2
