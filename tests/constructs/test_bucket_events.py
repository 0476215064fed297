"""Buckets that launch jobs send their events to EventBridge, whatever else an app does with their notifications."""

import json

import jsii
import pytest
from aws_cdk import (
    Annotations,
    AspectPriority,
    Aspects,
    IAspect,
    NestedStack,
    Stack,
    Stage,
)
from aws_cdk import assertions as cdk_assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_processing import DataBucket, OnObjectCreated, ProcessingJob, S3Location

ON = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
KINDS = pytest.mark.parametrize("kind", [DataBucket, s3.Bucket])


@pytest.fixture
def watch(stack, request_for):
    """Declare a job that a bucket launches."""

    def declare(bucket, name="Job", scope=stack):
        return ProcessingJob(scope, name, request_for(), triggers=[OnObjectCreated(S3Location(bucket, "in/"))])

    return declare


def to_queue(bucket, stack):
    bucket.add_event_notification(s3.EventType.OBJECT_REMOVED, notifications.SqsDestination(sqs.Queue(stack, "Q")))


def to_topic(bucket, stack):
    bucket.add_object_created_notification(notifications.SnsDestination(sns.Topic(stack, "T")))


def to_an_imported_queue(bucket, stack):
    queue = sqs.Queue.from_queue_arn(stack, "Q", "arn:aws:sqs:us-east-1:111122223333:q")
    bucket.add_event_notification(s3.EventType.OBJECT_REMOVED, notifications.SqsDestination(queue))


def by_somebody_elses_construct(bucket, stack):
    class Theirs(Construct):
        def __init__(self, scope, construct_id, bucket):
            super().__init__(scope, construct_id)
            bucket.add_object_removed_notification(notifications.SqsDestination(sqs.Queue(self, "Q")))

    Theirs(stack, "Theirs", bucket)


def by_an_aspect(bucket, stack):
    @jsii.implements(IAspect)
    class Notify:
        done = False

        def visit(self, node):
            if not self.done:
                self.done = True
                to_queue(bucket, stack)

    Aspects.of(stack).add(Notify(), priority=AspectPriority.MUTATING)


WAYS = [to_queue, to_topic, to_an_imported_queue, by_somebody_elses_construct, by_an_aspect]


def configured(template, resources):
    """What the template says of notifications: as the bucket's own property, and as the CDK's custom resource."""
    [bucket] = [
        found for name, found in resources(template, "AWS::S3::Bucket").items() if name.startswith(("Raw", "Watched"))
    ]
    own = bucket.get("Properties", {}).get("NotificationConfiguration")
    custom = [
        found["Properties"]["NotificationConfiguration"]
        for found in resources(template, "Custom::S3BucketNotifications").values()
    ]
    return own, custom


@KINDS
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("notify", WAYS)
def test_a_bucket_with_notifications_of_its_own_sends_events_in_the_cdks_way(
    stack, watch, synth, resources, kind, order, notify
):
    bucket = kind(stack, "Raw")
    if order == "before":
        notify(bucket, stack)
    watch(bucket)
    if order == "after":
        notify(bucket, stack)

    own, [custom] = configured(synth(stack), resources)
    assert own is None
    assert custom["EventBridgeConfiguration"] == {}
    assert len(custom) == 2  # and what the app has asked for


@KINDS
def test_a_bucket_without_any_gets_a_property_and_nothing_else(stack, watch, synth, resources, kind):
    watch(kind(stack, "Raw"))
    template = synth(stack)

    assert configured(template, resources) == (ON, [])
    assert resources(template, "AWS::Lambda::Function") == {}


def test_events_that_the_bucket_sends_already_are_left_as_they_are(stack, watch, synth, resources):
    watch(s3.Bucket(stack, "Raw", event_bridge_enabled=True))

    assert configured(synth(stack), resources) == (None, [{"EventBridgeConfiguration": {}}])


def test_each_of_several_buckets_has_its_own_way(stack, watch, synth, resources):
    plain, noisy = DataBucket(stack, "Plain"), DataBucket(stack, "Noisy")
    watch(plain, "One")
    watch(noisy, "Two")
    to_queue(noisy, stack)

    buckets = resources(synth(stack), "AWS::S3::Bucket").items()
    assert {name[:5]: found["Properties"].get("NotificationConfiguration") for name, found in buckets} == {
        "Plain": ON,
        "Noisy": None,
    }


@pytest.mark.parametrize("way", ["property", "override"])
def test_what_an_aspect_sets_on_the_bucket_stays_beside_the_events(stack, watch, synth, resources, way):
    queues = [{"Event": "s3:ObjectRemoved:*", "Queue": "arn:aws:sqs:us-east-1:111122223333:q"}]

    @jsii.implements(IAspect)
    class Configure:
        def visit(self, node):
            if not isinstance(node, s3.CfnBucket):
                return
            if way == "override":
                node.add_property_override("NotificationConfiguration", {"QueueConfigurations": queues})
            else:
                node.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                    queue_configurations=[
                        s3.CfnBucket.QueueConfigurationProperty(event=each["Event"], queue=each["Queue"])
                        for each in queues
                    ]
                )

    watch(DataBucket(stack, "Raw"))
    Aspects.of(stack).add(Configure(), priority=AspectPriority.READONLY)

    own, custom = configured(synth(stack), resources)
    assert (own, custom) == ({**ON, "QueueConfigurations": queues}, [])


