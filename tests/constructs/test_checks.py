"""What is done at the end of synth: once for each stack, at each synth, and also where validation is skipped."""

import json

import pytest
from aws_cdk import App, NestedStack, Stack, Stage, Tags
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs

from cdk_processing import DataBucket, OnObjectCreated, ProcessingJob, S3Location
from cdk_processing.constructs.checks import StackChecks


@pytest.fixture
def skipping():
    """A stack's template of a synth that skips validation."""

    def synth(stack):
        stage = Stage.of(stack)
        return stage.synth(skip_validation=True).get_stack_artifact(stack.artifact_id).template

    return synth


def test_tags_reach_the_runs_where_validation_is_skipped(app, stack, request_for, skipping, definition):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).add("team", "data")

    tags = definition(skipping(stack), "Job")["States"]["RunJob"]["Arguments"]["Tags"]
    assert {"Key": "team", "Value": "data"} in tags


def test_a_bucket_sends_its_events_where_validation_is_skipped(stack, request_for, skipping, resources):
    plain, noisy = DataBucket(stack, "Plain"), DataBucket(stack, "Noisy")
    theirs = s3.Bucket.from_bucket_name(stack, "Theirs", "their-data")
    for name, bucket in (("One", plain), ("Two", noisy), ("Three", theirs)):
        ProcessingJob(stack, name, request_for(), triggers=[OnObjectCreated(S3Location(bucket, "in/"))])
    for bucket in (noisy, theirs):
        bucket.add_event_notification(
            s3.EventType.OBJECT_REMOVED, notifications.SqsDestination(sqs.Queue(bucket, "Removed"))
        )

    template = skipping(stack)
    own = {
        name: found["Properties"].get("NotificationConfiguration")
        for name, found in resources(template, "AWS::S3::Bucket").items()
    }
    assert [found for name, found in own.items() if name.startswith("Plain")] == [
        {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    ]
    assert [found for name, found in own.items() if name.startswith("Noisy")] == [None]
    custom = resources(template, "Custom::S3BucketNotifications").values()
    assert [each["Properties"]["NotificationConfiguration"]["EventBridgeConfiguration"] for each in custom] == [{}, {}]


def test_a_bucket_without_notifications_is_no_error_where_validation_is_skipped(stack, request_for, skipping):
    bucket = s3.Bucket.from_bucket_name(stack, "Theirs", "their-data")
    ProcessingJob(stack, "Job", request_for(), triggers=[OnObjectCreated(S3Location(bucket, "in/"))])

    skipping(stack)
    [warning] = [entry for entry in stack.node.find_child("Job").node.metadata if entry.type == "aws:cdk:warning"]
    assert "this app did not make the bucket" in warning.data


@pytest.mark.parametrize("flags", [{}, {"@aws-cdk/core:explicitStackTags": True}], ids=["implicit", "explicit"])
def test_the_template_of_a_nested_stack_has_another_name_when_only_a_tag_differs(tmp_path, request_for, flags):
    """Its name is a digest of it; with the same name it would not be published, and runs would keep the old tags."""

    def names(value):
        app = App(outdir=str(tmp_path / value), context=flags)
        parent = Stack(app, "Parent")
        ProcessingJob(NestedStack(parent, "Nested"), "Job", request_for())
        Tags.of(app).add("team", value)
        app.synth()
        files = json.loads((tmp_path / value / "Parent.assets.json").read_text())["files"]
        return {key for key, file in files.items() if file["source"]["path"].endswith("nested.template.json")}

    assert len(names("data") | names("data") | names("science")) == 2


def test_the_end_is_reached_once_for_each_stack_at_each_synth(app, request_for, monkeypatch):
    called = []
    finish = StackChecks.finish

    def counted(checks):
        called.append(checks)
        finish(checks)

    monkeypatch.setattr(StackChecks, "finish", counted)
    stacks = [Stack(app, "One"), Stack(app, "Two")]
    for stack in stacks:
        raw = DataBucket(stack, "Raw")
        for name in ("A", "B"):
            job = ProcessingJob(stack, name, request_for(), triggers=[OnObjectCreated(raw.at(f"{name}/"))])
            job.node.add_dependency(raw)

    app.synth()
    assert len(called) == len(set(called)) == 2
    app.synth(force=True)
    assert len(called) == 4


def test_what_is_wrong_is_an_error_unless_validation_is_skipped(app, stack, request_for, skipping):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).add("team", "R&D")

    skipping(stack)
    with pytest.raises(RuntimeError, match=r"the value of tag 'team' of Census/Job must be"):
        app.synth(force=True)


def test_what_was_wrong_is_no_error_once_it_is_put_right(app, stack, request_for):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).add("team", "R&D")
    with pytest.raises(RuntimeError, match=r"the value of tag 'team'"):
        app.synth()

    Tags.of(app).add("team", "Research", priority=300)

    app.synth(force=True)
