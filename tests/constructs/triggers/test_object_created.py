"""``OnObjectCreated``: its rule, and what makes two arrivals the same."""

import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    OnObjectCreated,
    S3Location,
)
from tests.constructs.triggers.runs import CONTEXT, run_of
from tests.workflow.states_language import choose, evaluate

V = ExecutionVariables


def rule_of(made, trigger):
    return made(trigger, "AWS::Events::Rule")


def test_an_arrival_is_one_rule_that_starts_the_state_machine(made, raw):
    found = rule_of(made, OnObjectCreated(raw.at("in/"), suffix=".csv"))

    [target] = found["Targets"]
    assert found["Description"] == "Launches Census/Preprocess"
    assert found["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "Raw72517081"}]},
            "object": {"key": [{"wildcard": "in/*.csv"}], "size": [{"numeric": [">", 0]}]},
        },
    }
    assert target["Arn"]["Ref"].startswith("PreprocessStateMachine")
    assert target["RoleArn"]["Fn::GetAtt"][0].startswith("PreprocessStartRole")
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("ProcessingPlatformDeadLetters")
    # The event goes as it came: the workflow reads its key, version and time.
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


@pytest.mark.parametrize(
    ("key", "suffix", "pattern"),
    [
        ("in/", "", {"prefix": "in/"}),
        ("", ".csv", {"suffix": ".csv"}),
        ("in/", ".csv", {"wildcard": "in/*.csv"}),
        ("a*b\\c/", ".*", {"wildcard": "a\\*b\\\\c/*.\\*"}),
        ("a*b/", "", {"prefix": "a*b/"}),
    ],
)
def test_prefix_and_suffix_are_both_held_to(key, suffix, pattern):
    found = OnObjectCreated(S3Location("raw-data", key), suffix).pattern()

    assert found["detail"]["object"]["key"] == [pattern]


def test_a_whole_bucket_is_watched_without_a_key(made):
    found = OnObjectCreated(S3Location("raw-data")).pattern()

    assert found["detail"] == {"bucket": {"name": ["raw-data"]}, "object": {"size": [{"numeric": [">", 0]}]}}


def arrival(bucket="raw-data", **thing):
    thing = {"key": "in/a.csv", "size": 3, "etag": "e", "version-id": "v", "sequencer": "0055", **thing}
    detail = {"bucket": {"name": bucket}, "object": thing}
    return {"id": "e-1", "source": "aws.s3", "detail-type": "Object Created", "time": "t", "detail": detail}


@pytest.mark.parametrize(("dedupe", "ending"), [("version", "@v"), ("content", "@etag:e"), ("event", "@event:e-1")])
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_what_makes_two_arrivals_the_same_is_chosen(declare, states, dedupe, ending, suffix):
    declare(OnObjectCreated(S3Location("raw-data", "in/"), suffix, dedupe=dedupe))

    assert run_of(states(), arrival())["key"] == f"s3://raw-data/in/a.csv{ending}"


@pytest.mark.parametrize("suffix", ["", ".csv"])
@pytest.mark.parametrize("key", ["in/", ""])
def test_it_is_chosen_for_a_bucket_whose_name_is_known_at_deployment_only(declare, states, raw, key, suffix):
    declare(OnObjectCreated(raw.at(key), suffix, dedupe="event"))

    assert run_of(states(), arrival("<Raw72517081>"))["key"].endswith("@event:e-1")
    assert run_of(states(), arrival("another"))["key"].endswith("@v")


def test_each_trigger_of_a_job_has_its_own_choice(declare, states):
    declare(
        OnObjectCreated(S3Location("raw-data", "in/"), dedupe="content"),
        OnObjectCreated(S3Location("raw-data", "late/"), dedupe="event"),
        OnObjectCreated(S3Location("raw-data", "plain/")),
    )
    keys = [run_of(states(), arrival(key=f"{folder}/x"))["key"] for folder in ("in", "late", "plain")]

    assert keys == ["s3://raw-data/in/x@etag:e", "s3://raw-data/late/x@event:e-1", "s3://raw-data/plain/x@v"]


def test_the_newest_of_a_key_is_remembered_in_a_table_of_the_platforms(
    declare, stack, synth, resources, statements, states, flat
):
    declare(OnObjectCreated(S3Location("raw-data", "in/"), newest_only=True))
    template = synth(stack)

    [table] = resources(template, "AWS::DynamoDB::Table").values()
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    keep = statements(template, "JobWorkflowRole")["KeepItems"]
    assert keep["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert flat(keep["Resource"]).startswith("<ProcessingPlatformTurns")
    assert keep["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["Census/Job#*"]}}
    assert resources(template, "AWS::IAM::Policy") == {}  # nobody is asked whether they still run
    known = evaluate(states()["Prepare"]["Assign"], input=arrival(), context=CONTEXT)
    assert choose(states()["Admit"], known) == "RecordNewest"
    item = evaluate(states()["RecordNewest"]["Arguments"]["Key"], known, context=CONTEXT)["id"]["S"]
    assert item.startswith("Census/Job#newest#")


@pytest.mark.parametrize(
    "encryption",
    [
        lambda stack: {"encryption_key": kms.Key(stack, "Key")},
        lambda _: {"encryption": s3.BucketEncryption.KMS_MANAGED},
        lambda _: {"encryption": s3.BucketEncryption.DSSE_MANAGED},
    ],
    ids=["key of its own", "key of S3", "twice"],
)
def test_contents_cannot_be_told_in_a_bucket_with_a_key(refused, stack, encryption):
    bucket = s3.Bucket(stack, "Secret", **encryption(stack))
    location = S3Location(bucket, "in/")

    assert refused(OnObjectCreated(location, dedupe="content")) == (
        "triggers[0].dedupe must be 'version' or 'event' where the bucket has a KMS key: each upload has another ETag "
        "there, got 'content'; drop the key from the bucket, or compare in the script (OnObjectCreated)"
    )


@pytest.mark.parametrize("dedupe", ["version", "event"])
def test_a_bucket_with_a_key_is_fine_otherwise(declare, stack, dedupe, states):
    bucket = DataBucket(stack, "Secret", encryption_key=kms.Key(stack, "Key"))
    declare(OnObjectCreated(bucket.at("in/"), dedupe=dedupe))

    assert states()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dedupe": "etag"},
            "triggers[0].dedupe must be 'version', 'content' or 'event', got 'etag'; write one of those",
        ),
        ({"dedupe": None}, "triggers[0].dedupe must be 'version', 'content' or 'event', got None; write one of those"),
        ({"newest_only": "yes"}, "triggers[0].newest_only must be True or False, got 'yes'; write one of those"),
    ],
)
def test_a_choice_that_there_is_not_is_told(refused, change, message):
    assert refused(OnObjectCreated(S3Location("raw-data", "in/"), **change)) == f"{message} (OnObjectCreated)"


@pytest.mark.parametrize(("dedupe", "told"), [("version", ""), ("content", "; run key: content")])
def test_the_rule_tells_its_run_key_if_it_is_not_the_usual_one(made, dedupe, told):
    found = rule_of(made, OnObjectCreated(S3Location("raw-data", "in/"), dedupe=dedupe))

    assert found["Description"] == f"Launches Census/Preprocess{told}"
