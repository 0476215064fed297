from dataclasses import replace

from cdk_processing.access.launching import (
    LaunchAccess,
    send_dead_letters,
    start_statements,
    workflow_statements,
)
from cdk_processing.access.statement import Place
from cdk_processing.workflow.items import item_statements
from cdk_processing.workflow.turns import TURNS

ROLE = "arn:aws:iam::111122223333:role/Execution"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:DeadLetters"
KEY = "arn:aws:kms:us-east-1:111122223333:key/k"
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census"
ACCESS = LaunchAccess(Place("aws", "us-east-1", "111122223333"), "census-preprocess", ROLE, QUEUE, KEY)

SEND = [
    {"Sid": "SendDeadLetters", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE},
    {
        "Sid": "EncryptDeadLetters",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": KEY,
        "Condition": {"StringLike": {"kms:ViaService": "sqs.*"}},
    },
]
POLICY = [
    {
        "Sid": "RunJobs",
        "Effect": "Allow",
        "Action": [
            "sagemaker:AddTags",
            "sagemaker:CreateProcessingJob",
            "sagemaker:DescribeProcessingJob",
            "sagemaker:StopProcessingJob",
        ],
        "Resource": f"arn:aws:sagemaker:us-east-1:111122223333:processing-job/census-preprocess-{'?' * 32}-*",
    },
    {
        "Sid": "PassExecutionRole",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": ROLE,
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    },
    {"Sid": "ListTags", "Effect": "Allow", "Action": "sagemaker:ListTags", "Resource": "*"},
    {
        "Sid": "HearJobsEnd",
        "Effect": "Allow",
        "Action": ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
        "Resource": ("arn:aws:events:us-east-1:111122223333:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"),
    },
    *SEND,
    {
        "Sid": "DeliverLogs",
        "Effect": "Allow",
        "Action": [
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
        "Resource": "*",
    },
]


def rendered(statements):
    return [statement.render() for statement in statements]


def test_the_state_machine_has_this_policy():
    assert rendered(workflow_statements(ACCESS)) == POLICY


def test_only_a_state_machine_that_writes_manifests_may_write_and_only_its_own():
    access = replace(ACCESS, manifests="arn:aws:s3:::work/manifests/census-preprocess/")

    assert [statement for statement in rendered(workflow_statements(access)) if statement not in POLICY] == [
        {
            "Sid": "WriteManifests",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::work/manifests/census-preprocess/*",
        }
    ]


def test_a_manifest_is_encrypted_with_the_key_of_its_bucket_through_s3_alone():
    manifests = "arn:aws:s3:::work/manifests/census-preprocess/"
    access = replace(ACCESS, manifests=manifests, manifest_key=f"{KEY}2")
    [encrypt] = [each for each in rendered(workflow_statements(access)) if each["Sid"] == "EncryptManifests"]

    assert encrypt == {
        "Sid": "EncryptManifests",
        "Effect": "Allow",
        "Action": "kms:GenerateDataKey",
        "Resource": f"{KEY}2",
        "Condition": {"StringLike": {"kms:ViaService": "s3.*"}},
    }


TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/Turns"


def test_only_a_job_with_turns_or_an_order_may_reach_the_table_and_only_its_own_items():
    access = replace(ACCESS, admitting=item_statements(TABLE, KEY, "Census/Job"))

    assert [statement for statement in rendered(workflow_statements(access)) if statement not in POLICY] == [
        {
            "Sid": "KeepItems",
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            "Resource": TABLE,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["Census/Job#*"]}},
        },
        {
            "Sid": "EncryptItems",
            "Effect": "Allow",
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Resource": KEY,
            "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*"}},
        },
    ]


def test_a_star_in_the_path_of_a_job_opens_no_other_jobs_items():
    access = replace(ACCESS, admitting=item_statements(TABLE, KEY, "Census/J*b?"))
    [keep] = [each for each in rendered(workflow_statements(access)) if each["Sid"] == "KeepItems"]

    assert keep["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["Census/J${*}b${?}#*"]


def test_only_a_job_that_others_depend_on_may_put_events_and_on_the_default_bus_alone():
    access = replace(ACCESS, announces=True)

    assert [statement for statement in rendered(workflow_statements(access)) if statement not in POLICY] == [
        {
            "Sid": "Announce",
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": "arn:aws:events:us-east-1:111122223333:event-bus/default",
        }
    ]


def test_a_job_with_turns_may_ask_for_its_own_runs_alone():
    assert rendered(TURNS.machine_policy.statements(ACCESS.place, "Census")) == [
        {
            "Sid": "DescribeRuns",
            "Effect": "Allow",
            "Action": "states:DescribeExecution",
            "Resource": "arn:aws:states:us-east-1:111122223333:execution:Census:*",
        }
    ]


def test_whoever_starts_runs_may_do_nothing_else():
    assert rendered(start_statements(MACHINE)) == [
        {"Sid": "StartRuns", "Effect": "Allow", "Action": "states:StartExecution", "Resource": MACHINE}
    ]


def test_dead_letters_are_sent_with_the_queues_key():
    assert rendered(send_dead_letters(ACCESS)) == SEND


def test_every_wildcard_in_the_launching_policies_has_a_reason():
    access = replace(
        ACCESS, manifests="arn:aws:s3:::work/manifests/", admitting=item_statements(TABLE, KEY, "J"), announces=True
    )
    statements = [*workflow_statements(access), *TURNS.machine_policy.statements(ACCESS.place, "Census")]
    wide = [statement for statement in statements if any("*" in resource for resource in statement.resources)]

    assert [statement.sid for statement in wide] == [
        "RunJobs",
        "WriteManifests",
        "ListTags",
        "DeliverLogs",
        "DescribeRuns",
    ]
    assert all(len(statement.wildcard_reason.split()) > 5 for statement in wide)
