"""Faults as values, and telling which operation a request is: no server."""

import json
import subprocess
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config

from cdk_processing.local import faults
from cdk_processing.local.api_models.operations import Request, calls_named, operation_of, signing_name_of
from cdk_processing.local.injection import Faults

EVERY_FAULT = [
    faults.throttling(),
    faults.throttling("s3:*", times=3, per_second=0.5),
    faults.call_fails("sqs:SendMessage", "AccessDenied", "no", status=403, times=1),
    faults.unreachable("dynamodb"),
    faults.answer_lost("s3:PutObject", times=None, retried=True),
    faults.quota_exceeded("ml.m5.large", limit=0, requested=2),
    faults.no_capacity("ml.p4d.24xlarge"),
    faults.job_fails(),
    faults.job_stuck(times=2),
    faults.events_repeated(3, source="aws.s3"),
    faults.events_delayed(0.5),
    faults.events_lost(times=1),
    faults.events_held(source="a"),
    faults.schedules_repeated(),
]


@pytest.mark.parametrize("fault", EVERY_FAULT, ids=repr)
def test_a_fault_survives_the_way_to_the_server(fault):
    assert faults.fault_from_json(json.loads(json.dumps(fault.to_json()))) == fault


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: faults.throttling(times=0), "times must be 1 or more, or None for until it is removed, got 0"),
        (lambda: faults.throttling(times=-1), "times must be 1 or more, .* got -1"),
        (lambda: faults.throttling(times=True), "times must be 1 or more, .* got True"),
        (lambda: faults.throttling(times=1.5), "times must be 1 or more, .* got 1.5"),
        (lambda: faults.throttling(per_second=0), "per_second must be a number above 0, or None, got 0"),
        (lambda: faults.throttling("SendMessage"), "action must be 'service:Operation', .* got 'SendMessage'"),
        (lambda: faults.throttling("sqs:sendMessage"), "action must be 'service:Operation', .* got 'sqs:sendMessage'"),
        (lambda: faults.throttling("sqs:Send*"), "action must be 'service:Operation'"),
        (lambda: faults.answer_lost("*"), "action must be 'service:Operation'"),
        (lambda: faults.call_fails("sqs:SendMessage", ""), "code must be a text that is not empty, got ''"),
        (lambda: faults.call_fails("sqs:*", "A", status=200), "status must be an HTTP status from 400 to 599, got 200"),
        (lambda: faults.unreachable("sqs:*"), "service must be a service's name such as 'sqs', got 'sqs:\\*'"),
        (lambda: faults.quota_exceeded(limit=-1), "limit must be 0 or more, got -1"),
        (lambda: faults.quota_exceeded(requested=0), "requested must be 1 or more, .* got 0"),
        (lambda: faults.quota_exceeded("m5.large"), "instance_type must be an instance type such as .* got 'm5.large'"),
        (lambda: faults.no_capacity("large"), "instance_type must be an instance type such as .* got 'large'"),
        (lambda: faults.job_fails(" "), "reason must be a text that is not empty, got ' '"),
        (lambda: faults.events_repeated(1), "copies must be 2 or more, got 1"),
        (lambda: faults.events_delayed(0), "seconds must be a number of seconds above 0, got 0"),
        (lambda: faults.events_delayed(float("nan")), "seconds must be a number of seconds above 0, got nan"),
        (lambda: faults.events_lost(source=""), "source must be an event's source such as 'aws.s3', or None for all"),
        (lambda: faults.schedules_repeated(0), "copies must be 2 or more, got 0"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_can(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


def test_what_is_no_fault_is_refused_by_the_server_too():
    with pytest.raises(ValueError, match=r"fault must be one of CallFails, .* got 'Nothing'"):
        faults.fault_from_json({"fault": "Nothing"})
    with pytest.raises(ValueError, match=r"EventsLost: .* unexpected keyword argument 'color'"):
        faults.fault_from_json({"fault": "EventsLost", "color": "red"})
    with pytest.raises(ValueError, match="times must be 1 or more"):
        faults.fault_from_json({"fault": "EventsLost", "times": -3})


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ("sq:SendMessage", "there is no AWS service 'sq' .in 'sq:SendMessage'.; use boto3's name of it"),
        ("sqs:SendMessages", "sqs has no operation 'SendMessages' .in 'sqs:SendMessages'., as the API names it"),
        ("s3:PutOBJECT", "s3 has no operation 'PutOBJECT' .*; did you mean PutObject?"),
    ],
)
def test_a_call_that_aws_does_not_have_is_refused_when_it_is_injected(action, problem):
    registry = Faults()
    with pytest.raises(ValueError, match=problem):
        registry.inject(faults.throttling(action))
    assert not registry


def test_services_may_be_called_as_iam_calls_them():
    assert calls_named("states:StartExecution") == calls_named("stepfunctions:StartExecution")
    assert calls_named("monitoring:PutMetricData") == calls_named("cloudwatch:PutMetricData")


def test_of_many_threads_as_many_are_struck_as_said():
    registry = Faults()
    entry = registry.inject(faults.throttling("sqs:*", times=50))
    struck = []

    def call():
        struck.extend(registry.for_call("sqs", "SendMessage") for _ in range(100))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entry.hits == 50
    assert sum(found is not None for found in struck) == 50


def test_the_first_fault_that_fits_and_has_hits_left_strikes():
    registry = Faults()
    other = registry.inject(faults.throttling("s3:*"))
    first = registry.inject(faults.throttling("sqs:SendMessage", times=1))
    second = registry.inject(faults.unreachable("sqs"))
    assert [registry.for_call("sqs", "SendMessage") for _ in range(2)] == [first, second]
    assert registry.for_call("sqs", "ReceiveMessage") is second
    assert (other.hits, first.hits, second.hits) == (0, 1, 2)
    registry.clear()
    assert registry.for_call("sqs", "SendMessage") is None
    assert not registry


