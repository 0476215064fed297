import io
import json
import zipfile

import pytest

from cdk_processing.local.deployment.assembly import Assembly
from cdk_processing.local.deployment.deploy import DeploymentError, deploy, destroy
from cdk_processing.local.deployment.stacks import StackFailedError
from cdk_processing.local.engine import LocalAws

BUCKET = {"Type": "AWS::S3::Bucket"}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}}


@pytest.fixture(scope="module")
def aws():
    with LocalAws(account_id="111122223333", region="eu-central-1") as aws:
        yield aws


@pytest.fixture
def assembly(tmp_path):
    """Makes an assembly of stacks: name to template, each with the assets given."""

    def make(templates, *, account="unknown-account", region="unknown-region", assets=None, images=None):
        artifacts = {}
        for name, template in templates.items():
            (tmp_path / f"{name}.template.json").write_text(json.dumps(template))
            (tmp_path / f"{name}.assets.json").write_text(
                json.dumps({"files": assets or {}, "dockerImages": images or {}})
            )
            artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "environment": f"aws://{account}/{region}",
                "properties": {"templateFile": f"{name}.template.json"},
                "dependencies": [f"{name}.assets"],
                "metadata": {
                    f"/{name}/{logical_id}/Resource": [{"type": "aws:cdk:logicalId", "data": logical_id}]
                    for logical_id in template["Resources"]
                },
            }
        (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        return Assembly.read(tmp_path)

    return make


def asset(path, packaging, key, bucket="cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"):
    return {
        "displayName": key,
        "source": {"path": path, "packaging": packaging},
        "destinations": {"here": {"bucketName": bucket, "objectKey": key}},
    }


def test_a_stack_is_created_then_left_alone_then_updated_then_deleted(aws, assembly):
    first = assembly({"Life": {"Resources": {"Q": QUEUE}, "Outputs": {"Url": {"Value": {"Ref": "Q"}}}}})
    created = deploy(first, aws).stacks[0]
    assert created.action == "created"
    assert created.outputs["Url"] == created.resources["Q"]
    assert deploy(first, aws).stacks[0].action == "unchanged"
    changed = assembly({"Life": {"Resources": {"Q": {**QUEUE, "Properties": {"VisibilityTimeout": 60}}}}})
    assert deploy(changed, aws).stacks[0].action == "updated"
    url = created.resources["Q"]
    sqs = aws.client("sqs")
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "60"
    destroy(changed, aws)
    assert url not in sqs.list_queues().get("QueueUrls", [])
    destroy(changed, aws)


def test_assets_are_published_once_folders_zipped(aws, assembly, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text("print()")
    (tmp_path / "one.py").write_text("one")
    assets = {"a": asset("code", "zip", "a.zip"), "b": asset("one.py", "file", "b.py")}
    lines = []
    made = assembly({"Assets": {"Resources": {"Q": QUEUE}}}, assets=assets)
    deploy(made, aws, progress=lines.append)
    deploy(made, aws, progress=lines.append)
    assert lines == ["Assets: 2 assets published", "Assets: created", "Assets: unchanged"]
    s3 = aws.client("s3")
    bucket = "cdk-hnb659fds-assets-111122223333-eu-central-1"
    assert s3.get_object(Bucket=bucket, Key="b.py")["Body"].read() == b"one"
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=bucket, Key="a.zip")["Body"].read())) as archive:
        assert archive.namelist() == ["main.py"]


def test_bootstrapping_is_not_asked_for(aws, assembly):
    parameter = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
    deploy(assembly({"Boot": {"Parameters": {"BootstrapVersion": parameter}, "Resources": {"Q": QUEUE}}}), aws)
    assert int(aws.client("ssm").get_parameter(Name=parameter["Default"])["Parameter"]["Value"]) >= 6


def test_a_template_too_large_for_a_request_is_read_from_its_asset(aws, assembly):
    big = {"Description": "x", "Resources": {f"Q{i}": {**QUEUE, "Metadata": {"text": "x" * 900}} for i in range(60)}}
    made = assembly({"Big": big}, assets={"t": asset("Big.template.json", "file", "big.json")})
    assert len(deploy(made, aws).stacks[0].resources) == 60


