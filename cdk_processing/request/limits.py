"""The limits of CreateProcessingJob, and the checks that speak of them.

Source: the service model of botocore and the API reference,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_known, is_token

__all__ = [
    "BASE_NAME_LENGTH",
    "CHANNEL_LIMIT",
    "LOCAL_PATH_PREFIX",
    "check_choice",
    "check_environment",
    "check_range",
    "check_tags",
    "check_text",
    "check_unique",
]

LOCAL_PATH_PREFIX = "/opt/ml/processing/"
CHANNEL_LIMIT = 10
ARGUMENT_LIMIT = 100
ARGUMENT_LENGTH = 256
ENVIRONMENT_LIMIT = 100
TAG_LIMIT = 50
URI_LENGTH = 1024
IMAGE_URI_LENGTH = 255
LOCAL_PATH_LENGTH = 256
INSTANCE_COUNT = (1, 100)
VOLUME_SIZE_IN_GB = (1, 16384)
MAX_RUNTIME_IN_SECONDS = (1, 777_600)
EXPERIMENT_NAME_LENGTH = 120

#: ``<base>-<RUN_ID>-<attempt>`` is at most 63 characters: 24, 32 and 5, and two hyphens.
BASE_NAME_LENGTH = 24

INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9][a-z0-9-]*\.[a-z0-9-]+")
# CDK writes a token for a number as one far below any other: https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
_NUMBER_TOKENS = -1e280
_ENVIRONMENT_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,255}")


def check_range(field: str, value: Any, limits: tuple[int, int], owner: str) -> list[Problem]:
    """A whole number within limits, both included."""
    low, high = limits
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return []
    direction = "raise" if isinstance(value, int) and value < low else "lower"
    fix = f"{direction} {field} on {owner}" if isinstance(value, (int, float)) else f"pass a whole number to {owner}"
    if isinstance(value, float) and value < _NUMBER_TOKENS:
        fix = f"write the number on {owner}: CDK cannot put a number token into a state machine's definition"
    return [Problem(field, value, f"{low:,}-{high:,}", fix)]


def check_choice(field: str, value: Any, allowed: Sequence[str], fix: str) -> list[Problem]:
    """One of a few words."""
    if value in allowed or is_token(value):
        return []
    return [Problem(field, value, " or ".join(repr(word) for word in allowed), fix)]


def check_text(field: str, value: Any, longest: int, fix: str, shortest: int = 1) -> list[Problem]:
    """Text of ``shortest`` to ``longest`` characters; what CDK or the run fills in is left alone."""
    if not isinstance(value, str):
        return [Problem(field, value, "a str", fix)]
    if is_known(value) and not shortest <= len(value) <= longest:
        allowed = f"{shortest}-{longest:,} characters" if shortest else f"at most {longest:,} characters"
        return [Problem(field, value, allowed, fix)]
    return []


def check_environment(variables: Any, reserved: int, owner: str) -> list[Problem]:
    """Environment variables of the container; ``reserved`` of the service's 100 are this library's own."""
    if variables is None:
        return []
    if not isinstance(variables, dict):
        return [Problem("env", variables, "a dict of str to str", f"pass env={{...}} to {owner}")]
    found = []
    if len(variables) > ENVIRONMENT_LIMIT - reserved:
        allowed = f"at most {ENVIRONMENT_LIMIT - reserved} variables"
        found.append(Problem("env", len(variables), allowed, "put the rest into a file and read it as an input"))
    for key, value in variables.items():
        if not isinstance(key, str) or not _ENVIRONMENT_KEY.fullmatch(key):
            allowed = "1-256 letters, digits and underscores, not beginning with a digit"
            found.append(Problem("env key", key, allowed, "rename the variable"))
        elif key.startswith("CDK_PROCESSING_"):
            found.append(Problem("env key", key, "without the prefix CDK_PROCESSING_", "rename the variable"))
        if not isinstance(value, str) and not has_run_time_value(value):
            found.append(Problem(f"env[{key!r}]", value, "a str", f"write {str(value)!r}"))
        elif is_known(value) and len(value) > ARGUMENT_LENGTH:
            found.append(Problem(f"env[{key!r}]", value, "at most 256 characters", "pass it through a file instead"))
    return found


def check_tags(tags: Any, reserved: int, owner: str) -> list[Problem]:
    """Tags as the SDK takes them: a list of ``{"Key": ..., "Value": ...}``."""
    if tags is None:
        return []
    shape = '[{"Key": "team", "Value": "data"}]'
    if not isinstance(tags, (list, tuple)):
        return [Problem("tags", tags, f"a list such as {shape}", f"pass tags to {owner} in that shape")]
    found = []
    if len(tags) > TAG_LIMIT - reserved:
        found.append(Problem("tags", len(tags), f"at most {TAG_LIMIT - reserved} tags", "drop some"))
    for index, tag in enumerate(tags):
        if not isinstance(tag, dict) or set(tag) != {"Key", "Value"}:
            found.append(Problem(f"tags[{index}]", tag, f"in the shape {shape}", "give it Key and Value"))
            continue
        key, value = tag["Key"], tag["Value"]
        if not isinstance(key, str) or (is_known(key) and not 1 <= len(key) <= 128) or key.lower().startswith("aws:"):
            found.append(Problem(f"tags[{index}].Key", key, "1-128 characters, not beginning with aws:", "rename it"))
        if not isinstance(value, str) or (is_known(value) and len(value) > 256):
            found.append(Problem(f"tags[{index}].Value", value, "at most 256 characters", "shorten it"))
    return found


def check_unique(field: str, names: Iterable[Any], fix: str) -> list[Problem]:
    """Names of which none comes twice; what is no text is told elsewhere."""
    counts = Counter(name for name in names if isinstance(name, str))
    return [Problem(field, name, "different from the others'", fix) for name, count in counts.items() if count > 1]
