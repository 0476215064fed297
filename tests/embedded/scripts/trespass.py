"""Read what the execution role may not read, and write down what S3 says."""

import os
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

try:
    boto3.client("s3").get_object(Bucket=os.environ["BUCKET"], Key=os.environ["KEY"])
    said = "allowed"
except ClientError as error:
    said = error.response["Error"]["Code"]
Path("/opt/ml/processing/output/said.txt").write_text(said, encoding="utf-8")