def test_a_stack_that_fails_names_the_resources_and_their_reasons_and_can_be_mended(aws, assembly):
    aws.client("s3").create_bucket(Bucket="taken", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    bad = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "taken"}}
    with pytest.raises(StackFailedError) as failed:
        deploy(assembly({"Bad": {"Resources": {"Good": QUEUE, "Wrong": bad}}}), aws)
    assert list(failed.value.reasons) == ["Wrong (AWS::S3::Bucket)"]
    assert "Wrong (AWS::S3::Bucket): " in str(failed.value)
    assert deploy(assembly({"Bad": {"Resources": {"Good": QUEUE}}}), aws).stacks[0].action == "created"


def test_a_template_that_is_refused_says_why(aws, assembly):
    with pytest.raises(StackFailedError, match=r"Refused ended as refused\n.*CreateStack"):
        deploy(assembly({"Refused": {"Resources": {"Q": {"Type": "AWS::No::Such"}}}}), aws)


def test_a_stack_for_another_account_is_refused_with_the_fix(aws, assembly):
    made = assembly({"Far": {"Resources": {"Q": QUEUE}}}, account="999988887777")
    with pytest.raises(DeploymentError, match="start it with --account 999988887777"):
        deploy(made, aws)


def test_a_stack_is_deployed_to_the_region_it_names(aws, assembly):
    deployed = deploy(assembly({"Away": {"Resources": {"Q": QUEUE}}}, region="eu-west-1"), aws).stacks[0]
    assert deployed.region == "eu-west-1"
    assert ":eu-west-1:" in deployed.stack_id


IMAGE = {
    "displayName": "Own",
    "source": {"directory": "image"},
    "destinations": {"here": {"repositoryName": "images", "imageTag": "t"}},
}


def test_image_assets_are_not_built_unless_asked_for_and_a_warning_names_them(aws, assembly):
    made = assembly({"Images": {"Resources": {"Q": QUEUE}}}, images={"i": IMAGE})
    assert deploy(made, aws).warnings == (
        "image asset 'Own' of Images is not built; its jobs run with the Python that was given instead",
    )


def test_an_image_that_cannot_be_built_for_lack_of_docker_says_what_is_missing(aws, assembly, tmp_path, monkeypatch):
    made = assembly({"Images": {"Resources": {"Q": QUEUE}}}, images={"i": IMAGE})
    monkeypatch.setenv("PATH", str(tmp_path))
    [warning] = deploy(made, aws, build_images=True).warnings
    assert warning.startswith(
        "image asset 'Own' of Images is not built: there is no docker command on PATH. Without it"
    )

    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    [warning] = deploy(made, aws, build_images=True).warnings
    assert "is not built: no Docker engine responds; start one." in warning


def test_jobs_are_known_by_the_metadata_of_their_state_machines(aws, assembly):
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
                ],
            }
        },
    }
    about = {
        "job": "Census/Preprocess",
        "base_name": "census-preprocess",
        "triggers": [{"Fn::Join": ["", ["object created in s3://", {"Ref": "Raw"}, "/census/"]]}, "by hand"],
        "outputs": {"train": {"Fn::Sub": "s3://${Raw}/train/"}},
    }
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Metadata": {"cdk-processing": about},
        "Properties": {
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "Definition": {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}},
        },
    }
    plain = {**machine, "Metadata": {}}
    resources = {"Raw": BUCKET, "Role": role, "Machine": machine, "Plain": plain}
    deployment = deploy(assembly({"Census": {"Resources": resources}}), aws)
    raw = deployment.bucket("Census/Raw")
    (job,) = deployment.jobs
    assert (job.name, job.base_name) == ("Census/Preprocess", "census-preprocess")
    assert job.state_machine_arn == deployment.stacks[0].resources["Machine"]
    assert job.triggers == (f"object created in s3://{raw}/census/", "by hand")
    assert job.outputs == {"train": f"s3://{raw}/train/"}
    assert deployment.job("Preprocess") == job
    assert deployment.bucket("Raw") == deployment.bucket(raw) == raw
    with pytest.raises(DeploymentError, match="No bucket is named 'Rawr'; the buckets are: Census/Raw"):
        deployment.bucket("Rawr")
    with pytest.raises(DeploymentError, match="No job is named 'Evaluate'; the jobs are: Census/Preprocess"):
        deployment.job("Evaluate")
