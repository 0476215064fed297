from dataclasses import replace

from cdk_processing.access.launching import LaunchAccess, send_dead_letters, start_statements, workflow_statements
from cdk_processing.access.statement import Place

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
        "Resource": "arn:aws:sagemaker:us-east-1:111122223333:processing-job/census-preprocess-*",
    },
    {"Sid": "ListTags", "Effect": "Allow", "Action": "sagemaker:ListTags", "Resource": "*"},
    {
        "Sid": "PassExecutionRole",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": ROLE,
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    },
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


def test_whoever_starts_runs_may_do_nothing_else():
    assert rendered(start_statements(MACHINE)) == [
        {"Sid": "StartRuns", "Effect": "Allow", "Action": "states:StartExecution", "Resource": MACHINE}
    ]


def test_dead_letters_are_sent_with_the_queues_key():
    assert rendered(send_dead_letters(ACCESS)) == SEND


def test_every_wildcard_in_the_launching_policies_has_a_reason():
    access = replace(ACCESS, manifests="arn:aws:s3:::work/manifests/")
    wide = [
        statement
        for statement in workflow_statements(access)
        if any("*" in resource for resource in statement.resources)
    ]

    assert [statement.sid for statement in wide] == ["RunJobs", "ListTags", "WriteManifests", "DeliverLogs"]
    assert all(len(statement.wildcard_reason.split()) > 5 for statement in wide)
