"""Calls to AWS. Turns every error of botocore into an `AwsCallError` that says what is wrong and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cdk_processing.client.errors import AwsCallError
from cdk_processing.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.exceptions import BotoCoreError

__all__ = ["aws_errors_as_ours", "endpoint_problem", "is_on_this_machine"]

_SIGN_IN = "sign in (aws sso login, AWS_PROFILE), or paste the export lines that `cdk-processing local` prints"
#: Error codes for invalid or expired credentials.
_BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


@contextmanager
def aws_errors_as_ours(doing: str) -> Iterator[None]:
    """Turn botocore's errors into `AwsCallError`.

    Args:
        doing: The purpose of the calls, to complete "Could not ...": ``list the jobs``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        answer = error.response.get("Error", {})
        code, message = answer.get("Code", "Unknown"), answer.get("Message", "")
        problem = _refused_credentials(code, message)
        said = problem or f"{error.operation_name} answered {code}: {message}"
        raise AwsCallError(f"Could not {doing}: {said}", code, problem) from error
    except BotoCoreError as error:
        problem = _problem(error)
        raise AwsCallError(f"Could not {doing}: {problem or error}", problem=problem) from error


def endpoint_problem(url: str) -> Problem | None:
    """Return what is wrong with an endpoint's URL, or None."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        right = False
    if right:
        return None
    fix = f"write http://{url}" if "://" not in url else "correct it, or leave it out for AWS itself"
    return Problem("endpoint_url", url, "a URL such as http://127.0.0.1:4566", fix)


def is_on_this_machine(url: str) -> bool:
    """Whether a URL points to this machine, like the URL of an embedded AWS."""
    return any(host in url for host in ("//127.", "//localhost", "//[::1]"))


def _refused_credentials(code: str, message: str) -> Problem | None:
    if code not in _BAD_CREDENTIALS:
        return None
    word = "expired" if "Expired" in code or "expired" in message else "not known there"
    return Problem("credentials", f"{code}: {message}", f"valid; they are {word}", _SIGN_IN)


def _problem(error: BotoCoreError) -> Problem | None:
    """Return the setting that is wrong, or None."""
    for kind in type(error).__mro__:
        if kind.__name__ in _PROBLEMS:
            return _PROBLEMS[kind.__name__](error)
    return None


def _credentials(error: BotoCoreError) -> Problem:
    return Problem("credentials", str(error), "usable", _SIGN_IN)


def _no_credentials(_: BotoCoreError) -> Problem:
    return Problem("credentials", None, "in the environment, in a profile or with the instance", _SIGN_IN)


def _profile(error: BotoCoreError) -> Problem:
    fix = "see `aws configure list-profiles`"
    return Problem("profile", _detail(error, "profile"), "a profile of the AWS configuration", fix)


def _no_region(_: BotoCoreError) -> Problem:
    return Problem("region", None, "known", "give --region, region= or AWS_REGION")


def _region(error: BotoCoreError) -> Problem:
    return Problem("region", _detail(error, "region_name"), "the name of an AWS region", "write one such as eu-west-1")


def _endpoint(error: BotoCoreError) -> Problem:
    url = str(_detail(error, "endpoint_url") or _detail(error, "proxy_url") or "")
    if (problem := _unknown_region(url)) is not None:
        return problem
    here = is_on_this_machine(url)
    fix = "is `cdk-processing local` running?" if here else "check the region, the network and its proxy"
    wanted = _WANTED.get(type(error).__name__, "at which AWS answers")
    return Problem("endpoint_url", url, f"a URL {wanted}", fix)


def _unknown_region(url: str) -> Problem | None:
    """Report an endpoint URL whose region botocore does not know: AWS has no such endpoint."""
    match = re.fullmatch(r"https://[a-z.-]+\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/?", url)
    if match is None:
        return None
    from botocore.session import Session

    session = Session()
    places = session.get_available_partitions()
    known = [name for place in places for name in session.get_available_regions("stepfunctions", place)]
    if match[1] in known:
        return None
    near = get_close_matches(match[1], known, 1)
    fix = f"write {near[0]}" if near else "write one such as eu-west-1"
    return Problem("region", match[1], "the name of an AWS region", fix)


def _detail(error: BotoCoreError, name: str) -> Any:
    details: dict[str, Any] = getattr(error, "kwargs", {})
    return details.get(name)


_WANTED = {
    "SSLError": "whose TLS certificate this machine trusts",
    "ConnectTimeoutError": "at which AWS answers in time",
    "ReadTimeoutError": "at which AWS answers in time",
    "ConnectionClosedError": "at which AWS answers, and does not close the connection",
}

#: Functions that find the wrong setting, by the name of botocore's error or of its base class.
_PROBLEMS: dict[str, Callable[[BotoCoreError], Problem]] = {
    "NoCredentialsError": _no_credentials,
    "PartialCredentialsError": _credentials,
    "CredentialRetrievalError": _credentials,
    "SSOError": _credentials,
    "TokenRetrievalError": _credentials,
    "NoAuthTokenError": _credentials,
    "LoginError": _credentials,
    "ProfileNotFound": _profile,
    "NoRegionError": _no_region,
    "InvalidRegionError": _region,
    "ConnectionError": _endpoint,
    "HTTPClientError": _endpoint,
}