def test_a_bucket_of_another_stack_is_told_in_its_own(app, watch, synth, resources):
    data, jobs = Stack(app, "Data"), Stack(app, "Jobs")
    plain, noisy = DataBucket(data, "Raw"), DataBucket(Stack(app, "Noisy"), "Raw")
    watch(plain, "One", jobs)
    watch(noisy, "Two", jobs)
    to_an_imported_queue(noisy, Stack.of(noisy))

    assert configured(synth(data), resources) == (ON, [])
    own, [custom] = configured(synth(Stack.of(noisy)), resources)
    assert (own, custom["EventBridgeConfiguration"]) == (None, {})


def test_another_stacks_notifications_leave_the_events_on(app, watch, synth, resources):
    """The CDK keeps what a bucket has that it was given by name: its resource does not manage the whole."""
    data, other = Stack(app, "Data"), Stack(app, "Other")
    raw = DataBucket(data, "Raw")
    watch(raw, scope=data)
    to_queue(s3.Bucket.from_bucket_name(other, "Theirs", raw.bucket_name), other)

    assert configured(synth(data), resources) == (ON, [])
    [custom] = resources(synth(other), "Custom::S3BucketNotifications").values()
    assert custom["Properties"]["Managed"] is False
    [text] = warnings(data)
    assert text.startswith("Other/Theirs adds notifications to the bucket Data/Raw, which launches this job. ")


@pytest.mark.parametrize("by", ["from_bucket_name", "from_bucket_arn", "from_bucket_attributes"])
def test_notifications_that_are_added_to_another_bucket_are_not_warned_of(app, watch, by):
    data, other = Stack(app, "Data"), Stack(app, "Other")
    raw, second = DataBucket(data, "Raw"), DataBucket(data, "Second")
    watch(raw, scope=data)
    imported = {
        "from_bucket_name": lambda: s3.Bucket.from_bucket_name(other, "Theirs", second.bucket_name),
        "from_bucket_arn": lambda: s3.Bucket.from_bucket_arn(other, "Theirs", "arn:aws:s3:::another"),
        "from_bucket_attributes": lambda: s3.Bucket.from_bucket_attributes(other, "Theirs", bucket_name="another"),
    }[by]()
    to_queue(imported, other)
    s3.Bucket.from_bucket_name(other, "Watched", raw.bucket_name)  # nothing is added to it

    assert warnings(data) == []


@pytest.mark.parametrize("place", ["stage", "same stack"])
def test_notifications_that_are_added_by_name_are_warned_of_wherever_they_are(app, request_for, place):
    scope = Stage(app, "Prod") if place == "stage" else app
    data = Stack(scope, "Data")
    other = Stack(scope, "Other") if place == "stage" else data
    raw = DataBucket(data, "Raw", bucket_name="the-data")
    to_queue(s3.Bucket.from_bucket_name(other, "Theirs", "the-data"), other)
    ProcessingJob(data, "Job", request_for(), triggers=[OnObjectCreated(raw.at("in/"))])

    [text] = warnings(data)
    assert f"{other.node.path}/Theirs adds notifications" in text


def test_the_warning_of_added_notifications_goes_away_when_it_is_acknowledged(app, watch):
    data, other = Stack(app, "Data"), Stack(app, "Other")
    raw = DataBucket(data, "Raw")
    job = watch(raw, scope=data)
    to_queue(s3.Bucket.from_bucket_name(other, "Theirs", raw.bucket_name), other)
    Annotations.of(job).acknowledge_warning("cdk-processing:notifications-added-elsewhere")

    assert warnings(data) == []


