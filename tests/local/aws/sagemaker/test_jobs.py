import json
import os
import time
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]


def test_a_job_is_in_progress_at_once_and_ends_as_its_runner_says(world, execution_role):
    sagemaker = world.client("sagemaker")
    request = world.request(execution_role, Environment={"EXIT": "all 3 files"})
    created = sagemaker.create_processing_job(**request)
    name = request["ProcessingJobName"]
    assert created["ProcessingJobArn"] == f"arn:aws:sagemaker:us-east-1:000000000000:processing-job/{name}"
    job = world.ended(name)
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"] == "all 3 files"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"] <= job["LastModifiedTime"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert {key: job[key] for key in request} == request


def test_a_name_in_capitals_is_written_in_lower_case_into_the_arn(world, execution_role):
    request = world.request(execution_role, ProcessingJobName=world.name("Census"))
    arn = world.client("sagemaker").create_processing_job(**request)["ProcessingJobArn"]
    assert arn.endswith("/" + request["ProcessingJobName"].lower())


def test_a_name_is_taken_for_ever(world, execution_role):
    sagemaker = world.client("sagemaker")
    request = world.request(execution_role)
    arn = sagemaker.create_processing_job(**request)["ProcessingJobArn"]
    world.ended(request["ProcessingJobName"])
    with pytest.raises(sagemaker.exceptions.ResourceInUse) as caught:
        sagemaker.create_processing_job(**request)
    assert caught.value.response["Error"]["Message"] == (
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"
    )


def test_of_many_requests_for_one_name_one_is_taken(world, execution_role):
    from concurrent.futures import ThreadPoolExecutor

    request = world.request(execution_role)

    def create(_):
        try:
            return world.client("sagemaker").create_processing_job(**request)["ProcessingJobArn"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(8)))
    assert sorted(answers)[:-1] == ["ResourceInUse"] * 7
    assert sorted(answers)[-1].startswith("arn:")


def test_a_failed_job_gives_its_reason_cut_to_1024_characters(world, execution_role):
    request = world.request(execution_role, Environment={"FAIL": "AlgorithmError: boom"})
    world.client("sagemaker").create_processing_job(**request)
    assert world.ended(request["ProcessingJobName"])["FailureReason"] == "AlgorithmError: boom"


def test_a_runner_that_breaks_fails_the_job_as_an_internal_error(world, execution_role):
    request = world.request(execution_role, Environment={"CRASH": "oops"})
    world.client("sagemaker").create_processing_job(**request)
    job = world.ended(request["ProcessingJobName"])
    assert (job["ProcessingJobStatus"], job["FailureReason"][:20]) == ("Failed", "InternalServerError:")


def test_a_job_can_be_stopped_once(world, execution_role):
    sagemaker = world.client("sagemaker")
    request = world.request(execution_role, Environment={"WAIT": "20"})
    name = request["ProcessingJobName"]
    sagemaker.create_processing_job(**request)
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert world.ended(name)["ProcessingJobStatus"] == "Stopped"
    assert "Stopped" in refused(sagemaker.stop_processing_job, ProcessingJobName=name)["Message"]


def test_a_job_that_does_not_exist_is_not_found(world):
    sagemaker = world.client("sagemaker")
    for call in (sagemaker.describe_processing_job, sagemaker.stop_processing_job):
        error = refused(call, ProcessingJobName="nobody")
        assert error == {"Code": "ResourceNotFound", "Message": "Could not find requested job with name: nobody"}


def test_jobs_of_another_account_and_region_are_apart(world, execution_role):
    name = world.name("mine")
    world.client("sagemaker").create_processing_job(**world.request(execution_role, ProcessingJobName=name))
    for account, region in (("111122223333", "us-east-1"), ("000000000000", "eu-west-1")):
        other = boto3.client(
            "sagemaker",
            endpoint_url=world.aws.endpoint_url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key=world.aws.environment()["AWS_SECRET_ACCESS_KEY"],
        )
        assert refused(other.describe_processing_job, ProcessingJobName=name)["Code"] == "ResourceNotFound"
        other.close()


