"""A registry for ``docker push`` and ``docker pull``, on loopback under ``/v2/``, with IAM enforced.

In AWS a repository is at ``123456789012.dkr.ecr.us-east-1.amazonaws.com``. Here ``DescribeRepositories`` names the
loopback address instead, because Docker would push to the real AWS otherwise. Templates and jobs still name images as
in AWS. Docker uses plain HTTP for loopback addresses.

https://distribution.github.io/distribution/spec/api/
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from cdk_processing.local import ministack
from cdk_processing.local.aws.ecr.layers import receive_part
from cdk_processing.local.aws.iam.principals import Principal, caller
from cdk_processing.local.aws.s3.stored import ObjectFiles, StoredBody
from cdk_processing.local.ministack import WireResponse
from cdk_processing.local.wire.messages import Receive, Send, answer, read_body

__all__ = ["Registry"]

_ECR = "ministack.services.ecr"
_LASTS = 12 * 3600
_PULL, _PUSH = "ecr:BatchGetImage", "ecr:PutImage"


@dataclass(frozen=True)
class _Pass:
    """What a token gives access to: the registry of an account and region, as the principal that got the token."""

    principal: Principal
    account: str
    region: str
    ends: float


class Registry:
    """Answers ECR's API and Docker's requests.

    Args:
        address: Host and port for Docker.
        files: Stores the layers.
    """

    def __init__(self, address: str, files: ObjectFiles) -> None:
        self._address = address
        self._files = files
        self._passes: dict[str, _Pass] = {}

    def reset(self) -> None:
        """Forget all tokens."""
        self._passes.clear()

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> WireResponse:
        """Answer one request of ECR's API. IAM has already allowed its action."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation == "GetAuthorizationToken":
            return self._token(headers)
        response: WireResponse = await ministack.internal(_ECR, "handle_request")(
            method, path, headers, body, query_params
        )
        if operation in ("CreateRepository", "DescribeRepositories") and response[0] == 200:
            return self._addressed(response)
        if operation == "DescribeImages" and response[0] == 200:
            return _refusing_unknown(json.loads(body), response)
        return response

    def _token(self, headers: Mapping[str, str]) -> WireResponse:
        token = secrets.token_urlsafe(30)
        account, region = ministack.scope()
        ends = time.time() + _LASTS
        self._passes[token] = _Pass(caller(headers), account, region, ends)
        data = {
            "authorizationToken": base64.b64encode(f"AWS:{token}".encode()).decode(),
            "expiresAt": ends,
            "proxyEndpoint": f"http://{self._address}",
        }
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"authorizationData": [data]}).encode()

    def _addressed(self, response: WireResponse) -> WireResponse:
        status, headers, content = response
        shown = json.loads(content)
        for repository in [*shown.get("repositories", []), *([shown["repository"]] if "repository" in shown else [])]:
            repository["repositoryUri"] = f"{self._address}/{repository['repositoryName']}"
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return status, headers, json.dumps(shown).encode()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request from Docker (ASGI)."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        found = self._pass_of(headers.get("authorization", ""))
        if found is None:
            await read_body(receive)
            realm = (b"www-authenticate", f'Basic realm="http://{self._address}/"'.encode())
            await answer(send, 401, _error("UNAUTHORIZED", "log in with GetAuthorizationToken"), _JSON, realm)
            return
        denial = _denial(found, scope["method"], scope["path"])
        if denial is not None:
            await read_body(receive)
            await answer(send, 403, _error("DENIED", denial))
            return
        body: Any
        if scope["method"] in ("PATCH", "PUT") and _is_upload(scope["path"]):
            body = await receive_part(self._files, receive)
        else:
            body = await read_body(receive)
        if body is None:
            return  # the client has disconnected
        with ministack.request_scope(found.account, found.region):
            status, more, content = await ministack.internal(_ECR, "handle_registry_request")(
                scope["method"], scope["path"], headers, body, parse_qs(scope["query_string"].decode("latin-1"))
            )
        if scope["method"] == "HEAD":
            content = b""
        elif not any(name.lower() == "content-length" for name in more):
            more = {**more, "Content-Length": str(len(content))}
        fields = [(name.lower().encode(), str(value).encode("latin-1")) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        for chunk in content.chunks() if isinstance(content, StoredBody) else ():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if isinstance(content, StoredBody) else content})

    def _pass_of(self, authorization: str) -> _Pass | None:
        kind, _, given = authorization.partition(" ")
        try:
            user, _, token = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        found = self._passes.get(token) if kind.lower() == "basic" and user == "AWS" else None
        return found if found is not None and found.ends > time.time() else None


_JSON = b"application/json"


def _refusing_unknown(request: Mapping[str, Any], response: WireResponse) -> WireResponse:
    """Return an error if a requested image does not exist. Otherwise the CDK would not push it."""
    found = json.loads(response[2])["imageDetails"]
    tags = {tag for image in found for tag in image.get("imageTags", [])}
    digests = {image["imageDigest"] for image in found}
    for each in request.get("imageIds") or []:
        known = each["imageDigest"] in digests if "imageDigest" in each else each.get("imageTag") in tags
        if not known:
            refuse = ministack.internal("ministack.core.responses", "error_response_json")
            asked = f"{{imageDigest:'{each.get('imageDigest', 'null')}', imageTag:'{each.get('imageTag', 'null')}'}}"
            refused: WireResponse = refuse(
                "ImageNotFoundException",
                f"The image with imageId {asked} does not exist within the repository with name "
                f"'{request['repositoryName']}' in the registry with id '{ministack.scope()[0]}'",
                400,
            )
            return refused
    return response


def _denial(found: _Pass, method: str, path: str) -> str | None:
    """IAM's reason for denying a request, if any. The request that only tests the token needs no permission."""
    parsed = ministack.internal(_ECR, "_parse_v2_path")(path)
    if parsed is None or parsed[0] == "ping":
        return None
    action = _PULL if method in ("GET", "HEAD") else _PUSH
    name = parsed[1] or "*"
    with ministack.request_scope(found.account, found.region):
        return found.principal.denial(action, f"arn:aws:ecr:{found.region}:{found.account}:repository/{name}")


def _is_upload(path: str) -> bool:
    """Whether a path is that of an upload in progress, not of a finished layer or a manifest."""
    parsed = ministack.internal(_ECR, "_parse_v2_path")(path)
    return parsed is not None and parsed[0] == "blob_upload_session"


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message, "detail": {}}]}).encode()
