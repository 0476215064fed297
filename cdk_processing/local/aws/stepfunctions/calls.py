"""Tasks that call an AWS API. They call it over HTTP with the state machine's role, so IAM decides as in AWS.

That covers ``aws-sdk:<service>:<action>`` for each service of MiniStack, and the optimized integrations that make one
call (``sqs:sendMessage``, ``sns:publish``, ``events:putEvents``, ``dynamodb:*Item``, ``states:startExecution``).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cdk_processing.local import ministack
from cdk_processing.local.api_models.sdk_names import find_operation, service_name
from cdk_processing.local.api_models.shapes import sdk_request, sdk_result
from cdk_processing.local.aws.iam.assumed_roles import AssumedRoles
from cdk_processing.local.aws.stepfunctions.call_texts import (
    CallErrors as _Errors,
)
from cdk_processing.local.aws.stepfunctions.call_texts import (
    http_metadata,
    missing_member,
    missing_text,
)
from cdk_processing.local.aws.stepfunctions.execution import SESSION, Execution, current_execution, execution_error

__all__ = ["OPTIMIZED", "START_EXECUTION", "RoleCalls", "authorized_lambda"]

# The type of an object that a task writes, if it names none.
_JSON_TEXT = "text/plain; charset=UTF-8"
# How a task waits, at the end of its resource.
_PATTERNS = re.compile(r"\.(sync(:2)?|waitForTaskToken)$")
# The base exception of a service's Java SDK (v2). An error that has no class is named after it.
_SDK_NAMES = {
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "sagemaker": "SageMaker",
    "secretsmanager": "SecretsManager",
}


@dataclass(frozen=True)
class _Integration:
    """An optimized integration that makes one call.

    Attributes:
        service: The service, as botocore names it.
        operation: The operation.
        prefix: The first part of its errors' names, as documented.
        sdk_name: The service in a cause, as the Java SDK, v1, names it.
        metadata: Whether the result includes the HTTP response's headers and status.
    """

    service: str
    operation: str
    prefix: str
    sdk_name: str
    metadata: bool = True

    @property
    def fallback(self) -> str:
        """The second part of the name of an error that has no class in the Java SDK."""
        return _BASE_ERRORS[self.prefix]


# After the Java SDK, v1. Recorded for DynamoDB and SQS.
_BASE_ERRORS = {
    "SQS": "AmazonSQSException",
    "SNS": "AmazonSNSException",
    "EventBridge": "AmazonEventBridgeException",
    "DynamoDB": "AmazonDynamoDBException",
    "StepFunctions": "AWSStepFunctionsException",
}
START_EXECUTION = "arn:aws:states:::states:startExecution"
OPTIMIZED = {
    "arn:aws:states:::sqs:sendMessage": _Integration("sqs", "SendMessage", "SQS", "AmazonSQS"),
    "arn:aws:states:::sns:publish": _Integration("sns", "Publish", "SNS", "AmazonSNS"),
    "arn:aws:states:::events:putEvents": _Integration(
        "events", "PutEvents", "EventBridge", "AmazonCloudWatchEvents", metadata=False
    ),
    "arn:aws:states:::dynamodb:putItem": _Integration("dynamodb", "PutItem", "DynamoDB", "AmazonDynamoDBv2"),
    "arn:aws:states:::dynamodb:getItem": _Integration("dynamodb", "GetItem", "DynamoDB", "AmazonDynamoDBv2"),
    "arn:aws:states:::dynamodb:deleteItem": _Integration("dynamodb", "DeleteItem", "DynamoDB", "AmazonDynamoDBv2"),
    "arn:aws:states:::dynamodb:updateItem": _Integration("dynamodb", "UpdateItem", "DynamoDB", "AmazonDynamoDBv2"),
    START_EXECUTION: _Integration("stepfunctions", "StartExecution", "StepFunctions", "AWSStepFunctions"),
}


class RoleCalls:
    """Makes the API calls of tasks."""

    def __init__(self, roles: AssumedRoles) -> None:
        self._roles = roles

    def sdk_task(self, resource: str, arguments: Any) -> Any:
        """Make the call of an ``aws-sdk`` task. MiniStack would make it as the account's root."""
        _, _, rest = resource.partition(":aws-sdk:")
        name, _, action = rest.split(".")[0].partition(":")
        prefix = _SDK_NAMES.get(name.lower(), name[:1].upper() + name[1:].lower())
        client = self._client(service_name(name), resource)
        try:
            operation = find_operation(client, action)
        except LookupError as error:
            raise execution_error("States.Runtime", f"{resource}: {error}") from error
        shape = client.meta.service_model.operation_model(operation)
        request = sdk_request(shape.input_shape, arguments or {})
        if operation == "PutObject" and isinstance(request, dict):
            request.setdefault("ContentType", _JSON_TEXT)
        response = self._call(client, operation, request, _Errors(prefix, f"{prefix}Exception"))
        return sdk_result(shape.output_shape, response)

    def optimized_task(self, resource: str, arguments: Any) -> Any:
        """Make the call of an optimized integration."""
        integration = OPTIMIZED[_PATTERNS.sub("", resource)]
        client = self._client(integration.service, resource)
        shape = client.meta.service_model.operation_model(integration.operation)
        request = sdk_request(shape.input_shape, arguments or {})
        if integration.operation == "PutEvents":
            _name_the_sender(request, _execution(resource))
        if integration.operation == "SendMessage":
            _refuse_no_url(str(request.get("QueueUrl")))
        errors = _Errors(integration.prefix, integration.fallback, integration.sdk_name)
        response = self._call(client, integration.operation, request, errors)
        if response.get("FailedEntryCount"):
            cause = {"Entries": response["Entries"], "FailedEntryCount": response["FailedEntryCount"]}
            raise execution_error("EventBridge.FailedEntry", json.dumps(cause, separators=(",", ":")))
        result = sdk_result(shape.output_shape, response)
        return {**result, **http_metadata(response["ResponseMetadata"])} if integration.metadata else result

    def client(self, role_arn: str, service: str) -> Any:
        """A boto3 client that calls with a role."""
        return self._roles.assume(role_arn, ministack.scope()[1], SESSION).client(service)

    def _client(self, service: str, resource: str) -> Any:
        from botocore.exceptions import UnknownServiceError

        try:
            return self.client(_execution(resource).role_arn, service)
        except UnknownServiceError as error:
            raise execution_error("States.Runtime", f"{resource}: there is no AWS service {service}") from error

    @staticmethod
    def _call(client: Any, operation: str, request: dict[str, Any], errors: _Errors) -> dict[str, Any]:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        given = {name: value for name, value in request.items() if value is not None}
        missing = missing_member(client.meta.service_model.operation_model(operation).input_shape, given)
        if missing is not None:
            raise errors.made(None, *missing_text(client, missing), 400, str(uuid.uuid4()))
        try:
            response: dict[str, Any] = getattr(client, xform_name(operation))(**given)
        except ClientError as error:
            told, metadata = error.response["Error"], error.response["ResponseMetadata"]
            name = _exception_class(client, operation, told["Code"])
            status, request_id = metadata["HTTPStatusCode"], metadata.get("RequestId") or str(uuid.uuid4())
            raise errors.made(name, told.get("Message", ""), told["Code"], status, request_id) from error
        except HTTPClientError as error:
            # The Java SDK's name of an error that is no answer of a service.
            raise errors.no_answer(str(error)) from error
        except BotoCoreError as error:
            raise execution_error("States.Runtime", f"{errors.prefix}: {error}") from error
        return response


