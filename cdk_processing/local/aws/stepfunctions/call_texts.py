"""What Step Functions makes of a call's answer: errors and causes in the words of the Java SDK, and HTTP metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.local.aws.stepfunctions.execution import execution_error

__all__ = ["CallErrors", "http_metadata", "missing_member", "missing_text"]

# The headers of a result, as AWS writes their names.
_HEADERS = {
    "x-amzn-requestid": "x-amzn-RequestId",
    "connection": "connection",
    "content-length": "Content-Length",
    "date": "Date",
    "content-type": "Content-Type",
}


@dataclass(frozen=True)
class CallErrors:
    """How a task names the errors of its service.

    Attributes:
        prefix: The first part of their names.
        fallback: The second part for an error without a class.
        v1_name: The service's name in the Java SDK, v1, which the optimized integrations use. ``aws-sdk`` uses v2.
    """

    prefix: str
    fallback: str
    v1_name: str | None = None

    def made(self, name: str | None, message: str, code: str, status: int, request_id: str) -> Exception:
        """The error for an answer of the service."""
        if self.v1_name is not None:
            told = (
                f"(Service: {self.v1_name}; Status Code: {status}; Error Code: {code}; "
                f"Request ID: {request_id}; Proxy: null)"
            )
        else:
            extended = f", Extended Request ID: {request_id}" if self.prefix == "S3" else ""
            told = (
                f"(Service: {self.prefix}, Status Code: {status}, Request ID: {request_id}{extended}) "
                "(SDK Attempt Count: 1)"
            )
        return execution_error(f"{self.prefix}.{name or self.fallback}", f"{message} {told}")

    def no_answer(self, reason: str) -> Exception:
        """The error for no answer."""
        return execution_error(f"{self.prefix}.SdkClientException", f"Unable to execute HTTP request: {reason}")


def missing_member(shape: Any, request: Mapping[str, Any]) -> str | None:
    """The first required member of a request that it lacks."""
    if shape is None:
        return None
    return next((name for name in shape.required_members if name not in request), None)


def missing_text(client: Any, member: str) -> tuple[str, str]:
    """A service's words for a missing member, and its code."""
    if client.meta.service_model.service_name == "sqs":
        return f"The request must contain the parameter {member}.", "MissingParameter"
    field = member[:1].lower() + member[1:]
    constraint = f"Value null at '{field}' failed to satisfy constraint: Member must not be null"
    return f"1 validation error detected: {constraint}", "ValidationException"


def http_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the optimized integrations add to a result about the HTTP response."""
    request_id = metadata.get("RequestId", "")
    found = {"x-amzn-requestid": request_id, "connection": "keep-alive", **metadata["HTTPHeaders"]}
    headers = {shown: str(found[name]) for name, shown in _HEADERS.items() if name in found}
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": metadata["HTTPStatusCode"],
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }
