"""KMS keys as declarations name them: a construct, an ARN, an id or an alias."""

from __future__ import annotations

import re
from contextlib import suppress

from cdk_processing.errors import Problem
from cdk_processing.request.likely import in_place_of
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_known
from cdk_processing.request.types import Key

__all__ = ["check_key", "key_id", "key_name"]

_KEY = re.compile(r"[a-zA-Z0-9:/_-]{1,2048}")
#: The id of a key, also of one in several regions.
_ID = re.compile(r"(mrk-)?[0-9a-f-]{32,36}")
#: What an alias is called, without the "alias/" that it begins with.
_NAME = re.compile(r"(?!alias/)[a-zA-Z0-9/_-]{1,250}")


def check_key(field: str, key: object, owner: str) -> list[Problem]:
    """A ``kms.IKey``, or what the API takes in its place."""
    if key is None or hasattr(key, "key_arn"):
        return []
    allowed = "a kms.IKey, or the ARN, id or alias/name of a key"
    if isinstance(key, str) and has_run_time_value(key):
        return [Problem(field, key, "known at synth: the role gets permissions on it", f"name one key on {owner}")]
    fix = in_place_of(key) or f"set {field} on {owner}"
    if not isinstance(key, str) or (is_known(key) and (not _KEY.fullmatch(key) or "://" in key)):
        return [Problem(field, key, allowed, fix)]
    if is_known(key) and _NAME.fullmatch(key) and not _ID.fullmatch(key):
        return [Problem(field, key, allowed, f"write 'alias/{key}', if that is its alias")]
    return []


def key_id(key: Key | str | None) -> str | None:
    """A key as the API takes it."""
    return key if key is None or isinstance(key, str) else key.key_arn


def key_name(key: Key | str | None) -> str | None:
    """A key as permissions name it: its ARN where it is known, else its id or alias."""
    if key is None or isinstance(key, str):
        return key
    with suppress(RuntimeError):  # an alias that was imported does not know its key
        key = getattr(key, "alias_target_key", key)
    return key.key_arn
