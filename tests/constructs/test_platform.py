import json

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns_subscriptions as subscriptions

from cdk_processing import ExecutionVariables, OnObjectCreated, ProcessingJob, ProcessingPlatform, S3Location


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


def test_everything_is_encrypted_with_the_platforms_key(only):
    keys = [
        only("AWS::SQS::Queue")["KmsMasterKeyId"],
        only("AWS::SNS::Topic")["KmsMasterKeyId"],
        only("AWS::Logs::LogGroup")["KmsKeyId"],
    ]

    assert keys[0]["Fn::GetAtt"][0].startswith("PlatformKey")
    assert keys[0] == keys[1] == keys[2]


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

    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/cdk-processing/${AWS::StackName}-")
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
