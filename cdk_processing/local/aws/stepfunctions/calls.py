"""Tasks that call an AWS API. They call it over HTTP with the state machine's role, so IAM decides as in AWS.

That covers ``aws-sdk:<service>:<action>`` for each service of MiniStack, and the optimized integrations that make one
call (``sqs:sendMessage``, ``sns:publish``, ``events:putEvents``, ``dynamodb:*Item``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.api_models.sdk_names import find_operation, service_name
from cdk_processing.local.api_models.shapes import sdk_request, sdk_result
from cdk_processing.local.aws.iam.assumed_roles import AssumedRoles
from cdk_processing.local.aws.stepfunctions.execution import SESSION, Execution, current_execution, execution_error

__all__ = ["OPTIMIZED", "RoleCalls", "authorized_lambda", "authorized_start"]

_SFN = "ministack.services.stepfunctions"
# The base exception of a service's Java SDK (v2). An error that has no class is named after it.
_SDK_NAMES = {
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "sagemaker": "SageMaker",
    "secretsmanager": "SecretsManager",
}
# The optimized integrations: service, operation, prefix of error names, and the name of an error without a class. The
# prefixes are documented; the last column follows the Java SDK, v1, and is a guess except for DynamoDB.
OPTIMIZED = {
    "arn:aws:states:::sqs:sendMessage": ("sqs", "SendMessage", "SQS", "AmazonSQSException"),
    "arn:aws:states:::sns:publish": ("sns", "Publish", "SNS", "AmazonSNSException"),
    "arn:aws:states:::events:putEvents": ("events", "PutEvents", "EventBridge", "AmazonEventBridgeException"),
    "arn:aws:states:::dynamodb:putItem": ("dynamodb", "PutItem", "DynamoDB", "AmazonDynamoDBException"),
    "arn:aws:states:::dynamodb:getItem": ("dynamodb", "GetItem", "DynamoDB", "AmazonDynamoDBException"),
    "arn:aws:states:::dynamodb:deleteItem": ("dynamodb", "DeleteItem", "DynamoDB", "AmazonDynamoDBException"),
    "arn:aws:states:::dynamodb:updateItem": ("dynamodb", "UpdateItem", "DynamoDB", "AmazonDynamoDBException"),
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
        response = self._call(client, operation, request, prefix, f"{prefix}Exception")
        return sdk_result(shape.output_shape, response)

    def optimized_task(self, resource: str, arguments: Any) -> Any:
        """Make the call of an optimized integration."""
        service, operation, prefix, fallback = OPTIMIZED[resource.removesuffix(".waitForTaskToken")]
        client = self._client(service, resource)
        shape = client.meta.service_model.operation_model(operation)
        request = sdk_request(shape.input_shape, arguments or {})
        if operation == "PutEvents":
            _name_the_sender(request, _execution(resource))
        response = self._call(client, operation, request, prefix, fallback)
        if operation == "PutEvents" and response.get("FailedEntryCount"):
            cause = {"Entries": response["Entries"], "FailedEntryCount": response["FailedEntryCount"]}
            raise execution_error("EventBridge.FailedEntry", json.dumps(cause, separators=(",", ":")))
        return sdk_result(shape.output_shape, response)

    def _client(self, service: str, resource: str) -> Any:
        from botocore.exceptions import UnknownServiceError

        try:
            return self._roles.assume(_execution(resource).role_arn, ministack.scope()[1], SESSION).client(service)
        except UnknownServiceError as error:
            raise execution_error("States.Runtime", f"{resource}: there is no AWS service {service}") from error

    @staticmethod
    def _call(client: Any, operation: str, request: dict[str, Any], prefix: str, fallback: str) -> dict[str, Any]:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            response: dict[str, Any] = getattr(client, xform_name(operation))(**request)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            message = f"{error.response['Error'].get('Message', '')} (Service: {prefix}, Status Code: {status})"
            name = _exception_class(client, operation, error.response["Error"]["Code"])
            raise execution_error(f"{prefix}.{name or fallback}", message) from error
        except HTTPClientError as error:
            # The Java SDK's name of an error that is no answer of a service.
            raise execution_error(f"{prefix}.SdkClientException", f"Unable to execute HTTP request: {error}") from error
        except BotoCoreError as error:
            raise execution_error("States.Runtime", f"{prefix}: {error}") from error
        return response


def _name_the_sender(request: Mapping[str, Any], execution: Execution) -> None:
    """Add the state machine and the execution to the resources of events, as Step Functions does."""
    for entry in request.get("Entries") or ():
        if isinstance(entry, dict):
            machine = execution.record["stateMachineArn"]
            entry["Resources"] = [*(entry.get("Resources") or ()), machine, execution.arn]


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


def authorized_start(start: Callable[..., Any]) -> Callable[..., Any]:
    """Start another execution, if the state machine's role may."""

    def start_execution(resource: str, arguments: Mapping[str, Any]) -> Any:
        execution = current_execution()
        if execution is not None:
            denial = execution.principal.denial("states:StartExecution", str(arguments.get("StateMachineArn", "*")))
            if denial is not None:
                raise execution_error("StepFunctions.AWSStepFunctionsException", denial)
        return start(resource, arguments)

    return start_execution
