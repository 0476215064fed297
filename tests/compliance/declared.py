"""The apps whose templates the packs of rules look at. Each is built into a folder."""

import runpy
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]


def default(folder):
    """A job as the README's first one, with nothing but what must be said."""
    from aws_cdk import App, Stack

    from cdk_processing import (
        DataBucket,
        OnObjectCreated,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        SKLearnProcessor,
    )

    app = App(outdir=str(folder))
    stack = Stack(app, "Default")
    raw = DataBucket(stack, "Raw")
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    request = processor.run(
        code="s3://code/prep.py",
        inputs=[ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/out")],
    )
    ProcessingJob(stack, "Job", request, triggers=[OnObjectCreated(raw.at("in/"))])
    return app


def imported(folder):
    """A job on resources that are there already: buckets, keys, a topic, a VPC, roles and a state machine's caller."""
    from aws_cdk import App, Environment, Stack
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns

    from cdk_processing import (
        NetworkConfig,
        OnObjectCreated,
        OnSchedule,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        ProcessingPlatform,
        S3Location,
        ScriptProcessor,
    )

    app = App(outdir=str(folder))
    stack = Stack(app, "Imported", env=Environment(account="111122223333", region="eu-west-1"))
    arn = "arn:aws:kms:eu-west-1:111122223333:key/12345678-1234-1234-1234-123456789012"
    key = kms.Key.from_key_arn(stack, "Key", arn)
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:alerts")
    platform = ProcessingPlatform(stack, "Platform", encryption_key=key, alert_topic=topic)
    raw = s3.Bucket.from_bucket_attributes(stack, "Raw", bucket_name="raw", encryption_key=key)
    results = s3.Bucket.from_bucket_name(stack, "Results", "results")

    def job(name, **options):
        processor = ScriptProcessor(
            image_uri="111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep:1",
            command=["python3"],
            instance_type="ml.m5.xlarge",
            instance_count=2,
            volume_kms_key=key,
            output_kms_key=key,
            network_config=NetworkConfig(vpc=vpc),
            **options,
        )
        request = processor.run(
            code="s3://code/prep.py",
            inputs=[ProcessingInput(source=S3Location(raw, "in/"), destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(
                    output_name="out", source="/opt/ml/processing/out", destination=S3Location(results, f"{name}/")
                )
            ],
        )
        triggers = [OnObjectCreated(S3Location(raw, "in/")), OnSchedule("rate(1 day)", overlap="skip")]
        ProcessingJob(stack, name, request, triggers=triggers, platform=platform)

    job("Job")
    job("WithRole", role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/prep"))
    return app


def everything(folder):
    """A job with everything: exact object and prefix, keys, VPC, built image, and every trigger, some added later."""
    from aws_cdk import App, Stack
    from aws_cdk import aws_kms as kms

    from cdk_processing import (
        DataBucket,
        EventField,
        ExecutionVariables,
        NetworkConfig,
        OnAll,
        OnDeploy,
        OnEvent,
        OnMarker,
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
    last.add_trigger(OnMarker(data.at("marked/day="), expect_within=timedelta(hours=2)))
    sources = {name: OnMarker(data.at(f"{name}/day=")) for name in ("orders", "stock")}
    request = processor.run(code="s3://code-bucket/prep.py")
    ProcessingJob(stack, "Joined", request, triggers=[OnAll(sources, by=["day"])], job_id="joined")
    return app


def datasets(folder):
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

    code = Path(folder) / "code"
    code.mkdir(exist_ok=True)
    (code / "main.py").write_text("print()")
    app = App(outdir=str(folder))
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


def platforms(folder):
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
        TeamBudget,
        TeamsChannel,
    )

    app = App(outdir=str(folder))
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
        budgets=[TeamBudget(team="census", monthly_limit=100)],
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


def example(folder):
    """The example app at the root. Where its templates lie is its own affair."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return runpy.run_path(str(ROOT / "app.py"))["app"]


def _into(build):
    def build_into(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        return build(folder)

    return build_into


APPS = {each.__name__: _into(each) for each in (default, everything, imported, datasets, platforms, example)}


def acknowledged_in(app):
    """What this library acknowledges in the stacks of an app, which has been synthesized."""
    return [each for checks in checks_in(app) for each in (*checks.acknowledged(), *_skips(checks))]


def checks_in(app):
    """What this library knows of the stacks of an app."""
    from aws_cdk import Stack

    from cdk_processing.constructs.checks import checks_of

    return [checks_of(stack) for stack in app.node.children if Stack.is_stack(stack)]


def _skips(checks):
    return [each for each in checks.rules if each.is_for_checkov]
