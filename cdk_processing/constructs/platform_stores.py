"""What a platform keeps things in: its key, its dead-letter queue, its log group and its table.

Each is a plain resource, because chaining L2 objects costs several times as much.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_processing.constructs.acknowledgements import of_packs
from cdk_processing.constructs.resource_policies import admit, tls_only
from cdk_processing.constructs.resources import acknowledge, arn_of, known_as, node_of, resource
from cdk_processing.constructs.roles import STACK_MARK
from cdk_processing.constructs.service_key import key_statements
from cdk_processing.constructs.typed import TypedResource
from cdk_processing.workflow.items import EXPIRES, ITEM_ID

__all__ = ["AWS_OWNED", "LOG_RETENTION_DAYS", "make_key", "make_log_group", "make_queue", "make_table"]

#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_FOURTEEN_DAYS = 1_209_600
#: Why what holds data has no KMS key of its account.
AWS_OWNED = "encryption_key='aws-owned' was asked for: the service encrypts with a key of its own, at no cost."


def make_key(platform: Construct, *, removes_data: bool, with_budgets: bool = False) -> str:
    """Make a key that admits the services, and budgets if there are any; returns its ARN."""
    made = resource(
        platform,
        "Key",
        "AWS::KMS::Key",
        {
            "Description": f"What the processing jobs under {known_as(platform)} share",
            "EnableKeyRotation": True,
            "KeyPolicy": {"Version": "2012-10-17", "Statement": key_statements(with_budgets=with_budgets)},
        },
    )
    _keep(made, removes_data)
    return made.attribute("Arn")


def make_queue(platform: Construct, key_arn: str | None, *, removes_data: bool) -> TypedResource:
    """Make the dead-letter queue.

    Args:
        platform: The platform.
        key_arn: The key that encrypts it. None for SSE-SQS: the policy of AWS's own key, ``aws/sqs``, does not admit
            EventBridge (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html).
        removes_data: Whether it goes with its stack.
    """
    encryption = {"KmsMasterKeyId": key_arn} if key_arn else {"SqsManagedSseEnabled": True}
    queue = resource(
        platform, "DeadLetters", "AWS::SQS::Queue", {**encryption, "MessageRetentionPeriod": _FOURTEEN_DAYS}
    )
    _keep(queue, removes_data)
    reason = "This is the dead-letter queue; it has none of its own."
    acknowledge(queue, platform, reason, "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
    if key_arn is None:
        acknowledge(queue, platform, AWS_OWNED, "CKV_AWS_27")
    arn = arn_of(queue)
    statements = [tls_only("sqs:*", arn), admit("events.amazonaws.com", "sqs:SendMessage", arn)]
    document = {"Version": "2012-10-17", "Statement": statements}
    properties = {"Queues": [queue.attribute("ref")], "PolicyDocument": document}
    resource(platform, "DeadLettersPolicy", "AWS::SQS::QueuePolicy", properties)
    return queue


def make_log_group(platform: Construct, key_arn: str | None, retention_days: int, *, removes_data: bool) -> str:
    """Make the log group of the state machines; returns its ARN."""
    # Step Functions can write to groups under /aws/vendedlogs/ without a resource policy for each. The mark lets a
    # stack of the same name be deployed again while the group of a deleted one is still there.
    name = ["/aws/vendedlogs/states/cdk-processing/", {"Ref": "AWS::StackName"}, f"-{node_of(platform).addr[-8:]}-"]
    group = resource(
        platform,
        "Logs",
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": {"Fn::Join": ["", [*name, STACK_MARK]]},
            "RetentionInDays": retention_days,
            **({"KmsKeyId": key_arn} if key_arn else {}),
        },
    )
    if key_arn is None:
        acknowledge(group, platform, AWS_OWNED, "CKV_AWS_158", *of_packs("CloudWatchLogGroupEncrypted"))
    _keep(group, removes_data)
    return group.attribute("Arn")


def make_table(platform: Construct, key_arn: str | None) -> TypedResource:
    """Make the table of turns, newest arrivals and folders. It goes with its stack: it is about runs in progress."""
    own = {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key_arn}} if key_arn else {}
    made = resource(
        platform,
        "Turns",
        "AWS::DynamoDB::Table",
        {
            "AttributeDefinitions": [{"AttributeName": ITEM_ID, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": ITEM_ID, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            **own,
            "TimeToLiveSpecification": {"AttributeName": EXPIRES, "Enabled": True},
        },
    )
    reason = "It holds the current runs and the newest arrivals. An earlier state of it is of no use."
    backups = of_packs("DynamoDBInBackupPlan", "DynamoDBPITREnabled")
    acknowledge(made, platform, reason, "AwsSolutions-DDB3", "CKV_AWS_28", *backups)
    if key_arn is None:
        acknowledge(made, platform, AWS_OWNED, "CKV_AWS_119")
    return made


def _keep(made: TypedResource, removes_data: bool) -> None:
    """Have a resource stay when its stack is deleted, but not when it cannot be created in the first place."""
    made.apply_removal_policy(RemovalPolicy.DESTROY if removes_data else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
