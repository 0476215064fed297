"""A platform team's platform at work: its key, its boundary, the path and the names of its roles; IAM is enforced."""

import pytest

from .conftest import SCRIPTS

BOUNDARY_DENIES = "sagemaker:CreateProcessingJob"


def declare_platform(stack, **options):
    """A platform, and jobs that use all of it."""
    from cdk_processing import ProcessingPlatform

    declare_jobs(stack, ProcessingPlatform(stack, "Platform", **options))


def declare_jobs(stack, platform):
    """Jobs that use all that a platform has: manifests, outputs without a place, turns, and the newest arrival."""
    from cdk_processing import (
        DataBucket,
        ExecutionVariables,
        OnObjectCreated,
        OnSchedule,
        Parameter,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        SKLearnProcessor,
    )

    raw = DataBucket(stack, "Raw")
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    arrives = processor.run(
        code=SCRIPTS / "report.py",
        inputs=[ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name="report", source="/opt/ml/processing/output")],
        arguments=[Parameter("word", default="x")],
    )
    ProcessingJob(
        stack, "Arrives", arrives, triggers=[OnObjectCreated(raw.at("in/"), newest_only=True)], platform=platform
    )
    fails = processor.run(code=SCRIPTS / "fail.py")
    ProcessingJob(stack, "Fails", fails, triggers=[OnSchedule("rate(1 day)", overlap="queue")], platform=platform)


@pytest.fixture(scope="module")
def platform(deploy):
    """A platform with a key, a boundary, a path and a prefix of its own."""

    def declare(stack):
        from aws_cdk import aws_iam as iam
        from aws_cdk import aws_kms as kms

        everything = iam.PolicyStatement(actions=["*"], resources=["*"])
        declare_platform(
            stack,
            encryption_key=kms.Key(stack, "Own"),
            permissions_boundary=iam.ManagedPolicy(stack, "Boundary", statements=[everything]),
            role_path="/data/jobs/",
            role_name_prefix="acme-",
        )

    return deploy(declare)


def physical(embedded, stack, kind):
    """Logical to physical ids of a type of resource."""
    found = embedded.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind}


def test_an_arrival_runs_with_everything_encrypted_with_the_given_key(embedded, platform):
    embedded.put(f"{platform}/Raw", "in/a.csv", "1\n")
    run = embedded.wait_for_run(f"{platform}/Arrives")

    assert run.status == "SUCCEEDED"
    [key] = physical(embedded, platform, "AWS::KMS::Key").values()
    s3 = embedded.client("s3")
    held = {}
    for name, bucket in physical(embedded, platform, "AWS::S3::Bucket").items():
        objects = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        heads = [s3.head_object(Bucket=bucket, Key=each["Key"]) for each in objects]
        held[name[:12]] = {head.get("SSEKMSKeyId", "").rpartition("/")[2] for head in heads}
    assert held["PlatformData"] == {key}
    assert held["PlatformWork"] == {key}
    [table] = physical(embedded, platform, "AWS::DynamoDB::Table").values()
    described = embedded.client("dynamodb").describe_table(TableName=table)["Table"]["SSEDescription"]
    assert described["KMSMasterKeyArn"].endswith(key)


def test_a_run_in_turn_that_fails_leaves_its_dead_letter_in_the_encrypted_queue(embedded, platform, dead_letters):
    from datetime import datetime, timezone

    embedded.fire_schedule(f"{platform}/Fails", datetime(2026, 6, 1, tzinfo=timezone.utc))
    run = embedded.wait_for_run(f"{platform}/Fails", must_succeed=False)

    assert run.status == "FAILED"
    [letter] = dead_letters(platform)
    assert letter["execution"] == run.arn


def test_the_roles_have_the_boundary_the_path_and_the_prefix(embedded, platform):
    iam = embedded.client("iam")
    roles = [iam.get_role(RoleName=name)["Role"] for name in physical(embedded, platform, "AWS::IAM::Role").values()]

    assert len(roles) == 6
    for role in roles:
        assert role["RoleName"].startswith("acme-")
        assert len(role["RoleName"]) <= 64
        assert role["Path"] == "/data/jobs/"
        assert role["Arn"].endswith(f":role/data/jobs/{role['RoleName']}")
        assert "Boundary" in role["PermissionsBoundary"]["PermissionsBoundaryArn"]


