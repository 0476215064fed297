import json
import re

import pytest
from aws_cdk import Annotations, App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns_subscriptions as subscriptions

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    OnObjectCreated,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    S3Location,
)


@pytest.fixture
def platform(stack):
    return ProcessingPlatform(stack, "Platform")


@pytest.fixture
def only(stack, platform, synth, resources):
    def of_type(kind):
        [found] = resources(synth(stack), kind).values()
        return found["Properties"]

    return of_type


def test_a_platform_is_a_key_a_queue_with_its_alarm_a_topic_and_a_log_group(stack, platform, synth):
    assert sorted(resource["Type"] for resource in synth(stack)["Resources"].values()) == [
        "AWS::CloudWatch::Alarm",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    ]


def keys_of(template):
    """The key of everything in a stack that has one, by type and logical id."""
    fields = {
        "AWS::SQS::Queue": lambda found: found["KmsMasterKeyId"],
        "AWS::SNS::Topic": lambda found: found["KmsMasterKeyId"],
        "AWS::Logs::LogGroup": lambda found: found["KmsKeyId"],
        "AWS::DynamoDB::Table": lambda found: found["SSESpecification"]["KMSMasterKeyId"],
        "AWS::S3::Bucket": lambda found: found["BucketEncryption"]["ServerSideEncryptionConfiguration"][0][
            "ServerSideEncryptionByDefault"
        ]["KMSMasterKeyID"],
    }
    return {
        name: json.dumps(fields[resource["Type"]](resource["Properties"]))
        for name, resource in template["Resources"].items()
        if resource["Type"] in fields and name.startswith("Platform")
    }


@pytest.fixture
def uses_everything(stack, request_for, synth):
    """Declares a job that uses all that a platform has; the template."""

    def declare(**platform):
        shared = ProcessingPlatform(stack, "Platform", **platform)
        place = ProcessingOutput(output_name="train_data", source="/opt/ml/processing/train")
        arrivals = [OnObjectCreated(S3Location("raw-data", "in/"), newest_only=True)]
        request = request_for(ExecutionVariables.OBJECT_URI, outputs=[place])
        ProcessingJob(stack, "Job", request, triggers=arrivals, platform=shared)
        return synth(stack)

    return declare


def test_everything_is_encrypted_with_the_platforms_key(uses_everything):
    keys = keys_of(uses_everything())

    assert len(keys) == 6
    assert {re.sub("[0-9A-F]{8}", "", key) for key in keys.values()} == {'{"Fn::GetAtt": ["PlatformKey", "Arn"]}'}


@pytest.mark.parametrize("where", ["here", "other stack"])
def test_everything_is_encrypted_with_a_key_that_is_given_and_admits_the_services(
    app, stack, uses_everything, synth, resources, where
):
    owner = stack if where == "here" else Stack(app, "Keys")
    template = uses_everything(encryption_key=kms.Key(owner, "Own"))
    keys = set(keys_of(template).values())

    assert len(keys) == 1
    assert "Own" in keys.pop()
    [key] = resources(synth(owner), "AWS::KMS::Key").values()
    admitted = {each["Sid"]: each["Principal"] for each in key["Properties"]["KeyPolicy"]["Statement"] if "Sid" in each}
    assert list(admitted) == ["Alarms", "Events", "Logs"]
    assert admitted["Events"] == {"Service": "events.amazonaws.com"}


def test_roles_may_use_the_given_key_through_the_services_that_need_it(stack, uses_everything, statements):
    template = uses_everything(encryption_key=kms.Key(stack, "Own"))
    workflow, execution = statements(template, "JobWorkflowRole"), statements(template, "JobExecutionRole")

    through = {
        sid: found["Condition"]["StringLike"]["kms:ViaService"]
        for sid, found in workflow.items()
        if sid.startswith("Encrypt")
    }
    assert through == {"EncryptManifests": "s3.*", "EncryptItems": "dynamodb.*", "EncryptDeadLetters": "sqs.*"}
    key = workflow["EncryptItems"]["Resource"]
    assert key["Fn::GetAtt"][0].startswith("Own")
    assert {json.dumps(workflow[sid]["Resource"]) for sid in through} == {json.dumps(key)}
    assert execution["DecryptInputs"]["Resource"] == key
    assert execution["EncryptOutputs"]["Resource"] == key


