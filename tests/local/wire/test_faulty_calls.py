"""Faults of API calls, as boto3 meets them over the wire."""

import threading
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError

from cdk_processing.local import faults
from tests.local.control_plane import EXECUTION_ROLE_STATEMENTS
from tests.local.faulty import faulty_world


@pytest.fixture(scope="module")
def faulty():
    with faulty_world() as world:
        world.client("s3").create_bucket(Bucket="bucket")
        world.client("s3").put_object(Bucket="bucket", Key="there", Body=b"here")
        yield world


@pytest.fixture(autouse=True)
def no_fault_left(faulty):
    yield
    faulty.aws.clear_faults()


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response


# A call of every protocol that the AWS APIs speak, and one of the same service that no fault is about.
CALLS = [
    ("sqs", "ListQueues", "list_queues", {}, "sqs:CreateQueue"),
    ("dynamodb", "ListTables", "list_tables", {}, "dynamodb:PutItem"),
    ("kms", "ListKeys", "list_keys", {}, "kms:Decrypt"),
    ("events", "ListRules", "list_rules", {}, "events:PutEvents"),
    ("logs", "DescribeLogGroups", "describe_log_groups", {}, "logs:PutLogEvents"),
    ("stepfunctions", "ListStateMachines", "list_state_machines", {}, "states:StartExecution"),
    ("sagemaker", "ListProcessingJobs", "list_processing_jobs", {}, "sagemaker:CreateProcessingJob"),
    ("sns", "ListTopics", "list_topics", {}, "sns:Publish"),
    ("sts", "GetCallerIdentity", "get_caller_identity", {}, "sts:AssumeRole"),
    ("cloudwatch", "ListMetrics", "list_metrics", {}, "cloudwatch:PutMetricData"),
    ("scheduler", "ListSchedules", "list_schedules", {}, "scheduler:GetSchedule"),
    ("s3", "PutObject", "put_object", {"Bucket": "bucket", "Key": "a b/ü", "Body": b"x" * 200_000}, "s3:GetObject"),
    ("s3", "GetObject", "get_object", {"Bucket": "bucket", "Key": "there"}, "s3:GetObjectTagging"),
    ("s3", "ListObjectsV2", "list_objects_v2", {"Bucket": "bucket"}, "s3:ListObjects"),
]


@pytest.mark.parametrize(("service", "operation", "method", "arguments", "other"), CALLS)
def test_a_call_fails_as_said_and_as_often_as_said(faulty, service, operation, method, arguments, other):
    call = getattr(faulty.once(service), method)
    with (
        faulty.aws.inject(faults.throttling(other)) as elsewhere,
        faulty.aws.inject(
            faults.call_fails(f"{service}:{operation}", "SomeException", "it & <that>", status=403, times=2)
        ) as fault,
    ):
        for hit in (1, 2):
            answer = refused(call, **arguments)
            assert (answer["Error"]["Code"], answer["Error"]["Message"]) == ("SomeException", "it & <that>")
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
            assert fault.hits == hit
        call(**arguments)
    assert fault.hits == 2
    assert elsewhere.hits == 0


@pytest.mark.parametrize(("service", "operation", "method", "arguments"), [call[:4] for call in CALLS])
def test_an_answer_is_lost_once_and_the_connection_with_it(faulty, service, operation, method, arguments):
    call = getattr(faulty.once(service), method)
    with faulty.aws.inject(faults.answer_lost(f"{service}:{operation}")) as fault:
        # boto3 streams the body of an object, so there it breaks in the reader's hands.
        broken = ResponseStreamingError if operation == "GetObject" else ConnectionClosedError
        with pytest.raises(broken):
            call(**arguments)["Body"].read()
        call(**arguments)
        assert fault.hits == 1


def test_the_call_whose_answer_is_lost_is_done(faulty):
    s3 = faulty.once("s3")
    with faulty.aws.inject(faults.answer_lost("s3:PutObject")), pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="bucket", Key="lost", Body=b"done")
    assert s3.get_object(Bucket="bucket", Key="lost")["Body"].read() == b"done"


def test_a_call_that_fails_is_not_done(faulty):
    s3 = faulty.once("s3")
    with faulty.aws.inject(faults.call_fails("s3:PutObject", "SlowDown", status=503)):
        assert refused(s3.put_object, Bucket="bucket", Key="slow", Body=b"x")["Error"]["Code"] == "SlowDown"
    assert refused(s3.get_object, Bucket="bucket", Key="slow")["Error"]["Code"] == "NoSuchKey"


def test_a_head_has_no_body_so_its_error_is_its_status(faulty):
    head = faulty.once("s3").head_object
    for fault, status in (
        (faults.call_fails("s3:HeadObject", "SlowDown", status=503), 503),
        (faults.answer_lost("s3:HeadObject"), 500),
    ):
        with faulty.aws.inject(fault):
            answer = refused(head, Bucket="bucket", Key="there")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert head(Bucket="bucket", Key="there")["ContentLength"] == 4


