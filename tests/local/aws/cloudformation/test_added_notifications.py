"""Notifications that stacks add to the bucket of another: as the CDK's own function leaves them."""

import copy

import hypothesis
import pytest
from hypothesis import strategies as st

from cdk_processing.local.aws.cloudformation.added_notifications import added, changed, removed

KINDS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")


def notification(target, event="s3:ObjectCreated:*", **rules):
    made = {"QueueArn": target, "Events": [event]}
    if rules:
        made["Filter"] = {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}
    return made


POOL = [
    notification("one"),
    notification("one", "s3:ObjectRemoved:*"),
    notification("one", prefix="in/"),
    notification("one", prefix="in/", suffix=".csv"),
    notification("one", suffix=".csv", prefix="in/"),
    notification("two", Prefix="in/"),
]


@pytest.fixture(scope="module")
def cdks_own():
    """The code of the function that the CDK writes into a template, with a bucket in memory in place of S3."""
    from aws_cdk import App, Stack, assertions
    from aws_cdk import aws_s3 as s3

    stack = Stack(App(), "Stack")
    s3.Bucket.from_bucket_name(stack, "Bucket", "the-data").enable_event_bridge_notification()
    template = assertions.Template.from_stack(stack)
    [function] = template.find_resources("AWS::Lambda::Function").values()
    names = {}
    exec(function["Properties"]["Code"]["ZipFile"], names)
    return names


class Bucket:
    def __init__(self, configuration):
        self.configuration = configuration

    def get_bucket_notification_configuration(self, Bucket):  # noqa: N803
        return copy.deepcopy(self.configuration)


def without_ids(configuration):
    """What a configuration says, whatever its notifications are called."""

    def content(each):
        rules = each.get("Filter", {}).get("Key", {}).get("FilterRules", [])
        return (each["QueueArn"], tuple(each["Events"]), tuple(sorted((r["Name"].lower(), r["Value"]) for r in rules)))

    told = {kind: [content(each) for each in configuration.get(kind, [])] for kind in KINDS}
    return told, "EventBridgeConfiguration" in configuration


configurations = st.fixed_dictionaries(
    {},
    optional={
        "QueueConfigurations": st.lists(st.sampled_from(POOL), max_size=3),
        "EventBridgeConfiguration": st.just({}),
    },
)


@hypothesis.given(
    first=st.fixed_dictionaries({}, optional={"EventBridgeConfiguration": st.just({})}),
    steps=st.lists(st.tuples(st.sampled_from(["a", "a-b"]), st.one_of(st.none(), configurations)), max_size=8),
)
def test_a_bucket_has_what_the_cdks_own_function_leaves_it(cdks_own, first, steps):
    """Stacks add, change and remove their notifications in any order; None is the deletion of a stack."""
    ours, theirs, declared = dict(first), dict(first), {}
    for stack, wanted in steps:
        old = declared.get(stack)
        cdks_own["s3"] = Bucket(theirs)
        # A real stack's id ends in a UUID, so no id begins with another.
        name, given = f"{stack}:uuid", copy.deepcopy(wanted or {})
        if wanted is None:
            if old is None:
                continue
            ours = removed(ours, stack)
            theirs = cdks_own["handle_unmanaged"]("the-data", name, "Delete", copy.deepcopy(old), {})
            del declared[stack]
        else:
            ours = added(ours, wanted, stack) if old is None else changed(ours, old, wanted, stack)
            kind = "Create" if old is None else "Update"
            theirs = cdks_own["handle_unmanaged"]("the-data", name, kind, given, copy.deepcopy(old or {}))
            declared[stack] = wanted
        assert without_ids(ours) == without_ids(theirs)


def test_a_stack_removes_its_own_and_leaves_those_of_a_stack_with_a_longer_name():
    bucket = added(added({}, {"QueueConfigurations": [POOL[0]]}, "data"), {"QueueConfigurations": [POOL[2]]}, "data-b")

    assert without_ids(removed(bucket, "data")) == without_ids({"QueueConfigurations": [POOL[2]]})


def test_events_stay_on_whoever_has_turned_them_on():
    bucket = added({"EventBridgeConfiguration": {}}, {"QueueConfigurations": [POOL[0]]}, "data")

    assert removed(bucket, "data")["EventBridgeConfiguration"] == {}
    assert changed(bucket, {"QueueConfigurations": [POOL[0]]}, {}, "data")["EventBridgeConfiguration"] == {}
