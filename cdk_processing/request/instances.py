"""What a job's hosts may be: one instance type, or several in the order in which they are tried."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import ListOf

__all__ = ["check_instance_types", "check_volume_key", "instance_types"]

#: As many as the API's own ``InstancePreferences`` takes.
MOST_TYPES = 5


def instance_types(given: str | ListOf[str] | None) -> tuple[str | None, ...]:
    """The types in the order in which they are tried."""
    return (given,) if given is None or isinstance(given, str) else tuple(given)


def check_instance_types(given: object, owner: str) -> list[Problem]:
    """One type, or a list of 1-5 different ones."""
    fix = f"set instance_type on {owner}"
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
    """A key is refused where the host has local storage, which its own hardware encrypts.

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
    """Whether a type is known to have local NVMe storage."""
    parts = instance_type.split(".")
    return len(parts) == 3 and parts[1] in _families_with_local_storage()


def _check_type(field: str, given: object, fix: str) -> list[Problem]:
    if isinstance(given, str) and (is_token(given) or limits.INSTANCE_TYPE.fullmatch(given)):
        return []
    return [Problem(field, given, "a SageMaker instance type such as 'ml.m5.xlarge'", fix)]


@cache
def _families_with_local_storage() -> frozenset[str]:
    table = json.loads((Path(__file__).parent / "instance_storage.json").read_text(encoding="utf-8"))
    return frozenset(table["families"])
