"""The services and CloudFormation resource types that are served: those that a processing stack needs.

Everything else in MiniStack is closed, because much of it, such as Lambda, ECS and RDS, starts processes outside the
sandbox.
"""

from __future__ import annotations

from typing import Any

from cdk_processing.local.ministack import internal

__all__ = [
    "RESOURCE_TYPES",
    "SERVICES",
    "close_all_else",
    "refuse_custom_resource",
    "refuse_to_start",
    "refusing",
    "serve_buckets_by_host",
]

#: Services, by their signing names.
SERVICES = frozenset(
    {
        "cloudcontrolapi",
        "cloudformation",
        "dynamodb",
        "ecr",
        "events",
        "iam",
        "kms",
        "logs",
        "monitoring",
        "s3",
        "sagemaker",
        "scheduler",
        "sns",
        "sqs",
        "ssm",
        "states",
        "sts",
        "tagging",
    }
)

# Services with a different name in MiniStack.
_HANDLERS = {"cloudcontrolapi": "cloudcontrol"}

#: Resource types that CloudFormation provisions. Networks and repositories are only records and start nothing.
RESOURCE_TYPES = frozenset(
    {
        # Budgets are only records: nothing here costs anything.
        "AWS::Budgets::Budget",
        "AWS::CDK::Metadata",
        # Chat channels are only records: nothing here sends a message.
        "AWS::Chatbot::MicrosoftTeamsChannelConfiguration",
        "AWS::Chatbot::SlackChannelConfiguration",
        "AWS::CloudFormation::Stack",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ECR::Repository",
        "AWS::Events::EventBus",
        "AWS::Events::EventBusPolicy",
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::KMS::Alias",
        # The CDK's own functions, for its custom resources below. They are recorded but never run.
        "AWS::Lambda::Function",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::Logs::LogStream",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::ResourcePolicy",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SSM::Parameter",
        "AWS::Scheduler::Schedule",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::StepFunctions::StateMachine",
        "Custom::S3AutoDeleteObjects",
        "Custom::S3BucketNotifications",
    }
)


def close_all_else() -> None:
    """Remove every other service and resource type from MiniStack."""
    handlers = internal("ministack.app", "SERVICE_HANDLERS")
    for name in set(handlers) - {_HANDLERS.get(service, service) for service in SERVICES}:
        del handlers[name]
    provisioners = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    for name in set(provisioners) - RESOURCE_TYPES:
        provisioners[name] = {"create": refusing(name), "delete": lambda _physical_id, _properties: None}


def refusing(resource_type: str) -> Any:
    """A replacement for the provisioner of a resource type, which refuses the type."""

    def create(_logical_id: str, _properties: Any, _stack: str) -> Any:
        raise ValueError(
            f"The embedded AWS does not provision {resource_type}: it serves what processing jobs need, and starts "
            "nothing outside their sandbox. Leave the resource out of what is deployed here"
        )

    return create


def refuse_custom_resource(_logical_id: str, _properties: Any, _stack: str, resource_type: str = "") -> Any:
    """Refuse a custom resource, because nothing here runs its Lambda function."""
    return refusing(resource_type or "AWS::CloudFormation::CustomResource")(_logical_id, _properties, _stack)


def refuse_to_start(function: Any, _event: Any) -> Any:
    """Refuse to run a Lambda function. Nothing here can create one, and if one exists anyway, it does not run."""
    raise PermissionError(f"the embedded AWS runs no Lambda function, so not {function!r}")


async def serve_buckets_by_host(
    method: str, path: str, headers: Any, body: bytes, query_params: Any, _request_id: str, **_rest: Any
) -> Any:
    """Of MiniStack's routes by host or path, serve only those to a bucket: ``bucket.localhost``."""
    serve = internal("ministack.app", "_handle_s3_vhost_request")
    return await serve(headers.get("host", ""), path, method, headers, body, query_params)
