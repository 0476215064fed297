"""A job with a network, in a real sandbox: its endpoint takes its own credentials and no others."""

import json
import sys

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cdk_processing.local.engine import LocalAws
from cdk_processing.local.wire.aws_names import AwsNames
from tests.local.control_plane import ACCOUNT, EXECUTION_ROLE_STATEMENTS, World

# What the script does is a list of attempts; each ends as "done" or as the code of the error.
SCRIPT = """
import json, os, urllib.request, urllib.error
import boto3
from botocore.config import Config

def client(service, url, keys=None):
    keys = keys or {}
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.Session().client(service, endpoint_url=url, region_name="us-east-1", config=config, **keys)

def attempt(call):
    try:
        return call() or "done"
    except Exception as error:
        return getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__

def opened(url, method="GET", headers={}):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)) as answer:
            return "done"
    except urllib.error.HTTPError as error:
        return str(error.code)
    except urllib.error.URLError:
        return "unreachable"

given = json.loads(os.environ["GIVEN"])
own, main = os.environ["AWS_ENDPOINT_URL"], given["main"]
root = {"aws_access_key_id": given["account"], "aws_secret_access_key": "test"}
stolen = given["stolen"]
found = {
    "an endpoint of its own": str(own != main),
    "who it is": client("sts", own).get_caller_identity()["Arn"].split("/")[1],
    "what its role may": attempt(lambda: client("s3", own).list_buckets() and "done"),
    "what its role may not": attempt(lambda: client("sqs", own).list_queues() and "done"),
    "MiniStack's root key": attempt(lambda: client("s3", own, root).list_buckets() and "done"),
    "MiniStack's root key elsewhere": attempt(lambda: client("s3", main, root).list_buckets() and "done"),
    "another role's keys": attempt(lambda: client("s3", own, stolen).list_buckets() and "done"),
    "no keys": opened(own),
    "the admin door": opened(own + "/_cdk_processing/faults", "DELETE"),
    "the admin door elsewhere": opened(main + "/_cdk_processing/faults", "DELETE"),
    "the admin door with its secret": opened(own + "/_cdk_processing/runs", "GET", {"Authorization": given["admin"]}),
    "MiniStack's reset": opened(own + "/_ministack/reset", "POST"),
}
[login] = client("ecr", own).get_authorization_token()["authorizationData"]
token = {"Authorization": "Basic " + login["authorizationToken"]}
found["the registry by its own endpoint"] = opened(own + "/v2/", "GET", token)
found["pushing to the registry"] = opened(main + "/v2/images/blobs/uploads/", "POST", token)
found["pulling what its role may not"] = opened(main + "/v2/images/manifests/latest", "GET", token)
assumed = client("sts", own).assume_role(RoleArn=given["other"], RoleSessionName="mine")["Credentials"]
keys = {"aws_access_key_id": assumed["AccessKeyId"], "aws_secret_access_key": assumed["SecretAccessKey"],
        "aws_session_token": assumed["SessionToken"]}
found["keys that it gets from STS"] = attempt(lambda: client("sqs", own, keys).list_queues() and "done")
s3 = client("s3", own)
for name, value in {"found": found, "keys": {n: os.environ[n] for n in os.environ if n.startswith("AWS_")}}.items():
    s3.put_object(Bucket=given["bucket"], Key=name, Body=json.dumps(value).encode())
"""


