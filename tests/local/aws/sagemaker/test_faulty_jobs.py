"""Faults of processing jobs and of asking for them, as boto3 and as a state of Step Functions meet them."""

import json

import pytest
from botocore.exceptions import ClientError

from cdk_processing.local import faults
from tests.local.faulty import faulty_world

CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)
INTERNAL = "InternalServerError: We encountered an internal error. Please try again."


@pytest.fixture(scope="module")
def faulty():
    with faulty_world() as world:
        yield world


@pytest.fixture(autouse=True)
def no_fault_left(faulty):
    yield
    faulty.aws.clear_faults()


def on(instance_type, count=1):
    cluster = {"InstanceCount": count, "InstanceType": instance_type, "VolumeSizeInGB": 10}
    return {"ProcessingResources": {"ClusterConfig": cluster}}


def retried(**retrier):
    return {"Retry": [{"ErrorEquals": ["SageMaker.AmazonSageMakerException"], "BackoffRate": 1, **retrier}]}


# -- asking for a job


def test_a_throttled_request_makes_no_job_and_takes_no_name(faulty):
    request = faulty.request(faulty.job_role)
    create = faulty.once("sagemaker").create_processing_job
    with faulty.aws.inject(faults.throttling()) as fault:
        with pytest.raises(ClientError) as caught:
            create(**request)
        assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert faulty.jobs(request["ProcessingJobName"]) == []
        assert fault.hits == 1
    create(**request)


def test_a_state_sees_throttling_as_the_general_sagemaker_error(faulty):
    with faulty.aws.inject(faults.throttling()) as fault:
        execution, name = faulty.run()
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert execution["cause"].startswith(
        "Rate exceeded (Service: AmazonSageMaker; Status Code: 400; Error Code: ThrottlingException; Request ID: "
    )
    assert faulty.jobs(name) == []
    assert fault.hits == 1


def test_a_state_that_retries_gets_its_one_job_after_as_many_throttles_as_said(faulty):
    with faulty.aws.inject(faults.throttling(times=3)) as fault:
        execution, name = faulty.run(**retried(IntervalSeconds=30, MaxAttempts=3))
    assert execution["status"] == "SUCCEEDED"
    assert faulty.jobs(name) == [name]
    assert fault.hits == 3


def test_a_state_sees_a_service_out_of_reach_with_its_status(faulty):
    with faulty.aws.inject(faults.unreachable("sagemaker")) as fault:
        execution, _ = faulty.run()
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert "(Service: AmazonSageMaker; Status Code: 503; Error Code: ServiceUnavailable; " in execution["cause"]
    assert fault.hits == 1


def test_sync_follows_its_job_without_calls_that_could_fail(faulty):
    with faulty.aws.inject(faults.throttling("sagemaker:DescribeProcessingJob")) as fault:
        execution, _ = faulty.run()
        assert execution["status"] == "SUCCEEDED"
    assert fault.hits == 0


def test_a_lost_answer_leaves_a_job_that_boto3_itself_then_finds_in_its_way(faulty):
    request = faulty.request(faulty.job_role)
    with faulty.aws.inject(faults.answer_lost()) as fault, pytest.raises(ClientError) as caught:
        faulty.client("sagemaker").create_processing_job(**request)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    assert fault.hits == 1
    assert faulty.ended(request["ProcessingJobName"])["ProcessingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("retried", "error"),
    [(False, "SageMaker.SdkClientException"), (True, "SageMaker.ResourceInUseException")],
)
def test_a_lost_answer_leaves_a_job_that_the_state_does_not_know_of(faulty, retried, error):
    with faulty.aws.inject(faults.answer_lost(retried=retried)) as fault:
        execution, name = faulty.run()
    assert (execution["status"], execution["error"]) == ("FAILED", error)
    assert fault.hits == 1
    assert faulty.ended(name)["ProcessingJobStatus"] == "Completed"


def test_an_answer_is_not_lost_where_the_call_was_refused(faulty):
    with faulty.aws.inject(faults.answer_lost()):
        error = faulty.create(ProcessingJobName="a_b")
    assert error["Code"] == "ValidationException"


# -- quotas


def test_a_quota_in_use_is_refused_in_the_words_of_aws(faulty):
    with faulty.aws.inject(faults.quota_exceeded("ml.m5.xlarge", limit=4)) as fault:
        error = faulty.create(**on("ml.m5.xlarge", 3))
    assert error["Code"] == "ResourceLimitExceeded"
    assert error["Message"].startswith(
        "The account-level service limit 'ml.m5.xlarge for processing job usage' is 4 Instances, with current "
        "utilization of 4 Instances and a request delta of 3 Instances. Please use AWS Service Quotas to request an "
        "increase for this quota."
    )
    assert fault.hits == 1


def test_a_quota_of_nothing_says_so(faulty):
    with faulty.aws.inject(faults.quota_exceeded(limit=0, requested=1)):
        message = faulty.create(**on("ml.m5.xlarge", 2))["Message"]
    assert "is 0 Instances, with current utilization of 0 Instances and a request delta of 1 Instances." in message


