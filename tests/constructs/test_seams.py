"""Programs of the CDK's users around a job: each works, or is told what to do."""

import copy
import dataclasses
import json
import pickle

import jsii
import pytest
from aws_cdk import (
    AspectPriority,
    Aspects,
    Aws,
    CfnCondition,
    CfnResource,
    Fn,
    IAspect,
    IPropertyInjector,
    NestedStack,
    Tags,
    aws_s3,
    aws_s3_notifications,
    aws_sqs,
)
from aws_cdk.cloudformation_include import CfnInclude

from cdk_processing import (
    DataBucket,
    DeclarationError,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingPlatform,
    S3Location,
    SKLearnProcessor,
)

PROCESSOR = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
ON = {"EventBridgeEnabled": True}
QUEUE = [{"Event": "s3:ObjectCreated:*", "Queue": "arn:aws:sqs:eu-west-1:111122223333:q"}]


@pytest.fixture
def watch(stack, request_for):
    """Declare a job that a bucket launches."""

    def make(bucket, scope=stack):
        return ProcessingJob(scope, "Job", request_for(), triggers=[OnObjectCreated(S3Location(bucket, "in/"))])

    return make


@pytest.fixture
def configured(synth, resources, stack):
    """The notifications of the bucket in the template: those of its own property, and of the CDK's custom resource."""

    def find():
        template = synth(stack)
        [bucket] = resources(template, "AWS::S3::Bucket").values()
        custom = resources(template, "Custom::S3BucketNotifications").values()
        own = bucket.get("Properties", {}).get("NotificationConfiguration")
        return own, [each["Properties"]["NotificationConfiguration"] for each in custom]

    return find


OVERRIDES = {
    "a part": lambda cfn: cfn.add_property_override("NotificationConfiguration.QueueConfigurations", QUEUE),
    "the whole": lambda cfn: cfn.add_property_override("NotificationConfiguration", {"QueueConfigurations": QUEUE}),
    "turned off": lambda cfn: cfn.add_property_override(
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", False
    ),
    "deleted": lambda cfn: cfn.add_property_deletion_override("NotificationConfiguration"),
    "set": lambda cfn: setattr(
        cfn,
        "notification_configuration",
        aws_s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                aws_s3.CfnBucket.QueueConfigurationProperty(event="s3:ObjectCreated:*", queue=QUEUE[0]["Queue"])
            ]
        ),
    ),
}


@pytest.mark.parametrize("when", ["before the job", "after it"])
@pytest.mark.parametrize("name", OVERRIDES)
def test_the_events_of_a_bucket_are_on_whatever_is_written_over_its_notifications(stack, watch, configured, name, when):
    bucket = aws_s3.Bucket(stack, "Raw")
    if when == "before the job":
        OVERRIDES[name](bucket.node.default_child)
    watch(bucket)
    if when == "after it":
        OVERRIDES[name](bucket.node.default_child)

    own, custom = configured()
    assert custom == []
    assert own["EventBridgeConfiguration"] == ON
    assert own.get("QueueConfigurations", QUEUE) == QUEUE


