"""Whatever cdk-nag's AwsSolutions pack finds is acknowledged, with a reason, beside the code that made it.

cdk-nag looks at typed L1 constructs and passes plain ``CfnResource`` over, so a run on our own constructs would find
nothing because it sees nothing. The synthesized template is therefore read back with ``CfnInclude``, which makes typed
constructs of everything in it.
"""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
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

    image = tmp_path_factory.mktemp("image")
    (image / "Dockerfile").write_text("FROM scratch\n")
    app = App(outdir=str(tmp_path_factory.mktemp("everything")))
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
    return template_of(app)


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
    return template_of(app)


@pytest.fixture(scope="module")
def example(tmp_path_factory, monkeypatch_module):
    """The example's own template."""
    out = tmp_path_factory.mktemp("example")
    monkeypatch_module.setenv("CDK_OUTDIR", str(out))
    monkeypatch_module.chdir(ROOT)
    return template_of(runpy.run_path(str(ROOT / "app.py"))["app"])


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def template_of(app):
    """An app's one template, with the acknowledgements that its typed constructs carry written into it."""
    from aws_cdk import Aspects
    from cdk_nag import WriteNagSuppressionsToCloudFormationAspect

    Aspects.of(app).add(WriteNagSuppressionsToCloudFormationAspect())
    [stack] = app.synth(force=True).stacks
    return json.loads(Path(stack.template_full_path).read_text())


def findings(template, folder):
    """``(logical id, rule)`` for everything that the pack finds in a template."""
    from aws_cdk import App, Stack
    from aws_cdk.cloudformation_include import CfnInclude
    from cdk_nag import AwsSolutionsChecks

    bare = json.loads(json.dumps(template))
    for resource in bare["Resources"].values():
        resource.pop("Metadata", None)
    file = folder / "template.json"
    file.write_text(json.dumps(bare))
    app = App(outdir=str(folder / "out"))
    stack = Stack(app, "Included")
    CfnInclude(stack, "Template", template_file=str(file))
    return [
        (resource.construct_path.rsplit("/", 1)[-1], violation.rule_name)
        for violation in AwsSolutionsChecks().validate_scope(app).violations
        for resource in violation.violating_resources
    ]


def unacknowledged(template, folder):
    return [
        f"{logical_id}: {rule}"
        for logical_id, rule in findings(template, folder)
        if rule.partition("[")[0] not in acknowledged(template["Resources"][logical_id])
    ]


def acknowledged(resource):
    rules = resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
    return {rule["id"].partition("[")[0] for rule in rules if len(rule["reason"]) > 20}


@pytest.mark.parametrize("declared", ["example", "everything", "datasets"])
def test_every_finding_is_acknowledged_with_its_reason(request, declared, tmp_path):
    assert unacknowledged(request.getfixturevalue(declared), tmp_path) == []


@pytest.mark.parametrize("declared", ["example", "everything", "datasets"])
def test_each_statement_with_a_wildcard_gives_its_own_reason(request, declared):
    for logical_id, resource in request.getfixturevalue(declared)["Resources"].items():
        if resource["Type"] == "AWS::IAM::Policy":
            policy = resource["Properties"]
        elif resource["Type"] == "AWS::IAM::Role" and "Policies" in resource["Properties"]:
            [policy] = resource["Properties"]["Policies"]
        else:
            continue
        wild = {
            statement["Sid"]
            for statement in policy["PolicyDocument"]["Statement"]
            if "*" in json.dumps(statement["Resource"])
        }
        rules = resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
        assert {sid for rule in rules for sid in rule["applies_to"]} == wild, logical_id


def test_the_pack_does_see_what_is_in_a_template(example, tmp_path):
    rules = {rule for _, rule in findings(example, tmp_path)}

    assert "AwsSolutions-IAM5[Resource::*]" in rules
    assert "AwsSolutions-SF2" in rules


def test_a_finding_that_nobody_acknowledges_is_reported(example, tmp_path):
    template = json.loads(json.dumps(example))
    template["Resources"]["Open"] = {"Type": "AWS::SNS::Topic", "Properties": {}}

    assert unacknowledged(template, tmp_path) == ["Open: AwsSolutions-SNS3"]
