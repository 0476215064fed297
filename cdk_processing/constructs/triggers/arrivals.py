"""What all triggers by new objects have in common: their location, and the patterns of S3's events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cdk_processing.constructs.storage import is_encrypted_with_a_key
from cdk_processing.errors import Problem
from cdk_processing.request.likely import s3_uri
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.workflow.patterns import ANY_OF

__all__ = ["arrival_pattern", "content_problems", "literal", "location_problems", "text_problems"]


def location_problems(given: object) -> list[Problem]:
    """What is wrong with a watched location."""
    place = S3Location.of(given)
    if place is None:
        meant = s3_uri(given)
        fix = 'pass bucket.at("prefix/")' if meant is None else f"write {meant!r}"
        return [Problem("location", given, "an S3Location, an s3:// URI or an s3.IBucket", fix)]
    return [problem.inside("location") for problem in place.problems()] + text_problems("location.key", place.key)


def text_problems(field: str, value: object) -> list[Problem]:
    """What is wrong with text that keys begin or end with."""
    if not isinstance(value, str):
        fix = "make a trigger of each" if isinstance(value, (list, tuple)) else "write it as text"
        return [Problem(field, value, "a str", fix)]
    if has_run_time_value(value):
        return [Problem(field, value, "known at synth: nothing runs yet", "leave the run-time value out")]
    if "**" in value:
        return [Problem(field, value, "without two * in a row", "EventBridge refuses them")]
    return []


def content_problems(place: S3Location) -> list[Problem]:
    """What is wrong with ``dedupe="content"``: in a bucket with a KMS key, a file has another ETag each time."""
    if not is_encrypted_with_a_key(place):
        return []
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html, ETag
    allowed = "'version' or 'event' where the bucket has a KMS key: each upload has another ETag there"
    fix = "drop the key from the bucket, or compare in the script"
    return [Problem("dedupe", "content", allowed, fix)]


def arrival_pattern(*watched: tuple[S3Location, dict[str, Any]]) -> dict[str, Any]:
    """The event pattern of new objects, by their bucket and what matches of the object.

    Args:
        watched: The location and the pattern of the object; of several, any may match.
    """
    details: Sequence[dict[str, Any]] = [
        {"bucket": {"name": [place.bucket_name]}, "object": wanted} for place, wanted in watched
    ]
    detail = details[0] if len(details) == 1 else {ANY_OF: details}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def literal(text: str) -> str:
    """Text in a wildcard pattern of EventBridge."""
    return re.sub(r"[\\*]", lambda match: f"\\{match[0]}", text)
