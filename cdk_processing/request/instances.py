"""The instance types of a job: one, or several in the order in which a run tries them."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from cdk_processing.errors import CdkToken, Problem
from cdk_processing.request import limits
from cdk_processing.request.likely import nearest
from cdk_processing.request.model import known_instance_types
from cdk_processing.request.tokens import is_list_token, is_token
from cdk_processing.request.types import ListOf

__all__ = [
    "check_instance_types",
    "check_volume_key",
    "families_with_local_storage",
    "has_local_storage",
    "instance_types",
    "is_instance_type",
]

#: The limit of the API's ``InstancePreferences``.
MOST_TYPES = 5
_TYPE = re.compile(r"ml\.(?P<family>[a-z0-9][a-z0-9-]*)\.(?P<size>[a-z0-9-]+)")
#: AWS brings new families and new multiples, but no new words for a size.
_SIZE = re.compile(r"medium|large|xlarge|[1-9]\d*xlarge|metal(-[1-9]\d*xl)?")
_SIZES = "medium, large, xlarge, 2xlarge and so on, or metal"


def instance_types(given: str | ListOf[str] | None) -> tuple[str | None, ...]:
    """The types in the order in which a run tries them."""
    return (given,) if given is None or isinstance(given, str) else tuple(given)


def check_instance_types(given: object, owner: str) -> list[Problem]:
    """One type, or a list of 1-5 different ones."""
    fix = f"set instance_type on {owner}"
    if is_list_token(given):
        allowed = "known at synth, at least how many there are: the job tries one after the other"
        fix = "pick the items: [Fn.select(0, types), Fn.select(1, types)]"
        return [Problem("instance_type", CdkToken("list"), allowed, fix)]
    if not isinstance(given, (list, tuple)):
        return _check_type("instance_type", given, fix)
    if not 1 <= len(given) <= MOST_TYPES:
        return [Problem("instance_type", list(given), f"one type, or a list of 1-{MOST_TYPES}", fix)]
    found = [
        problem for index, each in enumerate(given) for problem in _check_type(f"instance_type[{index}]", each, fix)
    ]
    names = [each for each in given if isinstance(each, str)]
    return found + limits.check_unique("instance_type", names, f"name each type once on {owner}")


def check_volume_key(key: object, given: object, owner: str) -> list[Problem]:
    """Refuses a key for a host with local storage, which its own hardware encrypts.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingClusterConfig.html
    """
    types = given if isinstance(given, (list, tuple)) else (given,)
    local = [each for each in types if isinstance(each, str) and has_local_storage(each)]
    if key is None or not local:
        return []
    allowed = f"left out with {' and '.join(local)}, whose local storage is encrypted by its own hardware"
    fix = f"drop volume_kms_key on {owner}, or pick an instance type without local NVMe storage"
    return [Problem("volume_kms_key", key, allowed, fix)]


def has_local_storage(instance_type: str) -> bool:
    """Whether a type has local NVMe storage, as far as this library knows."""
    parts = instance_type.split(".")
    return len(parts) == 3 and parts[1] in families_with_local_storage()


def _check_type(field: str, given: object, fix: str) -> list[Problem]:
    if is_token(given):
        return []
    if isinstance(given, str) and is_instance_type(given):
        return []
    match = _TYPE.fullmatch(given) if isinstance(given, str) else None
    allowed = "a SageMaker instance type such as 'ml.m5.xlarge'"
    if match is not None and match["family"] in _families():
        allowed += f", whose size is {_SIZES}"
    return [Problem(field, given, allowed, _likely_fix(given) or fix)]


def is_instance_type(text: str) -> bool:
    """Whether a text is written as an instance type is; AWS may have brought it since this release."""
    match = _TYPE.fullmatch(text)
    return match is not None and _SIZE.fullmatch(match["size"]) is not None


def _likely_fix(given: object) -> str | None:
    # An ec2.InstanceType knows its name.
    to_string = getattr(given, "to_string", None)
    text = str(to_string()) if callable(to_string) else given
    if not isinstance(text, str) or not text.strip():
        return None
    words = re.split(r"[\s,;]+", text.strip())
    likely = [_likely_type(word) for word in words]
    if None in likely:
        return None
    return f"write {likely[0]!r}" if len(likely) == 1 else f"write a list: {likely!r}"


def _likely_type(word: str) -> str | None:
    """The type that a word probably means; the family that it names counts first."""
    parts = word.lower().removeprefix("ml.").split(".")
    if len(parts) == 2 and _SIZE.fullmatch(parts[0]) and not _SIZE.fullmatch(parts[1]):
        parts.reverse()
    if len(parts) == 2 and (parts[0] in _families() or _SIZE.fullmatch(parts[1])):
        sizes = [size for family, size in _known() if family == parts[0]] or [size for _, size in _known()]
        size = parts[1] if _SIZE.fullmatch(parts[1]) else nearest(parts[1], sizes)
        if size is not None:
            return f"ml.{parts[0]}.{size}"
    found = get_close_matches(f"ml.{'.'.join(parts)}", sorted(known_instance_types()), 1)
    return found[0] if found else None


@cache
def _known() -> tuple[tuple[str, str], ...]:
    """Family and size of each known type."""
    return tuple((family, size) for _, family, size in (each.split(".") for each in sorted(known_instance_types())))


def _families() -> frozenset[str]:
    return frozenset(family for family, _ in _known())


@cache
def families_with_local_storage() -> frozenset[str]:
    """The families of which every size has local NVMe storage, as far as this library knows."""
    table = json.loads((Path(__file__).parent / "instance_storage.json").read_text(encoding="utf-8"))
    return frozenset(table["families"])
