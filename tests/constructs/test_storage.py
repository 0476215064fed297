"""Buckets: the library's own, the user's, another app's."""

import json

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match

from cdk_processing import DataBucket, OnObjectCreated, OnSchedule, ProcessingJob, S3Location

EVENTS_ON = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def warnings(stack):
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return [entry.entry.data for entry in found]


def test_a_data_bucket_has_the_standards_on(stack, raw, synth, resources):
    [bucket] = resources(synth(stack), "AWS::S3::Bucket").values()

    assert bucket["Properties"] == {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "Id": "DropUnfinishedUploads",
                    "Status": "Enabled",
                }
            ]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_data_bucket_refuses_what_is_not_tls(stack, raw, synth, resources):
    [policy] = resources(synth(stack), "AWS::S3::BucketPolicy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]

    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", {"AWS": "*"})
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_data_bucket_may_go_with_its_stack(stack, synth, resources):
    DataBucket(stack, "Scratch", removal_policy=RemovalPolicy.DESTROY)

    [bucket] = resources(synth(stack), "AWS::S3::Bucket").values()
    assert bucket["DeletionPolicy"] == "Delete"


def test_a_data_bucket_takes_a_name_and_rules_of_ones_own(stack, synth, resources):
    rule = s3.LifecycleRule(id="Mine", expiration=Duration.days(1))
    DataBucket(stack, "Scratch", bucket_name="my-data", lifecycle_rules=[rule])

    [bucket] = resources(synth(stack), "AWS::S3::Bucket").values()
    assert bucket["Properties"]["BucketName"] == "my-data"
    assert [rule["Id"] for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]] == [
        "DropUnfinishedUploads",
        "Mine",
    ]


def test_a_data_bucket_with_a_key_uses_it_sparingly(stack, synth, resources):
    DataBucket(stack, "Secret", encryption_key=kms.Key(stack, "Key"))

    [bucket] = resources(synth(stack), "AWS::S3::Bucket").values()
    [rule] = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


@pytest.mark.parametrize("kind", [DataBucket, s3.Bucket])
def test_a_bucket_of_the_app_is_told_to_send_events_without_anything_added(stack, request_for, synth, kind):
    bucket = kind(stack, "Mine")
    before = _types(synth(_with_a_bucket_alone(kind)))
    watched = S3Location(bucket, "in/")
    ProcessingJob(stack, "Preprocess", request_for(watched), triggers=[OnObjectCreated(watched)])

    template = synth(stack)
    name = stack.get_logical_id(bucket.node.default_child)

    assert template["Resources"][name]["Properties"]["NotificationConfiguration"] == EVENTS_ON
    assert {name: kind for name, kind in _types(template).items() if name.startswith("Mine")} == before
    assert "Lambda" not in json.dumps(template)
    assert "Custom::" not in json.dumps(template)
    assert warnings(stack) == []


def _with_a_bucket_alone(kind):
    stack = Stack(App(), "Census")
    kind(stack, "Mine")
    return stack


def _types(template):
    return {name: resource["Type"] for name, resource in template["Resources"].items()}


def test_a_bucket_that_launches_nothing_sends_no_events(stack, raw, request_for, synth, resources):
    ProcessingJob(stack, "Preprocess", request_for(raw.at("in/")), triggers=[OnSchedule("rate(1 day)")])

    [bucket] = resources(synth(stack), "AWS::S3::Bucket").values()
    assert "NotificationConfiguration" not in bucket["Properties"]


@pytest.mark.parametrize("how", ["imported", "named"])
def test_a_bucket_from_elsewhere_is_warned_of(stack, request_for, how):
    bucket = s3.Bucket.from_bucket_name(stack, "Theirs", "their-data") if how == "imported" else "their-data"
    trigger = OnObjectCreated(S3Location(bucket, "in/"))
    ProcessingJob(stack, "Preprocess", request_for(S3Location(bucket, "in/")), triggers=[trigger])

    [warning] = warnings(stack)
    assert warning.startswith("this app did not make the bucket ")
    assert "put-bucket-notification-configuration" in warning
    assert "cdk-processing:imported-bucket" in warning
    assert ("Census/Theirs" if how == "imported" else "their-data") in warning


def test_reading_from_elsewhere_is_not_warned_of(stack, request_for):
    ProcessingJob(stack, "Preprocess", request_for("s3://their-data/in/"))

    assert warnings(stack) == []


def test_a_bucket_named_by_its_uri_is_read_under_its_own_arn(stack, request_for, synth, statements, flat):
    ProcessingJob(stack, "Preprocess", request_for("s3://their-data/in/", "s3://their-data/out/"))

    found = statements(synth(stack), "PreprocessExecutionRole")

    assert flat(found["ReadInputs"]["Resource"][0]) == "arn:<AWS::Partition>:s3:::their-data/in/*"
    assert flat(found["WriteOutputs"]["Resource"]) == "arn:<AWS::Partition>:s3:::their-data/out/*"
    assert "DecryptInputs" not in found
    assert "EncryptOutputs" not in found


def test_the_keys_of_encrypted_buckets_may_be_used(stack, request_for, synth, statements):
    read, write = kms.Key(stack, "ReadKey"), kms.Key(stack, "WriteKey")
    raw = DataBucket(stack, "Raw", encryption_key=read)
    curated = s3.Bucket(stack, "Curated", encryption_key=write)
    ProcessingJob(stack, "Preprocess", request_for(raw.at("in/"), S3Location(curated, "out/")))

    found = statements(synth(stack), "PreprocessExecutionRole")

    def arn(key):
        return {"Fn::GetAtt": [stack.get_logical_id(key.node.default_child), "Arn"]}

    assert (found["DecryptInputs"]["Action"], found["DecryptInputs"]["Resource"]) == ("kms:Decrypt", arn(read))
    assert found["EncryptOutputs"]["Action"] == ["kms:Encrypt", "kms:GenerateDataKey"]
    assert found["EncryptOutputs"]["Resource"] == arn(write)
    parts = found["DecryptOutputParts"]
    assert (parts["Action"], parts["Resource"]) == ("kms:Decrypt", arn(write))


def test_the_key_of_a_bucket_in_another_stack_is_imported(app, request_for, synth, statements):
    data, jobs = Stack(app, "Data"), Stack(app, "Jobs")
    raw = DataBucket(data, "Raw", encryption_key=kms.Key(data, "Key"))
    ProcessingJob(jobs, "Preprocess", request_for(raw.at("in/")))

    decrypt = statements(synth(jobs), "PreprocessExecutionRole")["DecryptInputs"]

    assert decrypt["Resource"]["Fn::ImportValue"].startswith("Data:ExportsOutputFnGetAttKey")


def test_wildcards_in_a_prefix_are_no_wildcards_in_the_policy(stack, raw, request_for, synth, statements, flat):
    ProcessingJob(stack, "Preprocess", request_for(raw.at("a*b/")))

    found = statements(synth(stack), "PreprocessExecutionRole")

    assert flat(found["ReadInputs"]["Resource"][0]) == "<Raw72517081.Arn>/a${*}b/*"
