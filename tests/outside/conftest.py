"""What others wrote, unmodified, against an embedded AWS with its real sandbox."""

import json

import pytest

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import ACCOUNT

PREP = """\
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--word", default="none")
word = parser.parse_args().word
data = pathlib.Path("/opt/ml/processing/input/data/data.csv").read_text()
print(f"prepared {data} with {word}")
pathlib.Path("/opt/ml/processing/out/out.txt").write_text(f"{word}: {data}")
"""
SPARK = """\
import pathlib
from pyspark.sql import SparkSession
total = SparkSession.builder.getOrCreate().range(5).agg({"id": "sum"}).collect()[0][0]
print(f"prepared {total}")
pathlib.Path("/opt/ml/processing/out/out.txt").write_text(f"sum: {total}")
"""


@pytest.fixture(scope="session")
def aws():
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="session")
def role(aws):
    """A role with the policy that AWS manages for SageMaker's users."""
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="SageMakerUser", AssumeRolePolicyDocument=document)
    iam.attach_role_policy(RoleName="SageMakerUser", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    return f"arn:aws:iam::{ACCOUNT}:role/SageMakerUser"


@pytest.fixture(scope="session")
def bucket(aws):
    """A bucket that the policy lets the role use: it has sagemaker in its name."""
    aws.client("s3").create_bucket(Bucket="my-sagemaker-data")
    return "my-sagemaker-data"


@pytest.fixture
def scripts(tmp_path):
    """A folder as a data scientist has it."""
    files = {
        "prep.py": PREP,
        "src/prep.py": PREP,
        "src/requirements.txt": "",
        "spark.py": SPARK,
        "sleep.py": "import time; time.sleep(600)",
        "data.csv": "1,2",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path