def _name_the_sender(request: Mapping[str, Any], execution: Execution) -> None:
    """Add the state machine and the execution to the resources of events, as Step Functions does."""
    for entry in request.get("Entries") or ():
        if isinstance(entry, dict):
            machine = execution.record["stateMachineArn"]
            entry["Resources"] = [*(entry.get("Resources") or ()), machine, execution.arn]


def _refuse_no_url(queue: str) -> None:
    """Fail for a queue's name where its URL belongs, as the Java SDK does: it takes it for a host."""
    if not urlsplit(queue).scheme:
        raise _Errors("SQS", "", "").no_answer(f"{queue}: Name or service not known")


def _execution(resource: str) -> Execution:
    execution = current_execution()
    if execution is None:
        raise execution_error("States.Runtime", f"{resource} needs an execution with a role")
    return execution


def _exception_class(client: Any, operation: str, code: str) -> str | None:
    """The Java SDK's class of an error, if the service's model has a shape for it."""
    if code == "404" and operation == "HeadObject":
        return "NoSuchKeyException"  # the answer to a HEAD has no body with the code
    if code == "AccessDenied":
        # S3's newest model has a shape for it, but published examples show S3.S3Exception.
        return None
    shapes = {shape.name for shape in client.meta.service_model.error_shapes}
    codes = {shape.error_code: shape.name for shape in client.meta.service_model.error_shapes}
    name = codes.get(code) or (code if code in shapes else None)
    if name is None:
        return None
    name = name.removesuffix("Fault")
    return name if name.endswith("Exception") else f"{name}Exception"


def authorized_lambda(call: Callable[..., Any]) -> Callable[..., Any]:
    """Invoke a function, if the state machine's role may."""

    def call_lambda(function: Any, event: Any) -> Any:
        execution = current_execution()
        if execution is not None:
            account, region = ministack.scope()
            text = str(function)
            arn = text if text.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{text}"
            denial = execution.principal.denial("lambda:InvokeFunction", arn)
            if denial is not None:
                raise execution_error("Lambda.AWSLambdaException", denial)
        return call(function, event)

    return call_lambda
