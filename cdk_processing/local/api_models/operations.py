"""Finds the API operation of a request from the request alone, with botocore's service models.

The IAM action is not enough: it is ``s3:ListBucket`` for both ``ListObjectsV2`` and ``HeadBucket``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from cdk_processing.local.api_models.loader import shared_loader

__all__ = ["ApiCalls", "Request", "calls_named", "operation_of", "signing_name_of"]

# IAM's and the console's names of services, if they differ from boto3's.
_ALSO_CALLED = {"states": "stepfunctions", "sfn": "stepfunctions", "monitoring": "cloudwatch", "eventbridge": "events"}
_REST = ("rest-xml", "rest-json")
_CREDENTIAL = re.compile(r"Credential=[^,/]+/\d{8}/[^/,]*/([^/,]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/([^/]+)$")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class ApiCalls:
    """The calls of an action such as ``sqs:SendMessage``; ``operation`` is None for every call of the service."""

    service: str
    signing_name: str
    operation: str | None

    def include(self, signing_name: str, operation: str | None) -> bool:
        """Whether these calls include a call."""
        return self.signing_name == signing_name and self.operation in (None, operation)


@dataclass(frozen=True)
class Request:
    """An HTTP request, with header names in lower case and the path as sent (percent-encoded)."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_form(self) -> bool:
        """Whether its body names the operation."""
        return self.headers.get("content-type", "").startswith(_FORM)


def calls_named(action: str) -> ApiCalls:
    """The calls for an action, ``service:Operation`` or ``service:*``.

    Raises:
        ValueError: The service or the operation does not exist.
    """
    name, _, operation = action.partition(":")
    service = _ALSO_CALLED.get(name, name)
    if service not in _services():
        raise ValueError(f"there is no AWS service {name!r} (in {action!r}); use boto3's name of it, such as 'sqs'")
    if operation == "*":
        return ApiCalls(service, _signing_name(service), None)
    if operation not in _model(service)["operations"]:
        alike = [known for known in _model(service)["operations"] if known.lower() == operation.lower()]
        hint = f"; did you mean {alike[0]}?" if alike else ", as the API names it"
        raise ValueError(f"{name} has no operation {operation!r} (in {action!r}){hint}")
    return ApiCalls(service, _signing_name(service), operation)


def signing_name_of(headers: Mapping[str, str], query: str) -> str | None:
    """The service that a request is signed for, or None if it is not signed."""
    authorization = headers.get("authorization", "")
    if authorization.startswith("AWS ") or "AWSAccessKeyId=" in query:
        return "s3"  # only S3 still accepts version 2 signatures, which name no service
    found = _CREDENTIAL.search(authorization)
    if found is None and "X-Amz-Credential" in query:
        scope = parse_qs(query).get("X-Amz-Credential", [""])[0]
        found = _CREDENTIAL.search(f"Credential={scope}")
    return found[1] if found else None


def operation_of(service: str, request: Request) -> str | None:
    """The operation of a request to a service (boto3's name)."""
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    cbor = _CBOR_PATH.search(request.path)
    if cbor:
        return cbor[1]
    if _model(service)["metadata"]["protocol"] in _REST:
        return next((route.operation for route in _routes(service) if route.fits(request)), None)
    fields = request.query if "Action" in request.query else parse_qs(request.body.decode("utf-8", "replace"))
    return fields.get("Action", [None])[0]


@functools.cache
def _services() -> frozenset[str]:
    return frozenset(shared_loader().list_available_services("service-2"))


@functools.cache
def _model(service: str) -> Any:
    return shared_loader().load_service_model(service, "service-2")


def _signing_name(service: str) -> str:
    metadata = _model(service)["metadata"]
    return str(metadata.get("signingName") or metadata["endpointPrefix"])


@dataclass(frozen=True)
class _Route:
    """How a REST operation looks in HTTP."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: tuple[tuple[str, str | None], ...]
    headers: tuple[str, ...]

    def fits(self, request: Request) -> bool:
        return (
            self.method == request.method
            and self.path.fullmatch(request.path) is not None
            and all(
                name in request.query and (value is None or value in request.query[name]) for name, value in self.query
            )
            and all(name in request.headers for name in self.headers)
        )


@functools.cache
def _routes(service: str) -> tuple[_Route, ...]:
    """The operations of a REST service, those with more required parameters first: UploadPart before PutObject."""
    model = _model(service)
    routes = [_route(name, operation, model["shapes"]) for name, operation in model["operations"].items()]
    return tuple(sorted(routes, key=lambda route: -len(route.query) - len(route.headers)))


def _route(name: str, operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> _Route:
    path, _, constants = operation["http"]["requestUri"].partition("?")
    query: list[tuple[str, str | None]] = []
    for constant in filter(None, constants.split("&")):
        key, _, value = constant.partition("=")
        query.append((key, value or None))
    headers = []
    shape = shapes.get(operation.get("input", {}).get("shape"), {})
    for member in shape.get("required", []):
        field = shape["members"][member]
        if field.get("location") == "querystring":
            query.append((field["locationName"], None))
        elif field.get("location") == "header":
            headers.append(field["locationName"].lower())
    return _Route(name, operation["http"]["method"], _path_pattern(path), tuple(query), tuple(headers))


def _path_pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^}]+)\}", path)
    text = "".join(
        re.escape(part) if index % 2 == 0 else (".+" if part.endswith("+") else "[^/]+")
        for index, part in enumerate(parts)
    )
    return re.compile(text if path == "/" else f"{text}/?", re.DOTALL)
