"""Who gets in: hosts, origins, signatures, doors and services, over the wire."""

import datetime
import hashlib
import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import ACCOUNT

TARGET = "SageMaker.ListProcessingJobs"
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}


def send(aws, method, path, headers, body=b""):
    """A request with exactly these headers; status, headers and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def signed(aws, *, service="sagemaker", secret=None, key=ACCOUNT, at=None, body=b"{}", headers=None, path="/"):
    """Headers of a POST, signed as botocore signs it."""
    request = AWSRequest("POST", f"{aws.endpoint_url}{path}", {**JSON, **(headers or {})}, body)
    secret = aws.environment()["AWS_SECRET_ACCESS_KEY"] if secret is None else secret
    with pytest.MonkeyPatch.context() as patch:
        if at is not None:
            patch.setattr("botocore.auth.get_current_datetime", lambda *_: at)
        SigV4Auth(Credentials(key, secret), service, "us-east-1").add_auth(request)
    return {"Host": f"127.0.0.1:{aws.port}", **dict(request.headers.items())}


@pytest.fixture(scope="module")
def aws(world):
    return world.aws


def test_a_request_that_is_signed_is_answered(aws):
    status, headers, body = send(aws, "POST", "/", signed(aws), b"{}")
    assert status == 200
    assert "ProcessingJobSummaries" in json.loads(body)
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:80",
        "127.0.0.1.attacker.example",
        "localhost.attacker.example",
        "10.0.0.1",
        "",
    ],
)
def test_a_host_that_is_no_loopback_name_is_refused_however_well_signed(aws, host):
    headers = signed(aws, headers={"Host": host})
    status, _, body = send(aws, "POST", "/", {**headers, "Host": host}, b"{}")
    assert status == 403
    assert json.loads(body) == {"error": f"the Host header must be 127.0.0.1 or localhost, got {host!r}"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "[::1]"])
def test_every_name_of_loopback_is_a_host(aws, host):
    headers = signed(aws, headers={"Host": f"{host}:{aws.port}"})
    assert send(aws, "POST", "/", {**headers, "Host": f"{host}:{aws.port}"}, b"{}")[0] == 200


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "file://", "http://localhost.attacker.example"])
def test_a_web_page_of_another_origin_is_refused_however_well_signed(aws, origin):
    status, headers, body = send(aws, "POST", "/", {**signed(aws), "Origin": origin}, b"{}")
    assert status == 403
    assert origin in json.loads(body)["error"]
    assert "access-control-allow-origin" not in headers


def test_a_preflight_of_any_origin_learns_nothing(aws):
    for origin in ("https://attacker.example", "http://localhost:3000"):
        asked = {"Host": "localhost", "Origin": origin, "Access-Control-Request-Method": "POST"}
        status, headers, _ = send(aws, "OPTIONS", "/", asked)
        assert status == 403
        assert not [name for name in headers if name.startswith("access-control-")]


def test_an_origin_that_is_asked_for_reads_answers_and_no_other_does(stub_on_path):
    with LocalAws(allow_origins=["https://console.example"]) as aws:
        ours, other = {"Origin": "https://console.example"}, {"Origin": "https://other.example"}
        preflight = send(aws, "OPTIONS", "/", {"Host": "localhost", **ours})
        assert preflight[0] == 204
        assert preflight[1]["access-control-allow-origin"] == "https://console.example"
        status, headers, _ = send(aws, "POST", "/", {**signed(aws), **ours}, b"{}")
        assert (status, headers["access-control-allow-origin"]) == (200, "https://console.example")
        assert send(aws, "POST", "/", {"Host": "localhost", **JSON, **ours}, b"{}")[0] in (400, 403)
        assert send(aws, "OPTIONS", "/", {"Host": "localhost", **other})[0] == 403


SERVICES = [
    ("cloudcontrol", "list_resource_requests"),
    ("cloudformation", "list_stacks"),
    ("cloudwatch", "list_metrics"),
    ("dynamodb", "list_tables"),
    ("ecr", "describe_repositories"),
    ("events", "list_rules"),
    ("iam", "list_roles"),
    ("kms", "list_keys"),
    ("logs", "describe_log_groups"),
    ("resourcegroupstaggingapi", "get_resources"),
    ("s3", "list_buckets"),
    ("sagemaker", "list_processing_jobs"),
    ("scheduler", "list_schedules"),
    ("sns", "list_topics"),
    ("sqs", "list_queues"),
    ("ssm", "describe_parameters"),
    ("stepfunctions", "list_state_machines"),
    ("sts", "get_caller_identity"),
]


def client_with(aws, service, key, secret):
    from botocore import UNSIGNED

    config = Config(retries={"total_max_attempts": 1}, **({"signature_version": UNSIGNED} if key is None else {}))
    return boto3.Session().client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=config,
    )


@pytest.mark.parametrize(("service", "call"), SERVICES, ids=[service for service, _ in SERVICES])
@pytest.mark.parametrize("key", ["test", ACCOUNT, "AKIAIOSFODNN7EXAMPLE", None], ids=lambda key: f"key {key}")
def test_no_service_answers_a_signature_without_this_starts_secret(aws, service, call, key):
    getattr(aws.client(service), call)()
    client = client_with(aws, service, key, None if key is None else "test")
    with pytest.raises(ClientError) as refused:
        getattr(client, call)()
    client.close()
    # An unsigned request that names no target looks like one to S3, whatever it is for: here the status is the code.
    code = refused.value.response["Error"]["Code"].replace("403", "AccessDenied")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    assert any(word in code for word in ("Signature", "Token", "Client", "AccessKey", "Authentication", "AccessDenied"))


def test_two_starts_have_secrets_of_their_own():
    first, second = LocalAws(), LocalAws()
    secrets = {each.environment()["AWS_SECRET_ACCESS_KEY"] for each in (first, second)}
    assert len(secrets) == 2
    assert all(len(secret) == 40 for secret in secrets)
    assert not any(secret in repr(vars(each)) for each in (first, second) for secret in secrets)


@pytest.mark.parametrize(
    ("offset", "code"),
    [
        (datetime.timedelta(minutes=-6), "expired"),
        (datetime.timedelta(days=-1), "expired"),
        (datetime.timedelta(minutes=6), "not yet current"),
    ],
)
def test_a_signature_of_another_time_is_refused(aws, offset, code):
    at = datetime.datetime.now(datetime.timezone.utc) + offset
    status, _, body = send(aws, "POST", "/", signed(aws, at=at), b"{}")
    assert status in (400, 403)
    assert code in body.decode()


def test_a_signature_of_a_clock_that_is_a_few_minutes_off_is_taken(aws):
    for offset in (-4, 4):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=offset)
        assert send(aws, "POST", "/", signed(aws, at=at), b"{}")[0] == 200


def test_a_body_that_was_not_signed_is_refused(aws):
    assert send(aws, "POST", "/", signed(aws), b'{"MaxResults": 1}')[0] in (400, 403)


def test_a_body_with_another_digest_than_the_signed_one_never_reaches_its_bucket(world, aws):
    bucket = world.name("bucket")
    aws.client("s3").create_bucket(Bucket=bucket)
    digest = {"X-Amz-Content-SHA256": hashlib.sha256(b"signed").hexdigest()}
    request = AWSRequest("PUT", f"{aws.endpoint_url}/{bucket}/key", digest, b"signed")
    SigV4Auth(Credentials(ACCOUNT, aws.environment()["AWS_SECRET_ACCESS_KEY"]), "s3", "us-east-1").add_auth(request)
    headers = {"Host": f"127.0.0.1:{aws.port}", **dict(request.headers.items())}
    status, _, body = send(aws, "PUT", f"/{bucket}/key", headers, b"forged")
    assert status in (400, 403)
    assert b"XAmzContentSHA256Mismatch" in body
    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert send(aws, "PUT", f"/{bucket}/key", headers, b"signed")[0] == 200


def test_a_header_that_decides_what_is_done_cannot_be_left_out_of_the_signature(aws):
    headers = signed(aws)
    headers["x-amz-security-token"] = "later"
    assert send(aws, "POST", "/", headers, b"{}")[0] in (400, 403)


def test_an_operation_cannot_be_swapped_under_its_signature(aws):
    headers = {**signed(aws), "X-Amz-Target": "SageMaker.CreateProcessingJob"}
    assert send(aws, "POST", "/", headers, b"{}")[0] in (400, 403)


@pytest.fixture(scope="module")
def bucket(world, aws):
    name = world.name("presigned")
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("s3").put_object(Bucket=name, Key="a b/ü+c", Body=b"hello")
    return name


def open_url(url, **options):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_does_what_was_signed_and_nothing_else(aws, bucket, version):
    config = Config(signature_version=version)
    client = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=aws.environment()["AWS_SECRET_ACCESS_KEY"],
        config=config,
    )
    where = {"Bucket": bucket, "Key": "a b/ü+c"}
    get = client.generate_presigned_url("get_object", Params=where, ExpiresIn=600)
    put = client.generate_presigned_url("put_object", Params={**where, "Key": "put"}, ExpiresIn=600)
    late = client.generate_presigned_url("get_object", Params=where, ExpiresIn=-1 if version == "s3" else 1)
    client.close()
    assert open_url(get) == (200, b"hello")
    assert open_url(put, method="PUT", data=b"new", headers={"Content-Type": ""})[0] == 200
    assert open_url(get, method="DELETE")[0] == 403
    assert open_url(get.replace("/a%20b/", "/a%20c/"))[0] == 403
    assert open_url(get.replace("Signature=", "Signature=A"))[0] == 403
    if version == "s3":
        assert open_url(late)[0] == 403
    else:
        signed_at = dict(parse_qsl(urlsplit(get).query))["X-Amz-Date"]
        assert open_url(get.replace(signed_at, "20200101T000000Z"))[0] == 403


def test_a_presigned_url_ends_when_it_says(aws, bucket, monkeypatch):
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=3)
    client = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=aws.environment()["AWS_SECRET_ACCESS_KEY"],
        config=Config(signature_version="s3v4"),
    )
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: past)
    where = {"Bucket": bucket, "Key": "a b/ü+c"}
    lasting = client.generate_presigned_url("get_object", Params=where, ExpiresIn=3600)
    ended = client.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    client.close()
    assert open_url(lasting) == (200, b"hello")
    status, body = open_url(ended)
    assert status == 403
    assert b"Request has expired" in body


DOORS = [
    "/_ministack/health",
    "/_ministack/ready",
    "/_ministack/reset",
    "/_ministack/config",
    "/_ministack/sqs/messages",
    "/_ministack/ses/messages",
    "/_ministack/sns/sms-messages",
    "/_ministack/rds/iam-auth",
    "/_ministack/cfn-response/x",
    "/_localstack/health",
    "/_aws/lambda-url/x/",
    "/_aws/execute-api/x/y/",
    "/_alb/x",
    "/%5fministack/reset",
    "/health",
    "/oauth2/token",
    "/.well-known/openid-configuration",
    "/v2/_catalog",
    "/restapis/x/y/_user_request_/",
    "/2015-03-31/functions/f/invocations",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", DOORS)
def test_none_of_ministacks_own_doors_is_open(aws, path, method):
    status, headers, body = send(aws, method, path, {"Host": "localhost"}, b'{"stepfunctions._sfn_mock_config": 1}')
    # Docker's registry must ask for a token; what it opens is tested in tests/local/aws/ecr.
    assert status in ([401] if path.startswith("/v2/") else [403, 404])
    assert not [name for name in headers if name.startswith("access-control-")]
    assert b"ministack" not in body.lower()


def test_a_reset_that_nobody_signed_leaves_everything_there(world, aws):
    bucket = world.name("kept")
    aws.client("s3").create_bucket(Bucket=bucket)
    assert send(aws, "POST", "/_ministack/reset", {"Host": "localhost"})[0] == 404
    aws.client("s3").head_bucket(Bucket=bucket)


def test_the_admin_door_opens_for_its_own_secret_alone(aws):
    path = "/_cdk_processing/runs"
    root = aws.environment()["AWS_SECRET_ACCESS_KEY"]
    for authorization in (None, "Bearer ", "Bearer test", f"Bearer {root}", signed(aws)["Authorization"]):
        headers = {"Host": "localhost"} | ({"Authorization": authorization} if authorization else {})
        status, _, body = send(aws, "GET", path, headers)
        assert status == 403
        assert json.loads(body)["error"] == "this door needs the secret of whoever started the embedded AWS"
    assert isinstance(aws.runs(), list)


def test_the_secrets_stand_in_no_command_line_environment_or_file(aws):
    from pathlib import Path

    secrets = [aws.environment()["AWS_SECRET_ACCESS_KEY"], aws._secrets.admin]
    process = Path("/proc") / str(aws._process.pid)
    texts = [(process / "cmdline").read_bytes(), (process / "environ").read_bytes()]
    texts += [file.read_bytes() for file in aws._work_dir.rglob("*") if file.is_file()]
    assert not [secret for secret in secrets for text in texts if secret.encode() in text]
    assert aws._work_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("service", ["lambda", "ecs", "rds", "ec2", "batch", "codebuild", "glue", "ssm-incidents"])
def test_a_service_that_no_processing_stack_needs_is_refused_by_name(aws, service):
    client = client_with(aws, service, ACCOUNT, aws.environment()["AWS_SECRET_ACCESS_KEY"])
    calls = {"lambda": "list_functions", "ecs": "list_clusters", "rds": "describe_db_instances", "ec2": "describe_vpcs"}
    calls |= {"batch": "describe_job_queues", "codebuild": "list_projects", "glue": "get_databases"}
    calls |= {"ssm-incidents": "list_replication_sets"}
    with pytest.raises(
        ClientError, match=r"The embedded AWS does not serve '.*'\. It serves what processing stacks need"
    ):
        getattr(client, calls[service])()
    client.close()


def test_a_stack_with_a_function_fails_with_the_reason_and_makes_none(world, aws):
    template = {
        "Resources": {
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": f"arn:aws:iam::{ACCOUNT}:role/any",
                    "Code": {"ZipFile": "def handler(event, context): open('/tmp/escaped', 'w')"},
                },
            }
        }
    }
    name = world.name("stack")
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), DisableRollback=True)
    world.until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"],
        lambda status: not status.endswith("IN_PROGRESS"),
    )
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "The embedded AWS does not provision AWS::Lambda::Function" in reasons


def test_a_web_socket_is_closed(aws):
    headers = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    assert send(aws, "GET", "/mqtt", headers)[0] == 403