def test_the_events_of_a_bucket_of_an_included_template_are_on(stack, watch, configured, tmp_path):
    properties = {"NotificationConfiguration": {"QueueConfigurations": QUEUE}}
    template = {"Resources": {"Raw": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    (tmp_path / "old.json").write_text(json.dumps(template))
    included = CfnInclude(stack, "Old", template_file=str(tmp_path / "old.json"))
    watch(aws_s3.Bucket.from_cfn_bucket(included.get_resource("Raw")))

    assert configured() == ({"QueueConfigurations": QUEUE, "EventBridgeConfiguration": ON}, [])


def test_the_events_of_a_bucket_are_on_where_the_last_aspect_adds_its_first_notification(stack, watch, configured):
    queue, bucket = aws_sqs.Queue(stack, "Queue"), aws_s3.Bucket(stack, "Raw")

    @jsii.implements(IAspect)
    class Notify:
        def visit(self, node):
            if isinstance(node, aws_s3.Bucket):
                node.add_event_notification(aws_s3.EventType.OBJECT_CREATED, aws_s3_notifications.SqsDestination(queue))

    watch(bucket)
    Aspects.of(stack).add(Notify(), priority=AspectPriority.READONLY)

    own, [custom] = configured()
    assert own is None
    assert (custom["EventBridgeConfiguration"], len(custom["QueueConfigurations"])) == ({}, 1)


def test_the_events_are_on_where_job_and_queue_are_in_a_nested_stack(stack, watch, configured):
    inner, bucket = NestedStack(stack, "Inner"), aws_s3.Bucket(stack, "Raw")
    watch(bucket, scope=inner)
    bucket.add_event_notification(
        aws_s3.EventType.OBJECT_CREATED, aws_s3_notifications.SqsDestination(aws_sqs.Queue(inner, "Queue"))
    )

    own, [custom] = configured()
    assert own is None
    assert custom["EventBridgeConfiguration"] == {}


def test_a_property_injector_that_turns_events_on_is_no_second_way(app, stack, watch, configured):
    @jsii.implements(IPropertyInjector)
    class On:
        @property
        def construct_unique_id(self):
            return aws_s3.Bucket.PROPERTY_INJECTION_ID

        def inject(self, original_props, *, id, scope):
            del id, scope
            return {**original_props, "eventBridgeEnabled": True}

    from aws_cdk import PropertyInjectors

    PropertyInjectors.of(stack).add(On())
    watch(aws_s3.Bucket(stack, "Raw"))

    own, [custom] = configured()
    assert (own, custom) == (None, {"EventBridgeConfiguration": {}})


def test_values_may_be_copied_and_pickled(stack, request_for, synth):
    request = PROCESSOR.run(code="s3://code/prep.py", arguments=[Parameter("day", default="1")])
    schedule = OnSchedule("rate(1 day)", timezone="Europe/Berlin")

    for copied in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        assert copied(request) == request
        assert copied(schedule) == schedule
    assert dataclasses.replace(schedule, timezone="Asia/Tokyo").expression == "rate(1 day)"
    ProcessingJob(stack, "Job", copy.deepcopy(request), triggers=[dataclasses.replace(schedule)])
    ProcessingJob(stack, "Two", dataclasses.replace(PROCESSOR, instance_count=2).run(code="s3://code/prep.py"))
    assert synth(stack)


def test_a_request_with_a_bucket_may_be_copied(stack, raw, synth):
    read = ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")
    ProcessingJob(stack, "Job", copy.deepcopy(PROCESSOR.run(code="s3://code/prep.py", inputs=[read])))

    assert synth(stack)


def test_the_constructs_may_be_subclassed(stack, synth, resources):
    class Platform(ProcessingPlatform): ...

    class Bucket(DataBucket): ...

    class Job(ProcessingJob):
        def __init__(self, scope, construct_id, *, code, **options):
            super().__init__(scope, construct_id, PROCESSOR.run(code=code), **options)
            Tags.of(self).add("team", "data")

    bucket = Bucket(stack, "Raw")
    Job(
        stack,
        "Job",
        code="s3://code/prep.py",
        triggers=[OnObjectCreated(bucket.at("in/"))],
        platform=Platform(stack, "P"),
    )

    [machine] = resources(synth(stack), "AWS::StepFunctions::StateMachine").values()
    assert {"Key": "team", "Value": "data"} in machine["Properties"]["Tags"]


def test_a_job_that_was_removed_may_be_declared_again(stack, raw, request_for, synth, resources):
    ProcessingJob(stack, "Job", request_for(destination=raw.at("a/")), triggers=[OnObjectCreated(raw.at("b/"))])
    stack.node.try_remove_child("Job")
    ProcessingJob(stack, "Job", request_for(destination=raw.at("c/")), triggers=[OnObjectCreated(raw.at("b/"))])

    assert len(resources(synth(stack), "AWS::StepFunctions::StateMachine")) == 1


@pytest.mark.parametrize("where", ["argument", "variable", "key"])
def test_no_value_is_no_part_of_a_definition(stack, request_for, where):
    options = {"variable": {"env": {"A": Aws.NO_VALUE}}, "key": {"volume_kms_key": Aws.NO_VALUE}}.get(where, {})
    arguments = [Aws.NO_VALUE] if where == "argument" else None
    processor = dataclasses.replace(PROCESSOR, **options)

    with pytest.raises(DeclarationError, match=r"Aws.NO_VALUE must be a text: CloudFormation can leave out a property"):
        ProcessingJob(stack, "Job", request_for(processor=processor, arguments=arguments))


def test_a_condition_as_an_argument_is_told_to_be_text(stack, request_for, synth):
    CfnCondition(stack, "Here", expression=Fn.condition_equals(Aws.REGION, "eu-west-1"))
    chosen = Fn.condition_if("Here", "a", "b")

    with pytest.raises(DeclarationError, match=r"arguments\[0\] must be a str or .*; write its \.to_string\(\)"):
        ProcessingJob(stack, "Wrong", request_for(arguments=[chosen]))
    stack.node.try_remove_child("Wrong")
    ProcessingJob(stack, "Job", request_for(arguments=[chosen.to_string()]))
    assert "Fn::If" in json.dumps(synth(stack))


def test_an_override_of_the_machines_logical_id_reaches_what_names_it(stack, request_for, synth, resources):
    job = ProcessingJob(stack, "Job", request_for(), triggers=[OnSchedule("rate(1 day)")])
    job.node.default_child.override_logical_id("Machine")

    [schedule] = resources(synth(stack), "AWS::Scheduler::Schedule").values()
    assert schedule["Properties"]["Target"]["Arn"] == {"Ref": "Machine"}


def test_a_condition_on_all_resources_of_a_job_stays(stack, request_for, synth, resources):
    condition = CfnCondition(stack, "Here", expression=Fn.condition_equals(Aws.REGION, "eu-west-1"))
    job = ProcessingJob(stack, "Job", request_for(), triggers=[OnSchedule("rate(1 day)")])
    for each in job.node.find_all():
        if CfnResource.is_cfn_resource(each):
            each.cfn_options.condition = condition

    found = synth(stack)["Resources"]
    assert {found[name]["Condition"] for name in found if name.startswith("Job")} == {"Here"}
