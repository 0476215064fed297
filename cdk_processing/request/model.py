"""A rendered request held to the service's own model: types, ranges, lengths, counts, patterns and enumerations.

The model is ``limits.json``, which ``make limits`` writes from botocore's. What holds a CDK token or a run-time value
is left alone: nobody can know it here. What a declaration calls a field is told by :func:`field_of`; which one a
request was rendered from is the business of :mod:`cdk_processing.request.conformity`.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cdk_processing.request.runtime import has_run_time_value

__all__ = ["Violation", "field_of", "known_instance_types", "python_pattern", "violations"]

_ROOT = "CreateProcessingJobRequest"
# AWS brings new ones more often than this library is released: an unknown one is warned of, not refused.
_OPEN_ENUMERATIONS = frozenset({"ProcessingInstanceType"})
_PYTHON = {"string": str, "integer": int, "boolean": bool, "structure": dict, "list": list, "map": dict}
_KINDS = {
    "string": ("a str", "quote it"),
    "integer": ("a whole number", "write it without quotes and decimals"),
    "boolean": ("True or False", "write it without quotes"),
    "structure": ("a dict", "give it its keys and values"),
    "list": ("a list", "put it in brackets"),
    "map": ("a dict of str to str", "give it keys and values"),
}
# The model's patterns are Java's, whose dot stops at more line breaks, and whose \d is ASCII. With the underscore that
# stands there, \w is just \p{L} and \p{N}.
_JAVA = (
    (".*", r"[^\n\r\x85\u2028\u2029]*"),
    (r"\d", "[0-9]"),
    (r"\p{L}\p{Z}\p{N}_", r"\w \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"),
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff"),
)
_ANYTHING = frozenset({r"[\s\S]*", r"[\S\s]*", r"[\s\S]+"})  # but for lengths, which are checked
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
#: Where a declaration's name of a field is not the API's in snake case; the longest that fits counts.
_NAMES = {
    "ProcessingInputs": "inputs",
    "ProcessingInputs[].S3Input": "inputs[]",
    "ProcessingInputs[].S3Input.S3Uri": "inputs[].source",
    "ProcessingInputs[].S3Input.LocalPath": "inputs[].destination",
    "ProcessingOutputConfig": "",
    "ProcessingOutputConfig.Outputs[].S3Output": "outputs[]",
    "ProcessingOutputConfig.Outputs[].S3Output.S3Uri": "outputs[].destination",
    "ProcessingOutputConfig.Outputs[].S3Output.LocalPath": "outputs[].source",
    "ProcessingOutputConfig.KmsKeyId": "output_kms_key",
    "ProcessingResources": "",
    "ProcessingResources.ClusterConfig": "",
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": "volume_kms_key",
    "AppSpecification": "",
    "AppSpecification.ContainerEntrypoint": "entrypoint",
    "AppSpecification.ContainerArguments": "arguments",
    "StoppingCondition": "",
    "NetworkConfig.EnableInterContainerTrafficEncryption": "network_config.encrypt_inter_container_traffic",
    "NetworkConfig.VpcConfig": "network_config",
    "Environment": "env",
    "RoleArn": "role",
    "ProcessingJobName": "base_job_name",
    "Tags[].Key": "tags[].Key",
    "Tags[].Value": "tags[].Value",
}
_LAST_STEP = re.compile(r"(\.\w+|\[\]| key|^\w+)$")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A text that is too long to be read is not matched against a pattern as well: that could take its time.
_LONG = 10_000


class Violation(NamedTuple):
    """One value that the service would refuse.

    Attributes:
        path: Where it is in the request: ``ProcessingInputs[2].S3Input.LocalPath``.
        value: The value; of a list or map with too many items or too few, their number.
        allowed: What would be right, so that "must be ..." reads well.
        fix: What to do about it.
    """

    path: str
    value: Any
    allowed: str
    fix: str


def violations(member: str, value: Any) -> list[Violation]:
    """What the service would refuse of one member of the request, ``ProcessingResources`` for example."""
    found: list[Violation] = []
    _shape(_ROOT).members[member].check(value, member, found)
    return found


@cache
def known_instance_types() -> frozenset[str]:
    """The instance types that the model knows; AWS may have brought more since."""
    return frozenset(_shape("ProcessingInstanceType").enum)


def field_of(path: str) -> str:
    """What a declaration calls a place in the request: ``inputs[2].destination``."""
    if path.startswith("ExperimentConfig."):
        return f"experiment_config[{path.partition('.')[2]!r}]"
    if path.startswith("Environment"):
        return f"env{path.removeprefix('Environment')}"
    numbers = iter(re.findall(r"\[\d+\]", path))
    general = re.sub(r"\[\d+\]", "[]", path)
    known = general
    while known and known not in _NAMES:
        known = _LAST_STEP.sub("", known)
    rest = general[len(known) :]
    named = _NAMES.get(known, "") + (rest if rest.startswith(" ") else _WORD_START.sub("_", rest).lower())
    return re.sub(r"\[\]", lambda _: next(numbers), named).lstrip(".")


def python_pattern(pattern: str) -> str:
    """One of the model's patterns, which are Java's, as Python writes it."""
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    return pattern


class _Shape:
    """One shape of the model, ready to check values."""

    def __init__(self, name: str) -> None:
        shape = _table()[name]
        self._name = name
        self._shape = shape
        self._type: type = _PYTHON[shape["type"]]
        self._check = getattr(self, f"_check_{shape['type']}")
        self._low: int | None = shape.get("min")
        self._high: int | None = shape.get("max")
        self._required: list[str] = shape.get("required", [])
        self.enum: list[str] = shape.get("enum", [])
        self._words = frozenset(() if name in _OPEN_ENUMERATIONS else self.enum)
        pattern = shape.get("pattern")
        self._pattern: str | None = None if pattern in _ANYTHING else pattern

    @cached_property
    def members(self) -> dict[str, _Shape]:
        """Of a structure."""
        return {name: _shape(shape) for name, shape in self._shape["members"].items()}

    @cached_property
    def _parts(self) -> tuple[_Shape, ...]:
        """Of a list its member; of a map key and value."""
        return tuple(_shape(self._shape[part]) for part in ("member", "key", "value") if part in self._shape)

    @cached_property
    def _fullmatch(self) -> Any:
        assert self._pattern is not None
        return re.compile(python_pattern(self._pattern)).fullmatch

    def check(self, value: Any, path: str, found: list[Violation]) -> None:
        """Add what is wrong with a value."""
        if type(value) is self._type or (isinstance(value, self._type) and not isinstance(value, bool)):
            self._check(value, path, found)
        elif value is None:
            found.append(Violation(path, value, "given", "set it"))
        else:
            found.append(Violation(path, value, *_KINDS[self._shape["type"]]))

    def _check_structure(self, value: dict[str, Any], path: str, found: list[Violation]) -> None:
        for name in self._required:
            if name not in value:
                found.append(Violation(f"{path}.{name}", None, "given", "set it"))
        members = self.members
        for name, item in value.items():
            if name in members:
                members[name].check(item, f"{path}.{name}", found)
            else:
                allowed = f"one of {', '.join(members)}"
                found.append(Violation(f"{path} key", name, allowed, _likely(name, members) or "leave it out"))

    def _check_list(self, value: list[Any], path: str, found: list[Violation]) -> None:
        self._check_count(value, path, found)
        (member,) = self._parts
        for index, item in enumerate(value):
            member.check(item, f"{path}[{index}]", found)

    def _check_map(self, value: dict[Any, Any], path: str, found: list[Violation]) -> None:
        self._check_count(value, path, found)
        key_shape, value_shape = self._parts
        for key, item in value.items():
            key_shape.check(key, f"{path} key", found)
            value_shape.check(item, f"{path}[{key!r}]", found)

    def _check_count(self, value: Any, path: str, found: list[Violation]) -> None:
        if len(value) < (self._low or 0):
            found.append(Violation(path, len(value), self._range(" items"), "add some, or leave it out"))
        elif self._high is not None and len(value) > self._high:
            found.append(Violation(path, len(value), self._range(" items"), "leave some out"))

    def _check_string(self, value: str, path: str, found: list[Violation]) -> None:
        if _is_open(value):
            return
        if self._words and value not in self._words:
            allowed = f"one of {', '.join(self.enum)}"
            found.append(Violation(path, value, allowed, _likely(value, self.enum) or "take one of those"))
            return
        length = len(value)
        fits = (self._low or 0) <= length and (self._high is None or length <= self._high)
        if self._pattern is not None and not ((length > _LONG and not fits) or self._fullmatch(value)):
            words, fix = _WORDS.get(self._pattern, (f"text that {self._pattern} matches", "correct it"))
            regex = "" if self._pattern == ".*" else f" ({self._pattern})"
            sized = "" if fits else f"{self._range(' characters')}, "
            found.append(Violation(path, value, f"{sized}{words}{regex}", fix))
        elif not fits:
            fix = "shorten it" if length > (self._low or 0) else "write it in full"
            found.append(Violation(path, value, self._range(" characters"), fix))

    def _check_integer(self, value: int, path: str, found: list[Violation]) -> None:
        if self._low is not None and value < self._low:
            found.append(Violation(path, value, self._range(""), "raise it"))
        elif self._high is not None and value > self._high:
            found.append(Violation(path, value, self._range(""), "lower it"))

    def _check_boolean(self, value: bool, path: str, found: list[Violation]) -> None:
        """Nothing more: it is one."""

    def _range(self, unit: str) -> str:
        if self._high is None:
            return f"at least {self._low:,}{unit}"
        return f"{self._low:,}-{self._high:,}{unit}" if self._low else f"at most {self._high:,}{unit}"


def _is_open(value: str) -> bool:
    """Whether only CDK or the run knows the whole text."""
    return "{Token[" in value or ("{{run:" in value and has_run_time_value(value))


def _likely(word: str, words: Any) -> str | None:
    near = get_close_matches(word, words, 1)
    return f"write {near[0]!r}" if near else None


@cache
def _shape(name: str) -> _Shape:
    return _Shape(name)


@cache
def _table() -> dict[str, Any]:
    shapes: dict[str, Any] = json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))["shapes"]
    return shapes
