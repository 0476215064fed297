"""The Cloud Control operations: their permissions, checks and responses.

``cdk deploy --hotswap`` and ``cdk watch`` change a state machine with ``UpdateResource``, outside CloudFormation, and
read attributes with ``GetResource``. A change takes effect in the service itself. CloudFormation does not notice it.

https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations.html
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jsonpatch

from cdk_processing.local import ministack
from cdk_processing.local.aws.cloudcontrol.resources import Resource, ResourceNotFoundError, StackResources
from cdk_processing.local.aws.iam.principals import Principal, caller

__all__ = ["CloudControl"]

logger = logging.getLogger(__name__)

_JSON = "application/x-amz-json-1.0"

#: The types that can be updated, and the action that the caller must be allowed: Cloud Control acts on its behalf.
UPDATABLE = {
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard",
    "AWS::DynamoDB::GlobalTable": "dynamodb:UpdateTable",
    "AWS::DynamoDB::Table": "dynamodb:UpdateTable",
    "AWS::Events::Rule": "events:PutRule",
    "AWS::SQS::Queue": "sqs:SetQueueAttributes",
    "AWS::StepFunctions::StateMachine": "states:UpdateStateMachine",
}


class _Refused(Exception):  # noqa: N818 - an answer of the API
    """The API returns an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CloudControl:
    """The service: one instance for the whole embedded AWS."""

    def __init__(self) -> None:
        self._resources = StackResources()
        self._requests: dict[str, dict[str, Any]] = {}
        self._operations: dict[str, Callable[[Mapping[str, Any], Principal], dict[str, Any]]] = {
            "GetResource": self._get,
            "ListResources": self._list,
            "UpdateResource": self._update,
            "GetResourceRequestStatus": self._status,
            "ListResourceRequests": self._list_requests,
        }

    def reset(self) -> None:
        """Forget everything."""
        self._resources.reset()
        self._requests.clear()

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one request of the JSON 1.0 protocol. IAM has already allowed its action."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            handler = self._operations.get(operation)
            if handler is None:
                raise _Refused(
                    "UnsupportedActionException",
                    f"The embedded AWS does not do {operation}. Of Cloud Control it does what cdk deploy --hotswap "
                    f"needs: {', '.join(self._operations)}. Declare the resource in a stack instead",
                )
            answer = handler(json.loads(body or b"{}"), caller(headers))
        except PermissionError as error:
            return _error("UnrecognizedClientException", str(error))
        except ResourceNotFoundError as error:
            return _error("ResourceNotFoundException", str(error))
        except _Refused as error:
            return _error(error.code, str(error))
        except json.JSONDecodeError as error:
            return _error("SerializationException", f"the body is not JSON: {error}")
        return 200, {"Content-Type": _JSON}, json.dumps(answer).encode()

    def _get(self, request: Mapping[str, Any], _principal: Principal) -> dict[str, Any]:
        resource = self._resources.find(str(request.get("TypeName")), str(request.get("Identifier")))
        return {"TypeName": resource.type, "ResourceDescription": _described(resource)}

    def _list(self, request: Mapping[str, Any], _principal: Principal) -> dict[str, Any]:
        found = self._resources.of_type(str(request.get("TypeName")))
        return {"TypeName": request.get("TypeName"), "ResourceDescriptions": [_described(each) for each in found]}

    def _update(self, request: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        type_name = str(request.get("TypeName"))
        action = UPDATABLE.get(type_name)
        if action is None:
            raise _Refused(
                "UnsupportedActionException",
                f"The embedded AWS does not change {type_name} past CloudFormation; run cdk deploy without --hotswap. "
                f"It changes {', '.join(UPDATABLE)}",
            )
        resource = self._resources.find(type_name, str(request.get("Identifier")))
        denial = principal.denial(action, resource.arn)
        if denial is not None:
            raise _Refused("AccessDeniedException", denial)
        try:
            changed = jsonpatch.apply_patch(resource.properties, str(request.get("PatchDocument")))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, ValueError) as error:
            raise _Refused("InvalidRequestException", f"PatchDocument cannot be applied: {error}") from None
        if resource.is_replaced_by(changed):
            raise _Refused(
                "NotUpdatableException", f"{resource.identifier} would have to be replaced; run cdk deploy for that"
            )
        try:
            self._resources.change(resource, changed)
        except Exception as error:
            # In AWS only the request's status shows the error, and cdk reports success. Here the call itself fails.
            raise _Refused("HandlerFailureException", f"{resource.identifier} could not be changed: {error}") from error
        logger.info("changed %s %s", type_name, resource.identifier)
        return {"ProgressEvent": self._recorded(resource)}

    def _recorded(self, resource: Resource) -> dict[str, Any]:
        token = str(uuid.uuid4())
        event = {
            "TypeName": resource.type,
            "Identifier": resource.identifier,
            "RequestToken": token,
            "Operation": "UPDATE",
            "OperationStatus": "SUCCESS",
            "EventTime": time.time(),
        }
        self._requests[token] = event
        return event

    def _status(self, request: Mapping[str, Any], _principal: Principal) -> dict[str, Any]:
        token = str(request.get("RequestToken"))
        if token not in self._requests:
            raise _Refused("RequestTokenNotFoundException", f"Request with token {token} was not found")
        return {"ProgressEvent": self._requests[token]}

    def _list_requests(self, _request: Mapping[str, Any], _principal: Principal) -> dict[str, Any]:
        return {"ResourceRequestStatusSummaries": list(self._requests.values())}


def _described(resource: Resource) -> dict[str, Any]:
    properties = {**resource.properties, **resource.attributes}
    return {"Identifier": resource.identifier, "Properties": json.dumps(properties)}


def _error(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    refuse = ministack.internal("ministack.core.responses", "error_response_json")
    answer: tuple[int, dict[str, str], bytes] = refuse(code, message, 400)
    return answer