def test_lists_filter_sort_and_page(world, execution_role):
    sagemaker = world.client("sagemaker")
    base = world.name("list")
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    names = [f"{base}-{letter}" for letter in "bca"]
    for name in names:
        sagemaker.create_processing_job(**world.request(execution_role, ProcessingJobName=name))
        time.sleep(0.005)
    for name in names:
        world.ended(name)

    def listed(**filters):
        found = sagemaker.list_processing_jobs(NameContains=base.upper(), **filters)
        return [job["ProcessingJobName"] for job in found["ProcessingJobSummaries"]]

    assert listed() == names[::-1]
    assert listed(SortBy="Name", SortOrder="Ascending") == sorted(names)
    assert listed(StatusEquals="Failed") == []
    assert listed(StatusEquals="Completed", CreationTimeAfter=before) == names[::-1]
    assert listed(CreationTimeBefore=before) == []
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains=base, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["ProcessingJobSummaries"]) for page in pages] == [2, 1]


def test_tags_are_kept_with_the_job(world, execution_role):
    sagemaker = world.client("sagemaker")
    request = world.request(execution_role, Tags=[{"Key": "team", "Value": "data"}])
    arn = sagemaker.create_processing_job(**request)["ProcessingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]


def test_each_change_of_state_is_an_event(world, execution_role):
    url, queue = world.queue()
    events = world.client("events")
    rule = world.name("rule")
    job = world.name("watched")
    pattern = {"source": ["aws.sagemaker"], "detail": {"ProcessingJobName": [job]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue}])
    world.client("sagemaker").create_processing_job(**world.request(execution_role, ProcessingJobName=job))

    seen = []

    def receive():
        for message in world.client("sqs").receive_message(QueueUrl=url).get("Messages", []):
            seen.append(json.loads(message["Body"]))
        return seen

    world.until(receive, lambda found: len(found) >= 2)
    assert [event["detail"]["ProcessingJobStatus"] for event in seen] == ["InProgress", "Completed"]
    assert {event["detail-type"] for event in seen} == {"SageMaker Processing Job State Change"}
    assert isinstance(seen[1]["detail"]["ProcessingEndTime"], int)


def test_lines_of_the_container_are_in_cloudwatch_logs(world, execution_role):
    lines = ["first", "", "third"]
    request = world.request(execution_role, Environment={"LOG": "\n".join(lines)})
    world.client("sagemaker").create_processing_job(**request)
    world.ended(request["ProcessingJobName"])
    logs = world.client("logs")
    streams = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=request["ProcessingJobName"] + "/algo-1-"
    )["logStreams"]
    found = logs.get_log_events(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamName=streams[0]["logStreamName"], startFromHead=True
    )["events"]
    assert [event["message"] for event in found] == ["first", "third"]


def test_the_admin_endpoint_tells_phase_bytes_and_last_lines(world, execution_role):
    request = world.request(execution_role, Environment={"WAIT": "20", "LOG": "hello"})
    name = request["ProcessingJobName"]
    world.client("sagemaker").create_processing_job(**request)

    def mine():
        return next(run for run in world.aws.runs() if run["name"] == name)

    run = world.until(mine, lambda run: run["last_lines"])
    assert (run["phase"], run["status"], run["last_lines"]) == ("Processing", "InProgress", ["hello"])
    world.client("sagemaker").stop_processing_job(ProcessingJobName=name)
    world.ended(name)


def test_an_operation_outside_processing_is_refused_by_name(world):
    error = refused(world.client("sagemaker").list_models)
    assert error["Code"] == "UnsupportedOperation"
    assert error["Message"].startswith("SageMaker.ListModels is not supported yet")


def test_a_job_that_waits_for_its_turn_can_be_stopped(world, execution_role):
    sagemaker = world.client("sagemaker")
    # More than run at once on any machine this is tested on.
    requests = [world.request(execution_role, Environment={"WAIT": "60"}) for _ in range(2 * (os.cpu_count() or 1) + 4)]
    for request in requests:
        sagemaker.create_processing_job(**request)
    for request in reversed(requests):
        sagemaker.stop_processing_job(ProcessingJobName=request["ProcessingJobName"])
    ended = [world.ended(request["ProcessingJobName"]) for request in requests]
    assert {job["ProcessingJobStatus"] for job in ended} == {"Stopped"}
    assert "ProcessingStartTime" not in ended[-1]
