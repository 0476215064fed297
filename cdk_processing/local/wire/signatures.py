"""Checks signatures: who signed a request, whether the signature covers exactly this request, and whether it is recent.

MiniStack implements AWS's rules for signatures. This module applies them to every request, even from the root.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.local.ministack import internal
from cdk_processing.local.server_secrets import ServerSecrets
from cdk_processing.local.wire.chunk_signatures import ChunkSignatures

__all__ = ["MISMATCH", "Failure", "SentRequest", "chunk_signatures_of", "failure_of", "resolve_with_secrets"]

_EVALUATOR = "ministack.core.iam_evaluator"
_SIGV4 = "ministack.core.sigv4"
_ACCOUNT = re.compile(r"\d{12}")
_V4 = "AWS4-HMAC-SHA256"
_UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_LONGEST_PRESIGNED = 7 * 86_400
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True)
class Failure:
    """Why a request is refused, with AWS's error code and message."""

    code: str
    message: str


@dataclass(frozen=True)
class SentRequest:
    """A request as it was sent: header names in lower case, the path percent-encoded.

    Attributes:
        bucket: The bucket in its host name, if any.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    bucket: str | None = None

    @property
    def presigned(self) -> bool:
        """Whether its signature is in its query."""
        return "authorization" not in self.headers

    @property
    def version_2(self) -> bool:
        """Whether it has a version 2 signature, which S3 still accepts."""
        if self.presigned:
            return "AWSAccessKeyId" in self.query
        return self.headers["authorization"].startswith("AWS ")

    @property
    def needs_body(self) -> bool:
        """Whether checking the signature requires the body: the signature covers it, and no header has its digest."""
        if self.version_2 or (self.presigned and "/s3/" in self.first("X-Amz-Credential")):
            return False
        return not self.headers.get("x-amz-content-sha256")

    @property
    def has_signed_chunks(self) -> bool:
        """Whether each chunk of its body has a signature."""
        digest = self.headers.get("x-amz-content-sha256", "")
        return not self.presigned and not self.version_2 and digest.startswith(_SIGNED_CHUNKS)

    def first(self, name: str) -> str:
        """The first value of a query parameter."""
        return (self.query.get(name) or [""])[0]


def failure_of(request: SentRequest) -> Failure | None:
    """Why a request is refused, or None if its signature is correct. The caller checks the body's digest or chunks."""
    if request.presigned and not request.version_2 and "X-Amz-Signature" not in request.query:
        return Failure("MissingAuthenticationToken", "Missing Authentication Token")
    if request.version_2:
        return _version_2_failure(request)
    signature = _parsed(request)
    if isinstance(signature, Failure):
        return signature
    return (
        _time_failure(request, signature) or _scope_failure(request, signature) or _secret_failure(request, signature)
    )


def chunk_signatures_of(request: SentRequest) -> ChunkSignatures:
    """The signatures that the chunks of a request's body must have. The request's own signature is correct."""
    signature = _parsed(request)
    credential = _credential(signature.access_key_id, request.headers.get("x-amz-security-token", ""))
    place = (signature.date_stamp, signature.region, signature.service)
    return ChunkSignatures(
        key=internal(_SIGV4, "derive_signing_key")(credential.secret_access_key, *place),
        scope="/".join((*place, "aws4_request")),
        time=signature.amz_date,
        previous=signature.signature,
    )