@pytest.fixture(scope="module")
def job():
    """What the script found, and the variables that it was given."""
    with LocalAws(python=sys.executable) as aws:
        world = World(aws)
        bucket = world.name("found")
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=bucket)
        own = world.execution_role()
        other = world.role("ecs-tasks.amazonaws.com", [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}])
        trust = {"Effect": "Allow", "Principal": {"AWS": own}, "Action": "sts:AssumeRole"}
        trusted = [trust, {**trust, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}]
        aws.client("iam").update_assume_role_policy(
            RoleName=other.rsplit("/", 1)[-1],
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trusted}),
        )
        world.allow(
            own,
            [
                *EXECUTION_ROLE_STATEMENTS,
                {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "s3:PutObject"], "Resource": "*"},
                {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"},
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": other},
            ],
        )
        stolen = aws.client("sts").assume_role(RoleArn=other, RoleSessionName="stolen")["Credentials"]
        given = {
            "account": ACCOUNT,
            "main": aws.endpoint_url,
            "bucket": bucket,
            "other": other,
            "admin": f"Bearer {aws._secrets.admin}",
            "stolen": {
                "aws_access_key_id": stolen["AccessKeyId"],
                "aws_secret_access_key": stolen["SecretAccessKey"],
                "aws_session_token": stolen["SessionToken"],
            },
        }
        yield run(world, own, world.request(own), given, s3, bucket)


def run(world, role, request, given, s3, bucket):
    # The values of an environment are short: script and what it is given come by S3.
    s3.put_object(Bucket=bucket, Key="code/script.py", Body=SCRIPT.encode())
    s3.put_object(Bucket=bucket, Key="code/given.json", Body=json.dumps(given).encode())
    start = (
        "import os; os.environ['GIVEN'] = open('/opt/ml/processing/code/given.json').read();"
        "exec(open('/opt/ml/processing/code/script.py').read(), {'__name__': '__main__'})"
    )
    request["AppSpecification"] = {**request["AppSpecification"], "ContainerEntrypoint": ["python3", "-c", start]}
    request["NetworkConfig"] = {"EnableNetworkIsolation": False}
    request["ProcessingInputs"] = [
        {
            "InputName": "code",
            "S3Input": {
                "S3Uri": f"s3://{bucket}/code/",
                "LocalPath": "/opt/ml/processing/code",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
    ]
    world.client("sagemaker").create_processing_job(**request)
    ended = world.ended(request["ProcessingJobName"])
    lines = [each["last_lines"] for each in world.aws.runs()]
    assert ended["ProcessingJobStatus"] == "Completed", (ended.get("FailureReason"), "\n".join(lines[0][-6:]))
    found, keys = (json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in ("found", "keys"))
    return world.aws, role, found, keys


def test_a_job_does_what_its_role_may_by_an_endpoint_of_its_own(job):
    _, role, found, _ = job
    assert found["an endpoint of its own"] == "True"
    assert found["who it is"] == role.rsplit("/", 1)[-1]
    assert found["what its role may"] == "done"
    assert found["what its role may not"] == "AccessDenied"


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("MiniStack's root key", "UnrecognizedClientException"),
        ("MiniStack's root key elsewhere", "SignatureDoesNotMatch"),
        ("another role's keys", "UnrecognizedClientException"),
        ("no keys", "403"),
        ("the admin door", "403"),
        ("the admin door elsewhere", "403"),
        ("the admin door with its secret", "403"),
        ("MiniStack's reset", "403"),
        ("the registry by its own endpoint", "403"),
        ("pushing to the registry", "403"),
        ("pulling what its role may not", "403"),
    ],
)
def test_a_job_gets_nowhere_with_other_credentials(job, attempt, outcome):
    # An ordinary user's job has a network of its own, and does not reach the main endpoint at all.
    unreachable = () if AwsNames.may_listen() else ("EndpointConnectionError", "unreachable")
    assert job[2][attempt] in (outcome, *unreachable)


def test_a_role_that_the_job_assumes_is_its_own_as_in_aws(job):
    assert job[2]["keys that it gets from STS"] == "done"


def test_credentials_and_endpoint_end_with_the_job(job):
    aws, _, _, keys = job
    assert keys["AWS_ENDPOINT_URL"] != aws.endpoint_url
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.Session().client(
        "sts",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        config=config,
    )
    with pytest.raises(ClientError, match=r"InvalidClientTokenId|UnrecognizedClient"):
        client.get_caller_identity()
    client.close()
