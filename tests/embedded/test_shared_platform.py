"""A platform that one app has deployed by a name, at work for the stacks of other apps; IAM is enforced."""

from datetime import datetime, timezone

import pytest

from .test_platform import declare_jobs, physical


@pytest.fixture(scope="module")
def deploy_app(embedded, tmp_path_factory):
    """``deploy_app(name, declare)`` deploys an app with one stack of that name."""

    def deploy(name, declare):
        import aws_cdk

        app = aws_cdk.App(outdir=str(tmp_path_factory.mktemp("out")))
        declare(aws_cdk.Stack(app, name))
        embedded.deploy(app)
        return name

    return deploy


def platform_stack(name, **options):
    """Declares a platform of that name, as a platform team does."""

    def declare(stack):
        from aws_cdk import aws_iam as iam

        from cdk_processing import ProcessingPlatform, ProcessingRepository

        everything = iam.PolicyStatement(actions=["*"], resources=["*"])
        boundary = iam.ManagedPolicy(stack, "Boundary", statements=[everything])
        platform = ProcessingPlatform(stack, "Platform", name=name, permissions_boundary=boundary, **options)
        ProcessingRepository(
            stack,
            "Images",
            repository_name=f"images-of-{name}",
            encryption_key=platform.key,
            pull_organization_id="o-a1b2c3d4e5",
        )

    return declare


def team_stack(name, **options):
    """Declares jobs that use a platform of that name."""

    def declare(stack):
        from cdk_processing import ProcessingPlatform

        declare_jobs(stack, ProcessingPlatform.from_name(stack, "Platform", name, **options))

    return declare


@pytest.fixture(scope="module")
def shared(deploy_app):
    """The stack of a platform with alerts and settings of roles."""
    from cdk_processing import CostAllocation, SlackChannel

    return deploy_app(
        "Shared",
        platform_stack(
            "data",
            role_path="/data/jobs/",
            role_name_prefix="acme-",
            alert_emails=["on-call@example.com"],
            alert_channels=[SlackChannel(workspace_id="T0123ABCD", channel_id="C0123ABCD")],
            cost_allocation=CostAllocation(team="platform"),
        ),
    )


@pytest.fixture(scope="module")
def team(deploy_app, shared):
    """The stack of a team that knows the platform's name alone."""
    from cdk_processing import CostAllocation

    return deploy_app("Team", team_stack("data", cost_allocation=CostAllocation(team="census")))


def test_a_run_uses_the_buckets_the_table_and_the_key_of_the_platform(embedded, shared, team):
    embedded.put(f"{team}/Raw", "in/a.csv", "1\n")
    assert embedded.wait_for_run(f"{team}/Arrives").status == "SUCCEEDED"

    assert set(physical(embedded, team, "AWS::S3::Bucket")) == {
        name for name in physical(embedded, team, "AWS::S3::Bucket") if name.startswith("Raw")
    }
    [key] = physical(embedded, shared, "AWS::KMS::Key").values()
    s3 = embedded.client("s3")
    for bucket in physical(embedded, shared, "AWS::S3::Bucket").values():
        objects = s3.list_objects_v2(Bucket=bucket)["Contents"]
        heads = [s3.head_object(Bucket=bucket, Key=each["Key"]) for each in objects]
        assert {head["SSEKMSKeyId"].rpartition("/")[2] for head in heads} == {key}
    [table] = physical(embedded, shared, "AWS::DynamoDB::Table").values()
    assert embedded.client("dynamodb").scan(TableName=table)["Count"] == 1


def test_a_run_that_fails_leaves_its_dead_letter_in_the_platforms_queue(embedded, shared, team, dead_letters):
    embedded.fire_schedule(f"{team}/Fails", datetime(2026, 6, 1, tzinfo=timezone.utc))
    run = embedded.wait_for_run(f"{team}/Fails", must_succeed=False)

    assert run.status == "FAILED"
    [queue] = physical(embedded, shared, "AWS::SQS::Queue").values()
    [message] = embedded.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert run.arn in message["Body"]