def test_the_custom_resource_stays_where_the_last_notification_is_removed(stack, watch, synth, resources):
    """Deleted, it would turn off what the property has just turned on."""
    bucket = DataBucket(stack, "Raw")
    watch(bucket)
    to_queue(bucket, stack)

    [custom] = resources(synth(stack), "Custom::S3BucketNotifications").values()
    assert custom["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize("place", ["stage", "nested"])
def test_it_is_the_same_below_a_stage_and_in_a_nested_stack(app, stack, request_for, synth, place):
    inner = Stack(Stage(app, "Prod"), "Census") if place == "stage" else NestedStack(stack, "Nested")
    bucket = DataBucket(inner, "Raw")
    ProcessingJob(inner, "Job", request_for(), triggers=[OnObjectCreated(bucket.at("in/"))])
    to_queue(bucket, inner)

    text = json.dumps(synth(inner))
    assert '"EventBridgeConfiguration": {}' in text
    assert "EventBridgeEnabled" not in text


def test_the_role_and_the_checks_that_a_bucket_asks_for_its_notifications_stay(stack, watch, synth, resources):
    role = iam.Role(stack, "Handler", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    bucket = s3.Bucket(stack, "Raw", notifications_handler_role=role, notifications_skip_destination_validation=True)
    watch(bucket)
    to_queue(bucket, stack)
    template = synth(stack)

    own, [custom] = configured(template, resources)
    [properties] = [each["Properties"] for each in resources(template, "Custom::S3BucketNotifications").values()]
    [function] = resources(template, "AWS::Lambda::Function").values()
    assert (own, custom["EventBridgeConfiguration"]) == (None, {})
    assert properties["SkipDestinationValidation"] is True
    assert function["Properties"]["Role"] == {"Fn::GetAtt": [stack.get_logical_id(role.node.default_child), "Arn"]}


def test_an_imported_buckets_role_for_notifications_stays(stack, watch, synth, resources):
    role = iam.Role(stack, "Handler", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    bucket = s3.Bucket.from_bucket_attributes(
        stack, "Watched", bucket_name="their-data", notifications_handler_role=role
    )
    watch(bucket)
    bucket.enable_event_bridge_notification()
    template = synth(stack)

    [function] = resources(template, "AWS::Lambda::Function").values()
    assert function["Properties"]["Role"] == {"Fn::GetAtt": [stack.get_logical_id(role.node.default_child), "Arn"]}
    assert warnings(stack) == []


@KINDS
def test_the_way_is_chosen_also_where_the_app_skips_validation(app, stack, watch, kind):
    """Some apps do so for speed."""
    noisy, plain = kind(stack, "Noisy"), kind(stack, "Plain")
    watch(noisy, "One")
    watch(plain, "Two")
    to_queue(noisy, stack)

    template = app.synth(skip_validation=True).get_stack_by_name(stack.stack_name).template["Resources"]

    assert {
        name[:5]: each.get("Properties", {}).get("NotificationConfiguration")
        for name, each in template.items()
        if each["Type"] == "AWS::S3::Bucket"
    } == {"Noisy": None, "Plain": ON}


# -- imported buckets -------------------------------------------------------------------------------------------------


def warnings(scope):
    found = cdk_assertions.Annotations.from_stack(scope).find_warning("*", cdk_assertions.Match.any_value())
    return [entry.entry.data for entry in found]


def imported(stack):
    return s3.Bucket.from_bucket_name(stack, "Watched", "their-data")


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("turn_on", [lambda bucket, stack: bucket.enable_event_bridge_notification(), to_queue])
def test_an_imported_bucket_whose_events_are_turned_on_is_not_warned_of(stack, watch, synth, resources, order, turn_on):
    bucket = imported(stack)
    if order == "before":
        turn_on(bucket, stack)
    watch(bucket)
    if order == "after":
        turn_on(bucket, stack)

    [custom] = resources(synth(stack), "Custom::S3BucketNotifications").values()
    assert custom["Properties"]["NotificationConfiguration"]["EventBridgeConfiguration"] == {}
    assert warnings(stack) == []


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("where", ["job", "stack"])
@pytest.mark.parametrize("how", ["imported", "named"])
def test_the_warning_goes_away_when_it_is_acknowledged(stack, request_for, order, where, how):
    bucket = imported(stack) if how == "imported" else "their-data"
    job = ProcessingJob(stack, "Job", request_for())
    scope = job if where == "job" else stack

    def acknowledge():
        Annotations.of(scope).acknowledge_warning("cdk-processing:imported-bucket")

    if order == "before":
        acknowledge()
    job.add_trigger(OnObjectCreated(S3Location(bucket, "in/")))
    if order == "after":
        acknowledge()

    assert warnings(stack) == []


def test_each_job_of_an_imported_bucket_is_warned_of(stack, watch):
    bucket = imported(stack)
    watch(bucket, "One")
    watch(bucket, "Two")

    assert len(warnings(stack)) == 2
    assert all(text.startswith("this app did not make the bucket Census/Watched. ") for text in warnings(stack))


def test_a_bucket_made_in_l1_keeps_what_it_has(stack, watch, synth, resources):
    queues = [s3.CfnBucket.QueueConfigurationProperty(event="s3:ObjectRemoved:*", queue="arn:aws:sqs:::q")]
    bucket = s3.CfnBucket(
        stack,
        "Watched",
        notification_configuration=s3.CfnBucket.NotificationConfigurationProperty(queue_configurations=queues),
    )
    watch(s3.Bucket.from_cfn_bucket(bucket))

    own, custom = configured(synth(stack), resources)
    assert set(own) == {"QueueConfigurations", "EventBridgeConfiguration"}
    assert custom == []
