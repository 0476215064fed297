"""What SageMaker would refuse of a rendered request, in the words of a declaration.

The limits are those of ``limits.json``, which ``make limits`` writes from botocore's model. A text with a CDK token or
a run-time value passes: nobody knows the whole text at synth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cdk_processing.request.number_tokens import is_number_token
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.shapes import Constraint, Entry, Flaw, Key, Shape, Shapes, Step
from cdk_processing.request.tokens import LOOKED_UP

__all__ = ["Violation", "known_instance_types", "violations"]

_ROOT = "CreateProcessingJobRequest"
# AWS adds instance types more often than this library is released. Synth warns of an unknown one.
_OPEN_ENUMERATIONS = frozenset({"ProcessingInstanceType"})
_TYPES = {
    "string": ("a str", "quote it"),
    "integer": ("a whole number", "write it without quotes and decimals"),
    "boolean": ("True or False", "write it without quotes"),
    "structure": ("a dict", "give it its keys and values"),
    "list": ("a list", "put it in brackets"),
    "map": ("a dict of str to str", "give it keys and values"),
}
_ARN = "the ARN of an IAM role"
_S3 = "an s3:// or https:// URI on one line"
_HYPHENS = "beginning and ending with a letter or digit"
#: What the model's patterns say, in words, and what to do about text that is not so.
_WORDS = {
    ".*": ("on one line", "take the line breaks out"),
    "(https|s3)://([^/]+)/?(.*)": (_S3, "write s3://bucket/prefix/, without line breaks"),
    r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+": (_ARN, "pass an iam.IRole, or the role's whole ARN"),
    "[-0-9a-zA-Z]+": ("letters, digits and hyphens", "write the id as AWS shows it"),
    "[a-zA-Z0-9:/_-]*": ("letters, digits and : / _ -", "pass a kms.IKey, or the key's ARN, alias or id"),
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)": ("letters, digits, spaces and _ . : / = + - @", "leave other characters out"),
    "[a-zA-Z_][a-zA-Z0-9_]*": ("letters, digits and underscores, not beginning with a digit", "rename it"),
    "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}": (f"letters, digits and hyphens, {_HYPHENS}", "rename it"),
    "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}": (f"letters, digits and hyphens, {_HYPHENS}", "rename it"),
    "[a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}": (f"letters, digits, hyphens and underscores, {_HYPHENS}", "rename it"),
    "[a-zA-Z0-9._-]+": ("letters, digits and . _ -", "write the name as AWS shows it"),
    r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*": ("without control characters", "take them out"),
}


class Violation(NamedTuple):
    """One value that the service would refuse.

    Attributes:
        path: Where it is in the request: ``ProcessingInputs[2].S3Input.LocalPath``.
        value: The value; of a list or map with too many items or too few, their number.
        allowed: What the service accepts, so that "must be ..." reads well.
        fix: What the user can do.
    """

    path: str
    value: Any
    allowed: str
    fix: str


def violations(member: str, value: object) -> list[Violation]:
    """What the service would refuse of one member of the request, such as ``ProcessingResources``."""
    flaws = _shapes()[_ROOT].members[member].flaws(value, is_open=_is_open)
    return [violation for flaw in flaws for violation in _violation(member, flaw)]


@cache
def known_instance_types() -> frozenset[str]:
    """The instance types of the model. AWS may have added others since."""
    return frozenset(_shapes()["ProcessingInstanceType"].enum)


@cache
def _shapes() -> Shapes:
    return Shapes(json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))["shapes"])


def _is_open(text: str) -> bool:
    """Whether only the CDK or the run knows the whole text."""
    return "{Token[" in text or LOOKED_UP in text or ("{{run:" in text and has_run_time_value(text))


def _violation(member: str, flaw: Flaw) -> Iterator[Violation]:
    shape = flaw.shape
    broken = set() if is_number_token(flaw.value) else set(flaw.broken)
    if shape.name in _OPEN_ENUMERATIONS:
        broken.discard("enum")
    if broken:
        path = member + "".join(map(_step, flaw.path))
        value = len(flaw.value) if shape.type in ("list", "map") and broken & {"min", "max"} else flaw.value
        yield Violation(path, value, *_advice(shape, flaw.value, broken))


def _step(step: Step) -> str:
    match step:
        case str():
            return f".{step}"
        case Key():
            return " key"
        case Entry(key):
            return f"[{key!r}]"
    return f"[{step}]"


def _advice(shape: Shape, value: Any, broken: set[Constraint]) -> tuple[str, str]:
    """What is allowed, and the fix."""
    if broken & {"required", "null"}:
        return "given", "set it"
    if "unknown" in broken:
        return f"one of {', '.join(shape.members)}", _likely(value, shape.members) or "leave it out"
    if "type" in broken:
        return _TYPES[shape.type]
    if "enum" in broken:
        return f"one of {', '.join(shape.enum)}", _likely(value, shape.enum) or "take one of those"
    if shape.type == "string":
        return _text_advice(shape, value, broken)
    if shape.type == "integer":
        return _range(shape), "raise it" if "min" in broken else "lower it"
    return _range(shape, " items"), "add some, or leave it out" if "min" in broken else "leave some out"


def _text_advice(shape: Shape, text: str, broken: set[Constraint]) -> tuple[str, str]:
    size = _range(shape, " characters") if broken & {"min", "max"} else ""
    if "pattern" not in broken:
        return size, "write it in full" if "min" in broken else "shorten it"
    words, fix = _WORDS.get(shape.pattern or "", (f"text that {shape.pattern} matches", "correct it"))
    regex = "" if shape.pattern == ".*" else f" ({shape.pattern})"
    return f"{f'{size}, ' if size else ''}{words}{regex}", fix


def _range(shape: Shape, unit: str = "") -> str:
    if shape.high is None:
        return f"at least {shape.low:,}{unit}"
    return f"{shape.low:,}-{shape.high:,}{unit}" if shape.low else f"at most {shape.high:,}{unit}"


def _likely(word: str, words: Iterable[str]) -> str | None:
    near = get_close_matches(word, words, 1)
    return f"write {near[0]!r}" if near else None