def test_the_answer_of_a_presigned_request_fails_too(faulty):
    for client in (faulty.client("s3"), faulty.once("s3")):
        url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "there"})
        with faulty.aws.inject(faults.call_fails("s3:GetObject", "SlowDown", status=503)) as fault:
            with pytest.raises(HTTPError) as caught:
                urlopen(url)
            with caught.value as error:
                assert error.code == 503
                assert b"<Code>SlowDown</Code>" in error.read()
            assert fault.hits == 1


def test_a_service_out_of_reach_refuses_every_call_and_the_others_none(faulty):
    with faulty.aws.inject(faults.unreachable("dynamodb")) as fault:
        for method, arguments in (("list_tables", {}), ("describe_table", {"TableName": "table"})):
            answer = refused(getattr(faulty.once("dynamodb"), method), **arguments)
            assert answer["Error"]["Code"] == "ServiceUnavailable"
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert fault.hits == 2
        faulty.once("sqs").list_queues()
        faulty.once("s3").list_buckets()
        faulty.once("sagemaker").list_processing_jobs()
    faulty.once("dynamodb").list_tables()


def test_boto3_repeats_a_throttled_call_by_itself(faulty):
    with faulty.aws.inject(faults.throttling("sqs:ListQueues", times=2)) as fault:
        faulty.client("sqs").list_queues()
    assert fault.hits == 2


def test_a_rate_admits_a_burst_of_as_many_and_refuses_what_goes_beyond_it(faulty):
    call = faulty.once("sqs").list_queues
    answers = []
    with faulty.aws.inject(faults.throttling("sqs:ListQueues", per_second=5)) as fault:
        began = time.monotonic()

        def storm():
            for _ in range(10):
                answers.append("passed" if not is_refused(call) else "refused")

        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        assert answers.count("refused") == fault.hits
        assert len(answers) == 40
        assert 5 <= answers.count("passed") <= 5 + 5 * seconds + 1
        faulty.until(lambda: not is_refused(call), bool)


def is_refused(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    return False


def test_of_two_faults_the_first_strikes_until_its_hits_are_used_up(faulty):
    call = faulty.once("sqs").list_queues
    with (
        faulty.aws.inject(faults.call_fails("sqs:ListQueues", "First", times=1)),
        faulty.aws.inject(faults.call_fails("sqs:*", "Second")),
    ):
        assert [refused(call)["Error"]["Code"] for _ in range(2)] == ["First", "Second"]


def test_a_fault_ends_with_its_block_by_hand_or_with_all_others(faulty):
    call = faulty.once("sqs").list_queues
    with faulty.aws.inject(faults.throttling("sqs:ListQueues")):
        refused(call)
    call()
    by_hand = faulty.aws.inject(faults.throttling("sqs:ListQueues"))
    refused(call)
    by_hand.remove()
    by_hand.remove()
    call()
    one = faulty.aws.inject(faults.throttling("sqs:ListQueues"))
    two = faulty.aws.inject(faults.throttling("sqs:ListQueues"))
    refused(call)
    faulty.aws.clear_faults()
    call()
    assert (by_hand.hits, one.hits, two.hits) == (1, 1, 0)


def test_a_fault_ends_when_the_test_that_injected_it_fails(faulty):
    with pytest.raises(ZeroDivisionError), faulty.aws.inject(faults.throttling("sqs:ListQueues")):
        _ = 1 / 0
    faulty.once("sqs").list_queues()


def test_a_call_that_aws_does_not_have_is_an_error_of_the_test(faulty):
    with pytest.raises(ValueError, match="sqs has no operation 'Send' "):
        faulty.aws.inject(faults.throttling("sqs:Send"))
    with pytest.raises(ValueError, match="there is no AWS service 'queues'"):
        faulty.aws.inject(faults.unreachable("queues"))


def test_a_job_meets_the_faults_of_the_calls_it_makes(faulty):
    faulty.allow(
        faulty.job_role, [*EXECUTION_ROLE_STATEMENTS, {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]
    )
    with faulty.aws.inject(faults.call_fails("sqs:ListQueues", "AccessDenied", status=403)) as fault:
        name = faulty.create(Environment={"CALL": "sqs.list_queues"})
        assert faulty.ended(name)["ProcessingJobStatus"] == "Failed"
    assert fault.hits == 1
    assert faulty.ended(faulty.create(Environment={"CALL": "sqs.list_queues"}))["ProcessingJobStatus"] == "Completed"


def test_a_task_of_step_functions_meets_the_faults_of_the_call_it_makes(faulty):
    url, arn = faulty.queue()
    role = faulty.role("states.amazonaws.com", [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}])
    resource = "arn:aws:states:::sqs:sendMessage"
    machine = faulty.task_machine(resource, {"QueueUrl": url, "MessageBody": "x"}, role)
    with faulty.aws.inject(faults.unreachable("sqs")) as fault:
        execution = faulty.execute(machine)
    assert execution["status"] == "FAILED"
    assert execution["error"].startswith("SQS.")
    assert "Status Code: 503" in execution["cause"]
    # Its SDK repeats the call three times before it gives up.
    assert fault.hits == 4
    assert faulty.execute(machine)["status"] == "SUCCEEDED"
