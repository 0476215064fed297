"""The tags that an app gives, on every resource and on every processing job of a run."""

import json

import pytest
from aws_cdk import App, NestedStack, Stack, Tags
from aws_cdk.assertions import Template

from cdk_processing import DataBucket, OnObjectCreated, OnSchedule, ProcessingJob, SKLearnProcessor

#: What the machine itself is found by.
OWN = {"cdk-processing:job", "cdk-processing:base-name", "cdk-processing:dead-letters", "cdk-processing:contract"}
EXPLICIT = {"@aws-cdk/core:explicitStackTags": True}
#: Resources that have no tags, or that CloudFormation gives none.
UNTAGGED = {
    "AWS::CloudWatch::Alarm",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
}


@pytest.fixture
def run_tags(definition, synth):
    """The tags that a job's processing jobs get, by key."""

    def of(stack, beginning="Job"):
        arguments = definition(synth(stack), f"{beginning}StateMachine")["States"]["RunJob"]["Arguments"]
        keys = [tag["Key"] for tag in arguments["Tags"]]
        assert len(keys) == len(set(keys))
        return {tag["Key"]: tag["Value"] for tag in arguments["Tags"]}

    return of


@pytest.fixture(params=[{}, EXPLICIT], ids=["implicit", "explicit"])
def flags(request):
    return request.param


def test_without_tags_a_run_has_the_librarys_own(stack, request_for, run_tags):
    ProcessingJob(stack, "Job", request_for())

    assert run_tags(stack) == {"cdk-processing:job": "Census/Job"}


def test_tags_of_app_stack_and_job_reach_each_run_the_nearest_first(flags, request_for, run_tags):
    app = App(context=flags)
    stack = Stack(app, "Census")
    job = ProcessingJob(stack, "Job", request_for())
    for scope, name in ((app, "app"), (stack, "stack"), (job, "job")):
        Tags.of(scope).add(name, name)
        Tags.of(scope).add("nearest", name)

    assert run_tags(stack) == {
        "app": "app",
        "cdk-processing:job": "Census/Job",
        "job": "job",
        "nearest": "job",
        "stack": "stack",
    }


def test_tags_of_the_stack_itself_reach_each_run(flags, request_for, run_tags):
    stack = Stack(App(context=flags), "Census", tags={"cost-center": "42", "team": "stack"})
    job = ProcessingJob(stack, "Job", request_for())
    Tags.of(job).add("team", "job")

    assert run_tags(stack) == {"cdk-processing:job": "Census/Job", "cost-center": "42", "team": "job"}


def test_tags_of_a_parent_stack_reach_the_runs_of_a_nested_one(request_for, definition):
    parent = Stack(App(context=EXPLICIT), "Census", tags={"cost-center": "42"})
    nested = NestedStack(parent, "Nested")
    ProcessingJob(nested, "Job", request_for())

    template = Template.from_stack(nested).to_json()
    tags = definition(template, "Job")["States"]["RunJob"]["Arguments"]["Tags"]
    assert {"Key": "cost-center", "Value": "42"} in tags


def test_a_tag_that_the_request_declares_holds(stack, request_for, run_tags):
    processor = SKLearnProcessor(
        framework_version="1.4-2",
        instance_type="ml.m5.xlarge",
        instance_count=1,
        tags=[{"Key": "team", "Value": "request"}],
    )
    ProcessingJob(stack, "Job", request_for(processor=processor))
    Tags.of(stack).add("team", "stack")

    assert run_tags(stack)["team"] == "request"


def test_a_tag_that_is_removed_does_not_reach_the_run(app, request_for, run_tags):
    stack = Stack(App(context=EXPLICIT), "Census")
    job = ProcessingJob(stack, "Job", request_for())
    Tags.of(stack).add("team", "data")
    Tags.of(job).remove("team")

    assert "team" not in run_tags(stack)


def test_tags_given_after_a_first_synth_reach_the_run(app, stack, request_for, run_tags):
    ProcessingJob(stack, "Job", request_for())
    app.synth()
    Tags.of(stack).add("team", "data")
    app.synth(force=True)

    template = json.dumps(app.synth(force=True).get_stack_by_name("Census").template)
    assert '\\"team\\",\\"Value\\":\\"data\\"' in template.replace("\\\\", "\\")


def test_every_resource_that_takes_tags_has_them(flags, request_for):
    app = App(context=flags)
    stack = Stack(app, "Census")
    raw = DataBucket(stack, "Raw")
    triggers = [OnObjectCreated(raw.at("in/"), newest_only=True), OnSchedule("rate(1 day)", overlap="skip")]
    ProcessingJob(stack, "Job", request_for(raw.at("in/")), triggers=triggers)
    Tags.of(app).add("team", "data")

    untagged = {
        resource["Type"]
        for resource in Template.from_stack(stack).to_json()["Resources"].values()
        if {"Key": "team", "Value": "data"} not in resource["Properties"].get("Tags", [])
    }
    assert untagged <= UNTAGGED


def test_the_librarys_own_tags_cannot_be_overridden(app, stack, request_for):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).add("cdk-processing:job", "mine")

    with pytest.raises(RuntimeError, match=r"tag 'cdk-processing:job' of Census/Job must be left to this library"):
        app.synth()


@pytest.mark.parametrize("key", ["cdk-processing:job", "cdk-processing:contract"])
def test_the_librarys_own_tags_cannot_be_removed(app, stack, request_for, key):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).remove(key)

    with pytest.raises(RuntimeError, match=rf"tag '{key}' of Census/Job must be left to this library, got None"):
        app.synth()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("team", "R&D", r"the value of tag 'team' of Census/Job must be at most 256 letters, digits, .*, got 'R&D'"),
        ("team", "x" * 257, r"the value of tag 'team' of Census/Job must be at most 256"),
        ("a&b", "x", r"the key of tag 'a&b' of Census/Job must be at most 128"),
        ("aws:team", "x", r"the key of tag 'aws:team' of Census/Job must be .* not beginning with aws:"),
        ("k" * 129, "x", r"must be at most 128"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_at_synth(app, stack, request_for, key, value, told):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).add(key, value)

    with pytest.raises(RuntimeError, match=told):
        app.synth()


def test_letters_of_any_language_are_taken(app, stack, request_for, run_tags):
    ProcessingJob(stack, "Job", request_for())
    Tags.of(app).add("équipe", "データ 1_.:/=+-@")

    assert run_tags(stack)["équipe"] == "データ 1_.:/=+-@"


def test_fifty_tags_are_taken_and_one_more_is_refused(request_for, run_tags):
    for count in (49, 50):
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "Job", request_for())
        for number in range(count):
            Tags.of(stack).add(f"key{number}", "x")
        if count == 49:
            assert len(run_tags(stack)) == 50
        else:
            with pytest.raises(
                RuntimeError, match=r"the processing jobs of Census/Job must have at most 50 tags, got 51"
            ):
                stack.node.root.synth()


def test_the_tag_of_another_job_does_not_reach_the_run(stack, request_for, run_tags):
    first, _ = (ProcessingJob(stack, name, request_for()) for name in ("First", "Second"))
    Tags.of(first).add("team", "data")

    assert "team" in run_tags(stack, "First")
    assert "team" not in run_tags(stack, "Second")
