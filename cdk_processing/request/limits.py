"""The limits of CreateProcessingJob, and checks of single arguments.

Source: the service model of botocore and the API reference,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from cdk_processing.errors import CdkToken, Problem
from cdk_processing.request.likely import in_place_of, nearest, whole_number
from cdk_processing.request.runtime import Parameter, has_run_time_value, text_of
from cdk_processing.request.tokens import is_known, is_list_token, is_number_token, is_token
from cdk_processing.request.types import Resolvable

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
#: The prefix of this library's own tags.
OWN_TAGS = "cdk-processing:"
URI_LENGTH = 1024
IMAGE_URI_LENGTH = 255
LOCAL_PATH_LENGTH = 256
INSTANCE_COUNT = (1, 100)
VOLUME_SIZE_IN_GB = (1, 16384)
MAX_RUNTIME_IN_SECONDS = (1, 777_600)
EXPERIMENT_NAME_LENGTH = 120

#: ``<base>-<RUN_ID>-<attempt>`` is at most 63 characters: 24, 32 and 5, and two hyphens.
BASE_NAME_LENGTH = 24

_ENVIRONMENT_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,255}")


def check_range(field: str, value: object, limits: tuple[int, int], owner: str) -> list[Problem]:
    """A whole number within limits, both included. AWS checks a number token when it makes the job."""
    low, high = limits
    if is_number_token(value):
        return []
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return []
    if isinstance(value, int) and not isinstance(value, bool):
        fix = f"{'raise' if value < low else 'lower'} {field} on {owner}"
        return [Problem(field, value, f"{low:,}-{high:,}", fix)]
    meant = whole_number(value, seconds=field.endswith("_seconds"))
    fix = f"write {meant}" if meant is not None and low <= meant <= high else f"set {field} on {owner}"
    return [Problem(field, value, f"a whole number, {low:,}-{high:,}", fix)]


def choice_text(value: object) -> object:
    """One of a few words as text, even if CloudFormation or the run supplies it."""
    return cast("Resolvable", value).to_string() if hasattr(type(value), "to_string") else text_of(value)


def check_choice(field: str, value: object, allowed: Sequence[str], fix: str) -> list[Problem]:
    """One of a few words, or a value that CloudFormation or the run supplies."""
    if isinstance(value, Parameter):
        words = value.spec.enum_values
        if words and set(words) <= set(allowed):
            return []
        name = f"Parameter({value.name!r}).enum_values"
        return [Problem(name, list(words), f"given, each {_either(allowed)}", f"write enum_values={list(allowed)!r}")]
    if hasattr(type(value), "to_string") or is_token(value):
        return []
    if isinstance(value, str) and value in allowed:
        return []
    meant = nearest(value, allowed)
    return [Problem(field, value, _either(allowed), fix if meant is None else f"write {meant!r}")]


def _either(words: Sequence[str]) -> str:
    return " or ".join(repr(word) for word in words)


def check_text(field: str, value: object, longest: int, fix: str, shortest: int = 1) -> list[Problem]:
    """Text of ``shortest`` to ``longest`` characters. CDK tokens and run-time values pass."""
    if not isinstance(value, str):
        return [Problem(field, value, "a str", fix)]
    if is_known(value) and not shortest <= len(value) <= longest:
        allowed = f"{shortest}-{longest:,} characters" if shortest else f"at most {longest:,} characters"
        return [Problem(field, value, allowed, fix)]
    return []


def check_environment(variables: object, reserved: int, owner: str) -> list[Problem]:
    """Checks the environment variables of the container. This library uses ``reserved`` of the service's 100."""
    if variables is None:
        return []
    if not isinstance(variables, Mapping):
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
        if not isinstance(value, str) and not has_run_time_value(value) and not is_number_token(value):
            fix = in_place_of(value) or f"write {str(value)!r}"
            if value is None:
                fix = f"leave {key} out, or write its text"
            found.append(Problem(f"env[{key!r}]", value, "a str", fix))
        elif is_known(value) and len(value) > ARGUMENT_LENGTH:
            found.append(Problem(f"env[{key!r}]", value, "at most 256 characters", "pass it through a file instead"))
    return found


def check_tags(tags: object, reserved: int, owner: str) -> list[Problem]:
    """Checks tags in the SDK's form: a list of ``{"Key": ..., "Value": ...}``."""
    if tags is None:
        return []
    shape = '[{"Key": "team", "Value": "data"}]'
    if is_list_token(tags):
        return [
            Problem("tags", CdkToken("list"), "known at synth", f"write a list such as {shape}; values may be tokens")
        ]
    if not isinstance(tags, (list, tuple)):
        return [Problem("tags", tags, f"a list such as {shape}", f"pass tags to {owner} in that shape")]
    found = []
    if len(tags) > TAG_LIMIT - reserved:
        found.append(Problem("tags", len(tags), f"at most {TAG_LIMIT - reserved} tags", "drop some"))
    for index, tag in enumerate(tags):
        if not isinstance(tag, Mapping) or set(tag) != {"Key", "Value"}:
            found.append(Problem(f"tags[{index}]", tag, f"in the shape {shape}", _tag_fix(tag)))
            continue
        key, value = tag["Key"], tag["Value"]
        found += _check_tag_key(f"tags[{index}].Key", key)
        if not isinstance(value, str):
            fix = "drop the tag, or write a text" if value is None else f"write {str(value)!r}"
            found.append(Problem(f"tags[{index}].Value", value, "a str", fix))
        elif is_known(value) and len(value) > 256:
            found.append(Problem(f"tags[{index}].Value", value, "at most 256 characters", "shorten it"))
    keys = [tag["Key"] for tag in tags if isinstance(tag, Mapping) and "Key" in tag]
    return found + check_unique("tags key", keys, "leave one out: AWS refuses a key that comes twice")


def _tag_fix(tag: object) -> str:
    if isinstance(tag, Mapping) and {str(name).lower() for name in tag} == {"key", "value"}:
        meant = {str(name).capitalize(): value for name, value in tag.items()}
        return f"write {meant!r}"
    if isinstance(tag, (list, tuple)) and len(tag) == 2:
        return f"write {{'Key': {tag[0]!r}, 'Value': {tag[1]!r}}}"
    return "give it Key and Value"


def _check_tag_key(field: str, key: object) -> list[Problem]:
    if not isinstance(key, str):
        return [Problem(field, key, "a str", f"write {str(key)!r}")]
    if (is_known(key) and not 1 <= len(key) <= 128) or key.lower().startswith("aws:"):
        return [Problem(field, key, "1-128 characters, not beginning with aws:", "rename it")]
    if key.startswith(OWN_TAGS):
        return [Problem(field, key, f"without the prefix {OWN_TAGS}, which this library's own tags have", "rename it")]
    return []


def check_unique(field: str, names: Iterable[object], fix: str) -> list[Problem]:
    """Checks that all names differ. Other checks refuse a name that is no text."""
    counts = Counter(name for name in names if isinstance(name, str))
    return [Problem(field, name, "different from the others'", fix) for name, count in counts.items() if count > 1]