def test_what_a_fault_held_is_let_go_once_the_newest_first_and_never_kept_after_that():
    registry = Faults()
    entry = registry.inject(faults.events_held())
    seen = []
    for number in (1, 2, 3):
        entry.hold(lambda number=number: seen.append(number))
    assert seen == []
    registry.remove(entry.number)
    registry.remove(entry.number)
    assert seen == [3, 2, 1]
    entry.hold(lambda: seen.append(4))
    assert seen == [3, 2, 1, 4]


CALLS = [
    ("s3", "PutObject", {"Bucket": "bucket", "Key": "a/b c+%25?=&é"}),
    ("s3", "GetObject", {"Bucket": "bucket", "Key": "a", "VersionId": "1"}),
    ("s3", "HeadObject", {"Bucket": "bucket", "Key": "a"}),
    ("s3", "DeleteObject", {"Bucket": "bucket", "Key": "folder/"}),
    ("s3", "CopyObject", {"Bucket": "bucket", "Key": "a", "CopySource": "bucket/b"}),
    ("s3", "CreateMultipartUpload", {"Bucket": "bucket", "Key": "a"}),
    ("s3", "UploadPart", {"Bucket": "bucket", "Key": "a", "PartNumber": 1, "UploadId": "u"}),
    ("s3", "UploadPartCopy", {"Bucket": "bucket", "Key": "a", "PartNumber": 1, "UploadId": "u", "CopySource": "b/c"}),
    ("s3", "CompleteMultipartUpload", {"Bucket": "bucket", "Key": "a", "UploadId": "u"}),
    ("s3", "ListParts", {"Bucket": "bucket", "Key": "a", "UploadId": "u"}),
    ("s3", "GetObjectTagging", {"Bucket": "bucket", "Key": "a"}),
    ("s3", "PutObjectTagging", {"Bucket": "bucket", "Key": "a", "Tagging": {"TagSet": []}}),
    ("s3", "ListObjectsV2", {"Bucket": "bucket", "Prefix": "a/"}),
    ("s3", "ListObjects", {"Bucket": "bucket"}),
    ("s3", "ListObjectVersions", {"Bucket": "bucket"}),
    ("s3", "DeleteObjects", {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "a"}]}}),
    ("s3", "CreateBucket", {"Bucket": "bucket"}),
    ("s3", "HeadBucket", {"Bucket": "bucket"}),
    ("s3", "GetBucketPolicy", {"Bucket": "bucket"}),
    ("s3", "ListBuckets", {}),
    ("scheduler", "GetSchedule", {"Name": "a"}),
    ("scheduler", "ListSchedules", {}),
    ("scheduler", "TagResource", {"ResourceArn": "arn:aws:scheduler:::schedule-group/a", "Tags": []}),
    ("lambda", "Invoke", {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f"}),
    ("lambda", "GetFunction", {"FunctionName": "f"}),
    ("sqs", "SendMessage", {"QueueUrl": "http://a/b", "MessageBody": "Action=DeleteQueue"}),
    ("dynamodb", "UpdateItem", {"TableName": "t", "Key": {"a": {"S": "b"}}}),
    ("kms", "Decrypt", {"CiphertextBlob": b"x"}),
    ("sns", "Publish", {"Message": "x", "TopicArn": "arn"}),
    ("sts", "GetCallerIdentity", {}),
    ("events", "PutEvents", {"Entries": []}),
    ("logs", "PutLogEvents", {"logGroupName": "g", "logStreamName": "s", "logEvents": []}),
    ("cloudwatch", "PutMetricData", {"Namespace": "n"}),
    ("stepfunctions", "StartExecution", {"stateMachineArn": "arn"}),
]


class SentError(Exception):
    """Stands for an answer: what counts is what was sent."""


def client_that_sends_nothing(service, sent):
    def keep(request, **_):
        sent.append(request)
        raise SentError

    config = Config(parameter_validation=False, signature_version="s3v4" if service == "s3" else None)
    keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.Session().client(service, endpoint_url="http://127.0.0.1:1", config=config, **keys)
    client.meta.events.register("before-send", keep)
    return client


@pytest.mark.parametrize(("service", "operation", "arguments"), CALLS, ids=lambda value: str(value)[:30])
def test_a_call_is_told_from_what_boto3_sends(service, operation, arguments):
    sent = []
    client = client_that_sends_nothing(service, sent)
    with pytest.raises(SentError):
        getattr(client, xform_name(operation))(**arguments)
    client.close()
    (request,) = sent
    url = urlsplit(request.url)
    headers = {
        name.lower(): str(value, "utf-8") if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    query = parse_qs(url.query, keep_blank_values=True)
    seen = Request(request.method, url.path or "/", query, headers, body)
    calls = calls_named(f"{service}:{operation}")
    assert signing_name_of(headers, url.query) == calls.signing_name
    assert operation_of(calls.service, seen) == operation


def test_a_presigned_request_is_told_too():
    client = client_that_sends_nothing("s3", [])
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a"}))
    client.close()
    assert signing_name_of({}, url.query) == "s3"


def test_a_request_that_is_not_signed_is_of_no_service():
    assert signing_name_of({}, "") is None
    assert signing_name_of({"authorization": "Bearer x"}, "a=b") is None


def test_faults_are_imported_without_anything_heavy():
    code = (
        "import sys, cdk_processing.local.faults\n"
        "heavy = {'boto3', 'botocore', 'aws_cdk', 'ministack', 'cdk_processing.local.engine'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
