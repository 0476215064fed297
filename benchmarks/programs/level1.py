"""One job, written by hand with aws-cdk-lib's typed L1 classes."""

import json
from typing import Any

from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in statements]}


def role(construct_id: str, service: str, *statements: dict[str, Any]) -> iam.CfnRole:
    account = {"StringEquals": {"aws:SourceAccount": stack.account}}
    trust = {"Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": account}
    policy = iam.CfnRole.PolicyProperty(policy_name="LeastPrivilege", policy_document=document(*statements))
    return iam.CfnRole(stack, construct_id, assume_role_policy_document=document(trust), policies=[policy])


def bucket(construct_id: str) -> s3.CfnBucket:
    encryption = s3.CfnBucket.ServerSideEncryptionByDefaultProperty(sse_algorithm="AES256")
    rule = s3.CfnBucket.ServerSideEncryptionRuleProperty(server_side_encryption_by_default=encryption)
    made = s3.CfnBucket(
        stack,
        construct_id,
        bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(server_side_encryption_configuration=[rule]),
        notification_configuration=s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        ),
        public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
            block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
        ),
        versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
    )
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": made.attr_arn, "Condition": tls}
    s3.CfnBucketPolicy(stack, f"{construct_id}Policy", bucket=made.ref, policy_document=document(deny))
    return made


app = App()
stack = Stack(app, "Jobs")
raw, curated = bucket("Raw"), bucket("Curated")
everything = {"Principal": {"AWS": f"arn:aws:iam::{stack.account}:root"}, "Action": "kms:*", "Resource": "*"}
key = kms.CfnKey(stack, "Key", key_policy=document(everything), enable_key_rotation=True)
queue = sqs.CfnQueue(stack, "DeadLetters", kms_master_key_id=key.attr_arn, message_retention_period=1_209_600)
topic = sns.CfnTopic(stack, "Alerts", kms_master_key_id=key.attr_arn)
log_group = logs.CfnLogGroup(stack, "Logs", kms_key_id=key.attr_arn, retention_in_days=90)
send = {"Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue.attr_arn}
sqs.CfnQueuePolicy(stack, "DeadLettersPolicy", queues=[queue.ref], policy_document=document(send))
tell = {"Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic.ref}
sns.CfnTopicPolicy(stack, "AlertsPolicy", topics=[topic.ref], policy_document=document(tell))


def shared(construct_id: str, *statements: dict[str, Any]) -> str:
    """The ARN of a managed policy for what the roles of all jobs may do alike."""
    return iam.CfnManagedPolicy(stack, construct_id, policy_document=document(*statements)).ref


letters = {"Action": "sqs:SendMessage", "Resource": queue.attr_arn}
execution_role = role(
    "ExecutionRole",
    "sagemaker.amazonaws.com",
    {"Action": "s3:GetObject", "Resource": f"{raw.attr_arn}/in/*"},
    {"Action": "s3:PutObject", "Resource": f"{curated.attr_arn}/out/*"},
)
workflow_role = role(
    "WorkflowRole",
    "states.amazonaws.com",
    {"Action": "sagemaker:CreateProcessingJob", "Resource": f"arn:aws:sagemaker:*:{stack.account}:processing-job/*"},
    {"Action": "iam:PassRole", "Resource": execution_role.attr_arn},
)
run_job = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
    "Arguments": {"ProcessingJobName": "{% $states.context.Execution.Name %}", "RoleArn": execution_role.attr_arn},
    "End": True,
}
definition = {"QueryLanguage": "JSONata", "StartAt": "RunJob", "States": {"RunJob": run_job}}
execution_role.managed_policy_arns = [
    shared("ExecutionPolicy", {"Action": "cloudwatch:PutMetricData", "Resource": "*"}),
    shared("ImagePolicy", {"Action": "ecr:BatchGetImage", "Resource": "*"}),
]
workflow_role.managed_policy_arns = [shared("WorkflowPolicy", letters)]
log = sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(log_group_arn=log_group.attr_arn)
machine = sfn.CfnStateMachine(
    stack,
    "StateMachine",
    role_arn=workflow_role.attr_arn,
    definition_string=json.dumps(definition),
    logging_configuration=sfn.CfnStateMachine.LoggingConfigurationProperty(
        destinations=[sfn.CfnStateMachine.LogDestinationProperty(cloud_watch_logs_log_group=log)],
        include_execution_data=True,
        level="ALL",
    ),
    tags=[sfn.CfnStateMachine.TagsEntryProperty(key="job", value="Prep")],
)


def alarm(name: str, namespace: str, metric: str, dimension: str, value: str, **options: Any) -> None:
    """An alarm that tells the topic."""
    usual = {"comparison_operator": "GreaterThanOrEqualToThreshold", "evaluation_periods": 1, "period": 300}
    cloudwatch.CfnAlarm(
        stack,
        name,
        threshold=1,
        namespace=namespace,
        metric_name=metric,
        dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name=dimension, value=value)],
        **{**usual, "statistic": "Sum", "alarm_actions": [topic.ref], **options},
    )


alarm("FailedAlarm", "AWS/States", "ExecutionsFailed", "StateMachineArn", machine.ref)
alarm("LettersAlarm", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.attr_queue_name)
alarm(
    "MissedAlarm",
    "AWS/States",
    "ExecutionsStarted",
    "StateMachineArn",
    machine.ref,
    comparison_operator="LessThanThreshold",
    evaluation_periods=27,
    period=3600,
    alarm_actions=[],
    insufficient_data_actions=[topic.ref],
)
start_role = role("StartRole", "events.amazonaws.com", {"Action": "states:StartExecution", "Resource": machine.ref})
start_role.managed_policy_arns = [shared("DeadLetterPolicy", letters)]
events.CfnRule(
    stack,
    "Arrival",
    event_pattern={
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [raw.ref]}, "object": {"key": [{"wildcard": "in/*.csv"}]}},
    },
    targets=[
        events.CfnRule.TargetProperty(
            id="StateMachine",
            arn=machine.ref,
            role_arn=start_role.attr_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.attr_arn),
        )
    ],
)
scheduler.CfnSchedule(
    stack,
    "Schedule",
    flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
    schedule_expression="cron(0 6 * * ? *)",
    schedule_expression_timezone="Europe/Berlin",
    target=scheduler.CfnSchedule.TargetProperty(
        arn=machine.ref,
        role_arn=start_role.attr_arn,
        dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=queue.attr_arn),
    ),
)
app.synth()
