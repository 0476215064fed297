"""The AWS CLI 2 creates, awaits, lists and follows jobs in the embedded AWS as it does in AWS."""

import functools
import json
import os
import shutil
import subprocess

import pytest

from tests.patience import PATIENCE

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


@functools.cache
def version_2():
    """The AWS CLI 2 of this machine, if it has one: Debian has the package ``awscli``."""
    for command in filter(None, ["/usr/bin/aws", shutil.which("aws")]):
        if os.access(command, os.X_OK):
            done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
            if done.stdout.startswith("aws-cli/2."):
                return command
    return None


@pytest.fixture
def cli(aws):
    command = version_2()
    if command is None:
        pytest.skip("needs the AWS CLI 2; Debian has it as the package awscli")

    def run(*arguments):
        environment = {**os.environ, **aws.environment(), "AWS_PAGER": ""}
        # Releases before 2.13 do not read AWS_ENDPOINT_URL.
        done = subprocess.run(
            [command, "--endpoint-url", aws.endpoint_url, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_job_is_created_awaited_listed_and_its_log_followed(cli, bucket, role, scripts):
    cli("s3", "cp", str(scripts / "prep.py"), f"s3://{bucket}/cli/code/prep.py")
    cli("s3", "cp", str(scripts / "data.csv"), f"s3://{bucket}/cli/data/")

    def channel(name):
        return {
            "InputName": name,
            "S3Input": {
                "S3Uri": f"s3://{bucket}/cli/{name}/",
                "LocalPath": f"/opt/ml/processing/input/{name}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }

    out = {
        "OutputName": "out",
        "S3Output": {
            "S3Uri": f"s3://{bucket}/cli/out",
            "LocalPath": "/opt/ml/processing/out",
            "S3UploadMode": "EndOfJob",
        },
    }
    request = {
        "ProcessingJobName": "from-the-cli",
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/prep.py"],
            "ContainerArguments": ["--word", "cli"],
        },
        "ProcessingInputs": [channel("code"), channel("data")],
        "ProcessingOutputConfig": {"Outputs": [out]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
        },
    }

    made = json.loads(cli("sagemaker", "create-processing-job", "--cli-input-json", json.dumps(request)))
    cli("sagemaker", "wait", "processing-job-completed-or-stopped", "--processing-job-name", "from-the-cli")
    listed = json.loads(cli("sagemaker", "list-processing-jobs", "--name-contains", "from-the-cli"))
    tail = cli("logs", "tail", "/aws/sagemaker/ProcessingJobs", "--log-stream-name-prefix", "from-the-cli")
    cli("s3", "cp", f"s3://{bucket}/cli/out/out.txt", str(scripts / "out.txt"))

    assert made["ProcessingJobArn"].endswith(":processing-job/from-the-cli")
    (summary,) = listed["ProcessingJobSummaries"]
    assert summary["ProcessingJobStatus"] == "Completed"
    assert "prepared 1,2 with cli" in tail
    assert (scripts / "out.txt").read_text() == "cli: 1,2"


def test_a_large_file_comes_back_as_it_went(cli, bucket, tmp_path):
    content = os.urandom(20 * 1024 * 1024)
    (tmp_path / "large").write_bytes(content)

    cli("s3", "cp", str(tmp_path / "large"), f"s3://{bucket}/large")
    cli("s3", "cp", f"s3://{bucket}/large", str(tmp_path / "back"))

    assert (tmp_path / "back").read_bytes() == content
