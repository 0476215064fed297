"""Whatever cdk-nag's AwsSolutions pack finds is acknowledged, with a reason, in the CDK's own way."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return everything_in(tmp_path_factory.mktemp("everything"))


def everything_in(folder):
    """A job with everything: exact object and prefix, keys, VPC, built image, and every trigger, some added later."""
    from aws_cdk import App, Stack
    from aws_cdk import aws_kms as kms

    from cdk_processing import (
        DataBucket,
        EventField,
        ExecutionVariables,
        NetworkConfig,
        OnDeploy,
        OnEvent,
        OnObjectCreated,
        OnSchedule,
        OnSuccessOf,
        Parameter,
        ProcessingImage,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        ScriptProcessor,
    )

    image = Path(folder) / "image"
    image.mkdir(exist_ok=True)
    (image / "Dockerfile").write_text("FROM scratch\n")
    app = App(outdir=str(folder))
    stack = Stack(app, "Everything")
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    data = DataBucket(stack, "Data", encryption_key=key)
    processor = ScriptProcessor(
        image_uri=ProcessingImage.from_build(image),
        command=["/opt/program/submit"],
        instance_count=2,
        instance_type="ml.m5.xlarge",
        volume_kms_key=key,
        output_kms_key=key,
        max_runtime_in_seconds=3600,
        env={"MODE": "full"},
        tags=[{"Key": "team", "Value": "data"}],
        network_config=NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1"]),
    )
    job = ProcessingJob(
        stack,
        "Job",
        processor.run(
            code="s3://code-bucket/prep.py",
            inputs=[
                ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input/one"),
                ProcessingInput(source=data.at("shared/"), destination="/opt/ml/processing/input/shared"),
            ],
            outputs=[
                ProcessingOutput(
                    output_name="out",
                    source="/opt/ml/processing/out",
                    destination=data.at("out/"),
                    s3_upload_mode="Continuous",
                )
            ],
            arguments=[Parameter("ratio", default="0.2")],
            experiment_config={"ExperimentName": "prep"},
        ),
        triggers=[OnObjectCreated(data.at("in/"), suffix=".csv")],
    )
    job.add_trigger(OnObjectCreated(data.at("late/"), newest_only=True))
    nightly = ProcessingJob(
        stack,
        "Nightly",
        processor.run(code="s3://code-bucket/prep.py"),
        triggers=[OnSchedule("rate(1 day)", flexible_window_minutes=15, overlap="skip"), OnDeploy(), OnSuccessOf(job)],
    )
    last = ProcessingJob(
        stack,
        "Last",
        processor.run(code="s3://code-bucket/prep.py"),
        triggers=[OnEvent({"source": ["my.app"]}, run_key=EventField("$.detail.id")), OnSuccessOf(nightly)],
    )
    last.add_trigger(OnSchedule("rate(1 hour)", overlap="queue"))
    return app


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """A job with queries, a feature group, packages of a repository, a VPC of its own and several instance types."""
    from aws_cdk import App, Stack
    from aws_cdk import aws_ec2 as ec2

    from cdk_processing import (
        AthenaDatasetDefinition,
        DataBucket,
        DatasetDefinition,
        FeatureStoreOutput,
        FrameworkProcessor,
        NetworkConfig,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        RedshiftDatasetDefinition,
        SKLearn,
    )

    code = tmp_path_factory.mktemp("code")
    (code / "main.py").write_text("print()")
    app = App(outdir=str(tmp_path_factory.mktemp("datasets")))
    stack = Stack(app, "Datasets")
    results = DataBucket(stack, "Results")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    athena = AthenaDatasetDefinition(
        "AwsDataCatalog", "sales", "SELECT 1", results.at("athena/"), output_format="PARQUET"
    )
    federated = AthenaDatasetDefinition("ddb", "sales", "SELECT 2", results.at("ddb/"), output_format="PARQUET")
    role = "arn:aws:iam::111122223333:role/Unload"
    redshift = RedshiftDatasetDefinition(
        "warehouse", "sales", "reader", "SELECT 1", role, results.at("redshift/"), output_format="CSV"
    )
    queries = [{"athena_dataset_definition": query} for query in (athena, federated)]
    queries.append({"redshift_dataset_definition": redshift})
    processor = FrameworkProcessor(
        SKLearn,
        "1.2-1",
        instance_count=2,
        instance_type=["ml.m5.xlarge", "ml.m6i.xlarge"],
        network_config=NetworkConfig(vpc=vpc),
    )
    request = processor.run(
        code="main.py",
        source_dir=str(code),
        codeartifact_repo_arn="arn:aws:codeartifact:us-east-1:111122223333:repository/company/python",
        inputs=[
            ProcessingInput(dataset_definition=DatasetDefinition(local_path=f"/opt/ml/processing/{number}", **query))
            for number, query in enumerate(queries)
        ],
        outputs=[ProcessingOutput(app_managed=True, feature_store_output=FeatureStoreOutput("Customers"))],
    )
    ProcessingJob(stack, "Job", request)
    return app


@pytest.fixture(scope="module")
def platforms(tmp_path_factory):
    """A platform with everything, one without a KMS key, a repository, and a job on an imported platform."""
    from aws_cdk import App, Stack
    from aws_cdk import aws_ec2 as ec2

    from cdk_processing import (
        CostAllocation,
        ExecutionVariables,
        OnObjectCreated,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        ProcessingPlatform,
        ProcessingRepository,
        S3Location,
        ScriptProcessor,
        SlackChannel,
        TeamsChannel,
    )

    app = App(outdir=str(tmp_path_factory.mktemp("platforms")))
    shared = Stack(app, "Shared")
    vpc = ec2.Vpc.from_vpc_attributes(
        shared, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    uuid = "12345678-1234-1234-1234-123456789012"
    cost = CostAllocation(cost_center="4711", team="census")
    platform = ProcessingPlatform(
        shared,
        "Platform",
        name="data",
        alert_emails=["on-call@example.com"],
        alert_channels=[SlackChannel("T0123ABCD", "C0123ABCD"), TeamsChannel(uuid, uuid, "19%3Aab%40thread.tacv2")],
        vpc=vpc,
        permissions_boundary="arn:aws:iam::111122223333:policy/boundary",
        role_path="/data/",
        role_name_prefix="data-",
        cost_allocation=cost,
    )
    ProcessingPlatform(shared, "Plain", name="plain", encryption_key="aws-owned")
    images = ProcessingRepository(
        shared, "Images", encryption_key=platform.key, repository_name="prep", pull_organization_id="o-a1b2c3d4e5"
    )
    stack = Stack(app, "Team")
    imported = ProcessingPlatform.from_name(stack, "Platform", "data", in_vpc=True, cost_allocation=cost)
    processor = ScriptProcessor(
        image_uri=images.image(tag="1.0"), command=["python3"], instance_type="ml.m5.xlarge", instance_count=1
    )
    request = processor.run(
        code="s3://code/prep.py",
        inputs=[ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/out")],
    )
    triggers = [OnObjectCreated(S3Location("raw", "in/"), newest_only=True)]
    ProcessingJob(stack, "Job", request, triggers=triggers, platform=imported)
    return app


@pytest.fixture(scope="module")
def example(tmp_path_factory, monkeypatch_module):
    """The example app."""
    out = tmp_path_factory.mktemp("example")
    monkeypatch_module.setenv("CDK_OUTDIR", str(out))
    monkeypatch_module.chdir(ROOT)
    return runpy.run_path(str(ROOT / "app.py"))["app"]


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def found(app):
    """``(path, rule)`` for everything that the pack finds in an app and nobody has acknowledged."""
    from cdk_nag import AwsSolutionsChecks

    app.synth(force=True)
    return [
        (resource.construct_path, violation.rule_name)
        for violation in AwsSolutionsChecks().validate_scope(app).violations
        for resource in violation.violating_resources
    ]


@pytest.mark.parametrize("declared", ["example", "everything", "datasets", "platforms"])
def test_every_finding_is_acknowledged_with_its_reason(request, declared):
    assert found(request.getfixturevalue(declared)) == []


def test_the_pack_sees_every_kind_of_resource_that_has_findings(everything, monkeypatch):
    """What is acknowledged above is there to be found: without acknowledgements the pack reports it."""
    from cdk_nag import AwsSolutionsChecks

    from cdk_processing.constructs.checks import StackChecks

    monkeypatch.setattr(StackChecks, "acknowledge", lambda self: None)
    app = everything_in(everything.outdir)
    app.synth()
    rules = {
        (resource.construct_path.rsplit("/", 1)[-1], violation.rule_name.partition("[")[0])
        for violation in AwsSolutionsChecks().validate_scope(app).violations
        for resource in violation.violating_resources
    }

    assert {("ExecutionRole", "AwsSolutions-IAM5"), ("WorkflowRole", "AwsSolutions-IAM5")} <= rules
    assert {("StateMachine", "AwsSolutions-SF2"), ("DeadLetters", "AwsSolutions-SQS3")} <= rules
    assert {("TurnPolicy", "AwsSolutions-IAM5"), ("Turns", "AwsSolutions-DDB3")} <= rules


def test_a_finding_that_nobody_acknowledges_is_reported(tmp_path):
    from aws_cdk import App, Stack
    from aws_cdk import aws_sns as sns

    app = App(outdir=str(tmp_path))
    sns.CfnTopic(Stack(app, "Stack"), "Open")

    assert found(app) == [("Stack/Open", "AwsSolutions-SNS3")]


def test_a_wildcard_that_the_user_adds_to_a_jobs_role_is_reported(tmp_path):
    from aws_cdk import App, Stack
    from aws_cdk import aws_iam as iam

    from cdk_processing import ProcessingJob, SKLearnProcessor

    app = App(outdir=str(tmp_path))
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    job = ProcessingJob(Stack(app, "Stack"), "Job", processor.run(code="s3://code/prep.py"))
    job.execution_role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"]))

    [(path, rule)] = found(app)
    assert path.startswith("Stack/Job/ImportedExecutionRole")
    assert rule == "AwsSolutions-IAM5[Resource::*]"


def test_synth_with_the_pack_as_a_plugin_succeeds(tmp_path):
    """As a platform team does it: an app that fails when there is a finding."""
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLUGGED_IN], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "AwsSolutions" not in outcome.stdout + outcome.stderr


PLUGGED_IN = """
from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from cdk_processing import DataBucket, OnObjectCreated, OnSchedule, ProcessingInput, ProcessingJob, SKLearnProcessor

app = App()
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
data = Stack(app, "Data")
raw = DataBucket(data, "Raw")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
request = processor.run(
    code="s3://code/prep.py",
    inputs=[ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")],
)
triggers = [OnObjectCreated(raw.at("in/"), newest_only=True), OnSchedule("rate(1 day)", overlap="skip")]
ProcessingJob(Stack(app, "Jobs"), "Job", request, triggers=triggers)
app.synth()
"""


def test_synth_of_an_imported_platform_has_no_warning(tmp_path):
    """The CDK checks templates with the name of a parameter in place of its value, which no role may have."""
    environment = {name: value for name, value in os.environ.items() if name != "CDK_VALIDATION"}
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTED],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "CloudFormation Validate" not in outcome.stdout + outcome.stderr
    assert (tmp_path / "validation-report.json").exists()


IMPORTED = """
from aws_cdk import App, Stack
from cdk_processing import ProcessingJob, ProcessingPlatform, SKLearnProcessor

app = App(outdir=".")
stack = Stack(app, "Jobs")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
platform = ProcessingPlatform.from_name(stack, "Platform", "data")
ProcessingJob(stack, "Job", processor.run(code="s3://code/prep.py"), platform=platform)
app.synth()
"""