def test_the_roles_have_what_the_platform_says(embedded, shared, team):
    iam = embedded.client("iam")
    roles = [iam.get_role(RoleName=name)["Role"] for name in physical(embedded, team, "AWS::IAM::Role").values()]

    assert len(roles) == 6
    for role in roles:
        assert role["RoleName"].startswith("acme-")
        assert role["Path"] == "/data/jobs/"
        assert "Boundary" in role["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert {"Key": "team", "Value": "census"} in role["Tags"]


def test_alerts_are_subscribed_to_and_nothing_is_sent(embedded, shared):
    [topic] = physical(embedded, shared, "AWS::SNS::Topic").values()
    subscribed = embedded.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert [(each["Protocol"], each["Endpoint"]) for each in subscribed] == [("email", "on-call@example.com")]
    [channel] = physical(embedded, shared, "AWS::Chatbot::SlackChannelConfiguration").values()
    assert channel.startswith("arn:aws:chatbot::")


def test_images_are_in_a_repository_with_the_platforms_key(embedded, shared):
    ecr = embedded.client("ecr")
    [found] = ecr.describe_repositories(repositoryNames=["images-of-data"])["repositories"]

    assert (found["imageTagMutability"], found["imageScanningConfiguration"]["scanOnPush"]) == ("IMMUTABLE", True)
    [key] = physical(embedded, shared, "AWS::KMS::Key").values()
    assert found["encryptionConfiguration"]["kmsKey"].endswith(key)
    assert "o-a1b2c3d4e5" in ecr.get_repository_policy(repositoryName="images-of-data")["policyText"]


def test_tools_see_what_the_parameters_are_resolved_to(embedded, team):
    """``cdk deploy --hotswap`` and ``cdk watch`` take the values from there."""
    [stack] = embedded.client("cloudformation").describe_stacks(StackName=team)["Stacks"]
    # AWS tells the parameter's name too; both are what the CDK's command line looks for, in this order.
    resolved = {each.get("ResolvedValue") or each["ParameterValue"] for each in stack["Parameters"]}

    assert "/data/jobs/" in resolved
    assert not any(value.startswith("/cdk-processing/") for value in resolved)


def test_a_change_of_the_platform_reaches_a_stack_with_its_next_deployment(embedded, deploy_app, tmp_path_factory):
    deploy_app("Changing", platform_stack("changing", role_path="/one/", role_name_prefix="acme-"))
    team = deploy_app("TeamOfChanging", team_stack("changing"))
    before = set(physical(embedded, team, "AWS::IAM::Role").values())

    deploy_app("Changing", platform_stack("changing", role_path="/two/", role_name_prefix="acme-"))
    assert set(physical(embedded, team, "AWS::IAM::Role").values()) == before
    deploy_app("TeamOfChanging", team_stack("changing"))

    after = physical(embedded, team, "AWS::IAM::Role").values()
    assert before.isdisjoint(after)
    iam = embedded.client("iam")
    assert {iam.get_role(RoleName=name)["Role"]["Path"] for name in after} == {"/two/"}
    embedded.put(f"{team}/Raw", "in/a.csv", "1\n")
    assert embedded.wait_for_run(f"{team}/Arrives").status == "SUCCEEDED"


def test_a_platform_without_settings_and_without_a_key_works_too(embedded, deploy_app):
    def declare(stack):
        from cdk_processing import ProcessingPlatform

        ProcessingPlatform(stack, "Platform", name="plain", encryption_key="aws-owned")

    shared = deploy_app("Plain", declare)
    team = deploy_app("TeamOfPlain", team_stack("plain"))
    embedded.put(f"{team}/Raw", "in/a.csv", "1\n")
    assert embedded.wait_for_run(f"{team}/Arrives").status == "SUCCEEDED"

    iam = embedded.client("iam")
    for name in physical(embedded, team, "AWS::IAM::Role").values():
        role = iam.get_role(RoleName=name)["Role"]
        assert role["Path"] == "/"
        assert "PermissionsBoundary" not in role
        assert name.startswith("TeamOfPlain-")
    embedded.client("cloudformation").delete_stack(StackName=shared)  # no export locks it
    assert physical_status(embedded, shared) == "DELETE_COMPLETE"


def physical_status(embedded, stack):
    from botocore.exceptions import ClientError

    from tests.patience import until

    def deleted():
        try:
            found = embedded.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        except ClientError:
            return "DELETE_COMPLETE"
        return None if found.endswith("IN_PROGRESS") else found

    return until(deleted, every=0.1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "The platform walled has a VPC. Write in_vpc=True in ProcessingPlatform.from_name."),
        ({"in_vpc": True}, "The platform walled has cost allocation. Write cost_allocation=CostAllocation"),
    ],
)
def test_what_the_code_does_not_say_of_the_platform_refuses_the_deployment(embedded, deploy_app, walled, options, told):
    with pytest.raises(Exception, match="rule") as raised:
        deploy_app("TeamOfWalled", team_stack("walled", **options))

    assert told in str(raised.value)


@pytest.fixture(scope="module")
def walled(deploy_app):
    """The stack of a platform with a VPC and costs."""

    def declare(stack):
        from aws_cdk import aws_ec2 as ec2

        from cdk_processing import CostAllocation, ProcessingPlatform

        vpc = ec2.Vpc(stack, "Vpc", max_azs=1, nat_gateways=0, restrict_default_security_group=False)
        ProcessingPlatform(stack, "Platform", name="walled", vpc=vpc, cost_allocation=CostAllocation(team="platform"))

    return deploy_app("Walled", declare)


def test_hosts_are_attached_to_the_subnets_and_groups_of_the_platform(embedded, deploy_app, walled):
    from cdk_processing import CostAllocation

    team = deploy_app("TeamInVpc", team_stack("walled", in_vpc=True, cost_allocation=CostAllocation(team="census")))
    embedded.put(f"{team}/Raw", "in/a.csv", "1\n")
    assert embedded.wait_for_run(f"{team}/Arrives").status == "SUCCEEDED"

    sagemaker = embedded.client("sagemaker")
    names = [each["ProcessingJobName"] for each in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]]
    [job] = [name for name in names if name.startswith("team-in-vpc-arrives")]
    used = sagemaker.describe_processing_job(ProcessingJobName=job)["NetworkConfig"]["VpcConfig"]
    assert set(used["Subnets"]) <= set(physical(embedded, walled, "AWS::EC2::Subnet").values())
    assert used["SecurityGroupIds"] == list(physical(embedded, walled, "AWS::EC2::SecurityGroup").values())


def test_a_platform_that_is_not_there_is_named_by_its_parameter(deploy_app):
    with pytest.raises(Exception, match="/cdk-processing/platforms/nobody/v1/"):
        deploy_app("Orphan", team_stack("nobody"))