@pytest.mark.parametrize("order", ["never", "before", "after"])
def test_a_key_of_another_app_is_used_and_what_its_policy_needs_is_told(stack, synth, resources, order):
    key = kms.Key.from_key_arn(stack, "Own", "arn:aws:kms:eu-central-1:111122223333:key/1")
    if order == "before":
        Annotations.of(stack).acknowledge_warning("cdk-processing:imported-key")
    platform = ProcessingPlatform(stack, "Platform", encryption_key=key)
    if order == "after":
        Annotations.of(platform).acknowledge_warning("cdk-processing:imported-key")

    template = synth(stack)
    assert resources(template, "AWS::KMS::Key") == {}
    assert set(keys_of(template).values()) == {'"arn:aws:kms:eu-central-1:111122223333:key/1"'}
    found = [entry.data for entry in platform.node.metadata if entry.type == "aws:cdk:warning"]
    if order == "never":
        [warning] = found
        assert "this app cannot change the policy of the key Census/Own" in warning
        assert '"Service": "events.amazonaws.com"' in warning
        assert "logs.<region>.amazonaws.com" in warning
    else:
        assert found == []


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda stack: "arn:aws:kms:eu-central-1:111122223333:key/1", "write kms.Key.from_key_arn(stack, "),
        (lambda stack: DataBucket(stack, "Raw"), "encryption_key must be a kms.IKey"),
        (
            lambda stack: kms.Alias.from_alias_name(stack, "A", "alias/company"),
            "whose ARN is known, not only its alias",
        ),
    ],
)
def test_what_is_no_key_or_only_an_alias_is_refused(stack, make, told):
    with pytest.raises(DeclarationError) as raised:
        ProcessingPlatform(stack, "Platform", encryption_key=make(stack))

    assert told in str(raised.value)


def test_a_key_known_by_an_alias_of_this_app_is_taken(stack, uses_everything):
    alias = kms.Alias(stack, "Alias", alias_name="alias/company", target_key=kms.Key(stack, "Own"))

    keys = keys_of(uses_everything(encryption_key=alias))
    # S3 takes an alias; the others are given the key behind it.
    assert {key for name, key in keys.items() if name.startswith(("PlatformData", "PlatformWork"))} == {
        next(key for key in keys.values() if "alias/company" in key or "Alias" in key)
    }
    assert all('"Own' in key for name, key in keys.items() if not name.startswith(("PlatformData", "PlatformWork")))


def test_a_key_of_another_region_is_refused(app):
    stack = Stack(app, "Census", env=Environment(account="111122223333", region="eu-central-1"))
    key = kms.Key.from_key_arn(stack, "Own", "arn:aws:kms:us-east-1:111122223333:key/1")

    with pytest.raises(DeclarationError, match=r"encryption_key must be in .*, got 'a key in us-east-1'"):
        ProcessingPlatform(stack, "Platform", encryption_key=key)


