"""An image built from a folder: a real ``DockerImageAsset``, deployed by the real ``cdk``, run by a real engine.

Needs Docker; skipped only where no engine responds and none can be started.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cdk_processing.local.deployment.deploy import deploy
from cdk_processing.local.deployment.images import ImageBuildError
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.engine import LocalAws
from tests.embedded.cdk_cli import CdkCli
from tests.local.container.docker_engine import a_docker_engine, import_image
from tests.patience import until

BASE = "cdk-processing-tests:base"
APP = """\
from aws_cdk import App, CfnOutput, Stack
from cdk_processing import DataBucket, ProcessingImage, ProcessingJob, ProcessingOutput, Processor

app = App()
stack = Stack(app, "Built")
results = DataBucket(stack, "Results")
processor = Processor(
    image_uri=ProcessingImage.from_build("image"), instance_type="ml.m5.large", instance_count=1
)
ProcessingJob(
    stack,
    "Job",
    processor.run(
        outputs=[ProcessingOutput(output_name="o", source="/opt/ml/processing/o", destination=results.at("o/"))],
    ),
)
CfnOutput(stack, "ResultsName", value=results.bucket_name)
app.synth()
"""
DOCKERFILE = f'FROM {BASE}\nCOPY prep.py /opt/prep.py\nENTRYPOINT ["python3", "/opt/prep.py"]\n'
PROGRAM = 'open("/opt/ml/processing/o/said", "w").write("of the image")\n'


@pytest.fixture(scope="module")
def engine():
    for _ in a_docker_engine():
        import_image(BASE)
        yield
        command = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        made = [name for name in listed if name == BASE or name.startswith(("cdkasset-", "127.0.0.1:"))]
        subprocess.run(["docker", "image", "rm", "--force", *made], check=True, capture_output=True)


@pytest.fixture(scope="module")
def aws(engine):
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "image").mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "cdk.json").write_text('{"app": "python app.py"}')
    (folder / "image" / "prep.py").write_text(PROGRAM)
    (folder / "image" / "Dockerfile").write_text(DOCKERFILE)
    return folder


@pytest.fixture(scope="module")
def cdk(aws, app, tmp_path_factory):
    cdk = CdkCli(aws, app, tmp_path_factory.mktemp("home"))
    # The engine's builder that needs no plug-in.
    cdk.environment |= {"DOCKER_BUILDKIT": "0", "DOCKER_HOST": os.environ.get("DOCKER_HOST", "")}
    cdk.bootstrap()
    cdk.deploy()
    return cdk


def run(aws, key="o/said"):
    """Start the job, wait for its end, and read what it wrote."""
    states, s3 = aws.client("stepfunctions"), aws.client("s3")
    [machine] = states.list_state_machines()["stateMachines"]
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    ended = until(lambda: states.describe_execution(executionArn=execution), lambda it: it["status"] != "RUNNING")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    [stack] = aws.client("cloudformation").describe_stacks(StackName="Built")["Stacks"]
    bucket = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "ResultsName")
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return body.read().decode()


def repository(aws):
    [found] = aws.client("ecr").describe_repositories()["repositories"]
    return found


def test_the_image_is_built_pushed_to_the_repository_and_run(aws, cdk):
    assert run(aws) == "of the image"
    found = repository(aws)
    assert found["repositoryUri"].startswith(aws.endpoint_url.removeprefix("http://"))
    [image] = aws.client("ecr").describe_images(repositoryName=found["repositoryName"])["imageDetails"]
    assert image["imageTags"]
    [job] = aws.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    described = aws.client("sagemaker").describe_processing_job(ProcessingJobName=job["ProcessingJobName"])
    uri = described["AppSpecification"]["ImageUri"]
    assert uri.startswith(f"{aws.account_id}.dkr.ecr.{aws.region}.amazonaws.com/")
    assert uri.endswith(f":{image['imageTags'][0]}")


def test_what_was_pushed_can_be_pulled_again(aws, cdk):
    found = repository(aws)
    [image] = aws.client("ecr").describe_images(repositoryName=found["repositoryName"])["imageDetails"]
    name = f"{found['repositoryUri']}:{image['imageTags'][0]}"
    subprocess.run(["docker", "image", "rm", "--force", name], check=True, capture_output=True)
    subprocess.run(["docker", "pull", name], check=True, capture_output=True, env=cdk.environment)
    assert run(aws) == "of the image"


def test_a_changed_image_is_built_again_and_run(aws, cdk, app):
    (app / "image" / "prep.py").write_text(PROGRAM.replace("of the image", "of the second image"))
    cdk.deploy()
    assert run(aws) == "of the second image"


def test_without_docker_the_command_names_what_is_missing(aws, cdk, app):
    (app / "image" / "prep.py").write_text(PROGRAM.replace("of the image", "of no image"))
    folders = [each for each in cdk.environment["PATH"].split(os.pathsep) if not Path(each, "docker").exists()]
    before = cdk.environment["PATH"]
    cdk.environment["PATH"] = os.pathsep.join(folders)
    try:
        said = cdk.fails("deploy", "--require-approval", "never")
        assert re.search("docker.*container client", said, re.DOTALL), said
    finally:
        cdk.environment["PATH"] = before
    assert run(aws) == "of the second image"


def test_cdk_processing_local_builds_the_image_by_itself(aws, cdk, app, tmp_path):
    def synthesized():
        command = f"{sys.executable} app.py"
        return synthesize(app, tmp_path / "out", app=command, account_id=aws.account_id, region=aws.region)

    (app / "image" / "prep.py").write_text(PROGRAM.replace("of the image", "of the local image"))
    said = []
    assert deploy(synthesized(), aws, progress=said.append, build_images=True).warnings == ()
    assert "building image Job/Image" in said
    assert run(aws) == "of the local image"

    (app / "image" / "Dockerfile").write_text(f"FROM {BASE}\nCOPY nothing /opt/prep.py\n")
    with pytest.raises(ImageBuildError, match="'Job/Image' could not be built"):
        deploy(synthesized(), aws, build_images=True)


def test_garbage_collection_deletes_the_image_that_no_stack_names_and_keeps_the_other(aws, cdk, app):
    (app / "image" / "prep.py").write_text(PROGRAM.replace("of the image", "of the second image"))
    (app / "image" / "Dockerfile").write_text(DOCKERFILE)
    cdk.deploy()

    def images():
        return aws.client("ecr").describe_images(repositoryName=repository(aws)["repositoryName"])["imageDetails"]

    assert len(images()) == 2
    said = cdk("gc", "--unstable=gc", "--confirm=false", "--created-buffer-days=0", "--rollback-buffer-days=0")
    assert len(images()) == 1, said
    assert run(aws) == "of the second image"