def test_a_quota_is_that_of_its_instance_type_alone_and_free_after_its_hits(faulty):
    with faulty.aws.inject(faults.quota_exceeded("ml.m5.xlarge", times=1)) as fault:
        other = faulty.create(**on("ml.m5.large"))
        assert faulty.ended(other)["ProcessingJobStatus"] == "Completed"
        assert fault.hits == 0
        assert faulty.create(**on("ml.m5.xlarge"))["Code"] == "ResourceLimitExceeded"
        assert isinstance(faulty.create(**on("ml.m5.xlarge")), str)
    assert fault.hits == 1


def test_a_quota_is_not_spent_on_a_request_that_is_wrong_anyway(faulty):
    with faulty.aws.inject(faults.quota_exceeded("ml.m5.xlarge", times=1)) as fault:
        assert faulty.create(ProcessingJobName="a_b", **on("ml.m5.xlarge"))["Code"] == "ValidationException"
    assert fault.hits == 0


def test_a_state_sees_a_quota_by_its_own_error_name(faulty):
    with faulty.aws.inject(faults.quota_exceeded("ml.m5.large")) as fault:
        execution, _ = faulty.run()
    assert execution["error"] == "SageMaker.ResourceLimitExceededException"
    assert "is 20 Instances, with current utilization of 20 Instances" in execution["cause"]
    assert fault.hits == 1


# -- jobs that were accepted


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.no_capacity(times=1), CAPACITY),
        (faults.no_capacity("ml.m5.large", times=1), CAPACITY),
        (faults.job_fails(times=1), INTERNAL),
        (faults.job_fails("AlgorithmError: no", times=1), "AlgorithmError: no"),
    ],
)
def test_a_job_is_accepted_and_fails_before_its_container_starts(faulty, fault, reason):
    with faulty.aws.inject(fault) as injected:
        failed = faulty.ended(faulty.create(Environment={"LOG": "hello"}))
        assert faulty.ended(faulty.create())["ProcessingJobStatus"] == "Completed"
        assert injected.hits == 1
    assert (failed["ProcessingJobStatus"], failed["FailureReason"]) == ("Failed", reason)
    assert "ProcessingStartTime" not in failed
    assert failed["CreationTime"] <= failed["ProcessingEndTime"]
    (run,) = [run for run in faulty.aws.runs() if run["name"] == failed["ProcessingJobName"]]
    assert (run["log_stream"], run["last_lines"]) == (None, [])


def test_capacity_is_short_of_its_instance_type_alone(faulty):
    with faulty.aws.inject(faults.no_capacity("ml.m5.xlarge")) as fault:
        assert faulty.ended(faulty.create(**on("ml.m5.large")))["ProcessingJobStatus"] == "Completed"
        assert faulty.ended(faulty.create(**on("ml.m5.xlarge")))["FailureReason"] == CAPACITY
    assert fault.hits == 1


def test_a_state_sees_a_job_without_capacity_as_a_failed_job(faulty):
    with faulty.aws.inject(faults.no_capacity()):
        execution, _ = faulty.run()
    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution["cause"])["FailureReason"] == CAPACITY


def test_a_fault_of_a_job_is_not_spent_on_a_name_that_is_taken(faulty):
    name = faulty.create()
    with faulty.aws.inject(faults.job_fails(times=1)) as fault:
        assert faulty.create(ProcessingJobName=name)["Code"] == "ResourceInUse"
    assert fault.hits == 0


def test_a_stuck_job_is_in_progress_until_it_is_stopped(faulty):
    sagemaker = faulty.client("sagemaker")
    with faulty.aws.inject(faults.job_stuck(times=1)) as fault:
        stuck = faulty.create()
        # The jobs after it run to their end, so that this one has had its time too.
        for _ in range(3):
            assert faulty.ended(faulty.create())["ProcessingJobStatus"] == "Completed"
        assert fault.hits == 1
    job = sagemaker.describe_processing_job(ProcessingJobName=stuck)
    assert job["ProcessingJobStatus"] == "InProgress"
    assert "ProcessingStartTime" not in job
    sagemaker.stop_processing_job(ProcessingJobName=stuck)
    job = sagemaker.describe_processing_job(ProcessingJobName=stuck)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "ProcessingStartTime" not in job


def test_stuck_jobs_keep_no_other_job_from_its_turn(faulty):
    with faulty.aws.inject(faults.job_stuck(times=40)) as fault:
        stuck = [faulty.create() for _ in range(40)]
        assert fault.hits == 40
    assert faulty.ended(faulty.create())["ProcessingJobStatus"] == "Completed"
    for name in stuck:
        faulty.client("sagemaker").stop_processing_job(ProcessingJobName=name)
        assert faulty.ended(name)["ProcessingJobStatus"] == "Stopped"


def test_a_state_times_out_on_a_stuck_job_and_stops_it(faulty):
    with faulty.aws.inject(faults.job_stuck()):
        execution, name = faulty.run(TimeoutSeconds=1)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Timeout")
    # Waits take a hundredth of their time here, a timeout keeps its own.
    assert (execution["stopDate"] - execution["startDate"]).total_seconds() >= 1
    assert faulty.ended(name)["ProcessingJobStatus"] == "Stopped"


def test_the_embedded_aws_ends_with_a_stuck_job_in_it():
    with faulty_world() as world:
        world.aws.inject(faults.job_stuck())
        world.create()
        process = world.aws._process
    assert process.returncode == 0