def test_the_key_admits_the_services_that_send(only):
    statements = {s["Sid"]: s for s in only("AWS::KMS::Key")["KeyPolicy"]["Statement"]}

    assert list(statements) == ["Account", "Alarms", "Events", "Logs"]
    assert statements["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statements["Events"]["Principal"] == {"Service": "events.amazonaws.com"}
    assert statements["Alarms"]["Action"] == statements["Events"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statements["Alarms"]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert "EncryptionContext" in json.dumps(statements["Logs"]["Condition"])


def test_the_keys_grant_to_eventbridge_has_no_condition_that_its_calls_may_not_meet(only):
    [events] = [s for s in only("AWS::KMS::Key")["KeyPolicy"]["Statement"] if s["Sid"] == "Events"]

    assert "Condition" not in events


def test_the_key_is_rotated(only):
    assert only("AWS::KMS::Key")["EnableKeyRotation"] is True


def test_dead_letters_are_kept_fourteen_days(only):
    assert only("AWS::SQS::Queue")["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize(
    ("kind", "service", "action"),
    [
        ("AWS::SQS::QueuePolicy", "events.amazonaws.com", "sqs:SendMessage"),
        ("AWS::SNS::TopicPolicy", "cloudwatch.amazonaws.com", "sns:Publish"),
    ],
)
def test_the_queue_and_the_topic_admit_one_service_over_tls_alone(only, kind, service, action):
    deny, allow = only(kind)["PolicyDocument"]["Statement"]

    assert (deny["Effect"], deny["Principal"], deny["Condition"]) == (
        "Deny",
        "*",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    assert (allow["Principal"], allow["Action"]) == ({"Service": service}, action)
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_logs_go_where_step_functions_may_write_and_are_dropped_after_ninety_days(only):
    group = only("AWS::Logs::LogGroup")

    assert group["LogGroupName"]["Fn::Join"][1][0] == "/aws/vendedlogs/states/cdk-processing/"
    assert group["RetentionInDays"] == 90


def test_two_platforms_of_a_stack_log_to_two_groups(stack, platform, synth, resources):
    ProcessingPlatform(stack, "Other")

    names = {
        json.dumps(g["Properties"]["LogGroupName"]) for g in resources(synth(stack), "AWS::Logs::LogGroup").values()
    }
    assert len(names) == 2


def test_a_stack_is_given_one_platform(stack):
    assert ProcessingPlatform.of(stack) is ProcessingPlatform.of(stack)
    assert ProcessingPlatform.of(stack).node.path == "Census/ProcessingPlatform"


def test_two_stacks_are_given_one_each(app, stack):
    assert ProcessingPlatform.of(Stack(app, "Other")) is not ProcessingPlatform.of(stack)


def test_two_jobs_may_share_a_platform_given_to_them(stack, platform, request_for, synth, resources):
    for name in ("One", "Two"):
        ProcessingJob(stack, name, request_for(), platform=platform)

    template = synth(stack)
    actions = [alarm["Properties"]["AlarmActions"] for alarm in resources(template, "AWS::CloudWatch::Alarm").values()]
    assert actions[0] == actions[1]
    assert len(resources(template, "AWS::SQS::Queue")) == 1


def test_a_platform_of_another_stack_is_imported(app, request_for, synth, resources):
    shared, jobs = Stack(app, "Shared"), Stack(app, "Jobs")
    platform = ProcessingPlatform(shared, "Platform")
    ProcessingJob(
        jobs,
        "Preprocess",
        request_for(ExecutionVariables.OBJECT_URI),
        triggers=[OnObjectCreated(S3Location("raw-data", "in/"))],
        platform=platform,
    )

    template = synth(jobs)
    assert resources(template, "AWS::SQS::Queue") == {}
    [alarm] = resources(template, "AWS::CloudWatch::Alarm").values()
    assert alarm["Properties"]["AlarmActions"][0]["Fn::ImportValue"].startswith("Shared:ExportsOutput")
    [rule] = resources(template, "AWS::Events::Rule").values()
    assert "Fn::ImportValue" in rule["Properties"]["Targets"][0]["DeadLetterConfig"]["Arn"]


def test_what_users_hold_of_a_platform_is_l2(stack, platform, synth, resources):
    user = iam.User(stack, "OnCall")
    platform.dead_letter_queue.grant_consume_messages(user)
    platform.key.grant_decrypt(user)
    platform.alert_topic.add_subscription(subscriptions.EmailSubscription("on-call@example.com"))

    template = synth(stack)
    [policy] = resources(template, "AWS::IAM::Policy").values()
    actions = [statement["Action"] for statement in policy["Properties"]["PolicyDocument"]["Statement"]]
    assert "sqs:ReceiveMessage" in actions[0]
    assert actions[1] == "kms:Decrypt"
    [subscription] = resources(template, "AWS::SNS::Subscription").values()
    assert subscription["Properties"]["TopicArn"]["Ref"].startswith("PlatformAlerts")


def test_a_platform_in_an_app_of_its_own_needs_no_job(synth):
    stack = Stack(App(), "Shared")
    ProcessingPlatform(stack, "Platform")

    assert len(synth(stack)["Resources"]) == 7