def test_a_platform_that_another_app_has_deployed_is_a_class_of_ones_own(embedded, deploy, platform):
    """What the other app has is named by ARN, as one reads it from SSM or a company's handbook."""
    at = f"{embedded.aws.region}:{embedded.aws.account_id}"

    def one(kind):
        [found] = physical(embedded, platform, kind).values()
        return found

    def bucket(name):
        return next(each for key, each in physical(embedded, platform, "AWS::S3::Bucket").items() if name in key)

    def declare(stack):
        from aws_cdk import aws_kms as kms
        from aws_cdk import aws_s3 as s3

        from cdk_processing import RoleStandards

        key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{at}:key/{one('AWS::KMS::Key')}")

        def imported(name):
            return s3.Bucket.from_bucket_attributes(stack, name, bucket_name=bucket(name), encryption_key=key)

        class Company:
            key_arn = key.key_arn
            dead_letter_queue_url = one("AWS::SQS::Queue")
            dead_letter_queue_arn = f"arn:aws:sqs:{at}:{dead_letter_queue_url.rpartition('/')[2]}"
            alert_topic_arn = one("AWS::SNS::Topic")
            log_group_arn = f"arn:aws:logs:{at}:log-group:{one('AWS::Logs::LogGroup')}:*"
            table_name = one("AWS::DynamoDB::Table")
            table_arn = f"arn:aws:dynamodb:{at}:table/{table_name}"
            work_bucket = imported("PlatformWork")
            data_bucket = imported("PlatformData")
            role_standards = RoleStandards(role_path="/company/")
            network_config = None
            job_tags = {}  # noqa: RUF012

        declare_jobs(stack, Company())

    stack = deploy(declare)
    assert set(physical(embedded, stack, "AWS::SQS::Queue") | physical(embedded, stack, "AWS::KMS::Key")) == set()
    embedded.put(f"{stack}/Raw", "in/a.csv", "1\n")
    assert embedded.wait_for_run(f"{stack}/Arrives").status == "SUCCEEDED"
    iam = embedded.client("iam")
    roles = physical(embedded, stack, "AWS::IAM::Role").values()
    assert {iam.get_role(RoleName=name)["Role"]["Path"] for name in roles} == {"/company/"}


def test_a_second_deployment_of_the_same_app_under_another_name_has_other_roles(embedded, deploy):
    def declare(stack):
        declare_platform(stack, role_name_prefix="acme-")

    names = [set(physical(embedded, deploy(declare), "AWS::IAM::Role").values()) for _ in range(2)]

    assert len(names[0] | names[1]) == 12


def test_roles_that_are_replaced_are_made_before_the_old_ones_go(embedded, tmp_path):
    import aws_cdk

    found = []
    for number, path in enumerate(("/one/", "/two/", None)):
        app = aws_cdk.App(outdir=str(tmp_path / str(number)))
        stack = aws_cdk.Stack(app, "Replaced")
        declare_platform(stack, role_name_prefix="acme-", role_path=path)
        embedded.deploy(app)
        found.append(set(physical(embedded, "Replaced", "AWS::IAM::Role").values()))

    assert found[0].isdisjoint(found[1])
    assert found[1].isdisjoint(found[2])
    embedded.put("Replaced/Raw", "in/a.csv", "1\n")
    assert embedded.wait_for_run("Replaced/Arrives").status == "SUCCEEDED"


def test_what_the_boundary_denies_no_role_may_do(embedded, deploy):
    def declare(stack):
        from aws_cdk import aws_iam as iam

        statements = [
            iam.PolicyStatement(actions=["*"], resources=["*"]),
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=[BOUNDARY_DENIES], resources=["*"]),
        ]
        declare_platform(stack, permissions_boundary=iam.ManagedPolicy(stack, "Boundary", statements=statements))

    stack = deploy(declare)
    embedded.put(f"{stack}/Raw", "in/a.csv", "1\n")
    run = embedded.wait_for_run(f"{stack}/Arrives", must_succeed=False)

    assert run.status == "FAILED"
    assert BOUNDARY_DENIES in embedded.processing.explain(run).failure_reason