def resolve_with_secrets(secrets: ServerSecrets, resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Give the account's root this start's secret. Other keys have a secret only if IAM or STS has issued it."""

    def resolve_credential(access_key_id: str, account_id: str | None = None, *token: Any, **options: Any) -> Any:
        found = resolve(access_key_id, account_id, *token, **options)
        if getattr(found, "principal_type", None) != "Root":
            return found
        if _ACCOUNT.fullmatch(access_key_id):
            return dataclasses.replace(found, secret_access_key=secrets.root)
        # MiniStack alone also treats a missing key or "test" as the root's key.
        unknown = internal(_EVALUATOR, "CredentialResolutionError")
        return unknown("UnrecognizedClientException", "The security token included in the request is invalid.")

    return resolve_credential


def _parsed(request: SentRequest) -> Any:
    if request.presigned:
        if request.first("X-Amz-Algorithm") != _V4:
            return Failure("IncompleteSignature", f"X-Amz-Algorithm must be {_V4}")
        found = internal(_SIGV4, "parse_query_signature")(request.query)
    else:
        if not request.headers["authorization"].startswith(f"{_V4} "):
            return Failure("IncompleteSignature", f"The Authorization header must begin with {_V4}")
        found = internal(_SIGV4, "parse_header_signature")(request.headers)
    return Failure(*found) if isinstance(found, tuple) else found


def _time_failure(request: SentRequest, signature: Any) -> Failure | None:
    try:
        signed = dt.datetime.strptime(signature.amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return Failure("IncompleteSignature", f"Date must be in ISO-8601 'basic format'. Got '{signature.amz_date}'.")
    if request.presigned:
        seconds = request.first("X-Amz-Expires")
        if not seconds.isdecimal() or not 0 < int(seconds) <= _LONGEST_PRESIGNED:
            return Failure("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds")
        now = dt.datetime.now(dt.timezone.utc)
        if now > signed + dt.timedelta(seconds=int(seconds)):
            return Failure("AccessDenied", "Request has expired")
        if signed <= now + dt.timedelta(minutes=15):
            return None
    skewed = internal(_SIGV4, "request_time_failure")(signature)
    return Failure(*skewed) if skewed else None


def _scope_failure(request: SentRequest, signature: Any) -> Failure | None:
    """Check that the signature covers everything that determines what the request does."""
    signed = set(signature.signed_headers.lower().split(";"))
    if "host" not in signed:
        return Failure("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the signature.")
    loose = sorted(name for name in request.headers if name.startswith("x-amz-") and name not in signed)
    if loose:
        return Failure("AccessDenied", f"There were headers present in the request which were not signed: {loose[0]}")
    if request.headers.get("x-amz-content-sha256") in _UNSIGNED and signature.service != "s3":
        return Failure("SignatureDoesNotMatch", MISMATCH)
    return None


def _secret_failure(request: SentRequest, signature: Any) -> Failure | None:
    if request.presigned:
        token = request.first("X-Amz-Security-Token")
    else:
        token = request.headers.get("x-amz-security-token", "")
    credential = _credential(signature.access_key_id, token)
    if isinstance(credential, Failure):
        return credential
    wrong = internal(_SIGV4, "header_signature_failure")(
        signature,
        credential.secret_access_key,
        request.method,
        request.path,
        request.query,
        request.headers,
        request.body,
        presigned=request.presigned,
    )
    return Failure(*wrong) if wrong else None


def _credential(access_key: str, token: str) -> Any:
    account = _account_of(access_key)
    if isinstance(account, Failure):
        return account
    found = internal(_EVALUATOR, "resolve_credential")(access_key, account, token)
    return found if hasattr(found, "secret_access_key") else Failure(found.code, found.message)


def _account_of(access_key: str) -> Any:
    if _ACCOUNT.fullmatch(access_key):
        return access_key
    session = internal("ministack.core.responses", "_account_from_sts_session")(access_key)
    if session:
        return session
    try:
        return internal(_EVALUATOR, "find_iam_access_key_account")(access_key)
    except internal(_EVALUATOR, "AmbiguousAccessKeyError"):
        return Failure("InvalidClientTokenId", "The security token included in the request is invalid.")


def _version_2_failure(request: SentRequest) -> Failure | None:
    if request.presigned:
        access_key = request.first("AWSAccessKeyId")
    else:
        access_key = request.headers["authorization"].removeprefix("AWS ").partition(":")[0]
    account = _account_of(access_key)
    if isinstance(account, Failure):
        return account
    sent = internal(_EVALUATOR, "SignedRequest")(
        access_key,
        request.method,
        request.path,
        dict(request.query),
        dict(request.headers),
        sigv2=True,
        auth_path=f"/{request.bucket}{request.path}" if request.bucket else request.path,
    )
    checked = internal(_EVALUATOR, "_sigv2_check")(sent, account)
    return None if hasattr(checked, "secret_access_key") else Failure(checked.code, checked.message)
