"""What was probably meant, for the fix that an error offers. Nothing in here decides what is right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

__all__ = ["flat_words", "here", "in_place_of", "near_path", "nearest", "s3_uri", "whole_number"]

_SCHEME = re.compile(r"s3[an]?:/{1,2}(?P<place>[^/].*)", re.IGNORECASE | re.DOTALL)
_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<place>.+)", re.DOTALL)
_VIRTUAL = re.compile(r"https?://(?P<bucket>[^/]+?)\.s3[.-][^/]*amazonaws\.com[^/]*/(?P<key>.*)", re.DOTALL)
_PATH_STYLE = re.compile(r"https?://s3[.-][^/]*amazonaws\.com[^/]*/(?P<place>.+)", re.DOTALL)
_CONSOLE = re.compile(
    r"https?://[^/]*console\.aws\.[^/]+/s3/(?:buckets|object)/(?P<bucket>[^/?]+).*?prefix=(?P<key>[^&]*)"
)
_SIZE = re.compile(r"\s*(\d+)\s*(?:gi?b?)?\s*", re.IGNORECASE)
_TIME = re.compile(r"\s*(\d+)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)?\s*", re.IGNORECASE)
#: What an object of the CDK has, and what to write in its place.
_OBJECTS = (
    ("value_as_string", "write its value_as_string"),
    (
        "unsafe_unwrap",
        "pass the secret's name, and have the script read the secret: whoever may describe a job sees its values",
    ),
    ("s3_object_url", "pass the file or folder itself: the job publishes it"),
    ("to_seconds", "write str(duration.to_seconds())"),
    ("attr_arn", "write its attr_arn"),
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def nearest(word: object, words: Iterable[str]) -> str | None:
    """The one of some words that another is a misspelling of, in whatever case."""
    if not isinstance(word, str):
        return None
    by_form = {_form(each): each for each in words}
    found = get_close_matches(_form(word), by_form, 1)
    return by_form[found[0]] if found else None


def _form(word: str) -> str:
    return re.sub(r"[\s_-]", "", word).lower()


def s3_uri(text: object) -> str | None:
    """The ``s3://`` URI of what is written in another way: ``s3a://``, an ARN, an address for browsers."""
    if not isinstance(text, str):
        return None
    for pattern in (_SCHEME, _ARN, _PATH_STYLE):
        if match := pattern.fullmatch(text.strip()):
            uri = f"s3://{match['place']}"
            return None if uri == text else uri
    for pattern in (_VIRTUAL, _CONSOLE):
        if match := pattern.match(text.strip()):
            return f"s3://{match['bucket']}/{match['key']}"
    return None


def here(text: object) -> str | None:
    """The path of this machine that a ``file://`` URI or a ``~`` means."""
    if not isinstance(text, str):
        return None
    if text.startswith("file://"):
        return unquote(text.removeprefix("file://localhost").removeprefix("file://"))
    return str(Path(text).expanduser()) if text.startswith("~/") else None


def whole_number(value: object, *, seconds: bool = False) -> int | None:
    """A whole number that is written as text, with a unit, with decimals, or as a size or time of some class."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        match = (_TIME if seconds else _SIZE).fullmatch(value)
        if match is None:
            return None
        return int(match[1]) * (_SECONDS[match[2][0].lower()] if seconds and match[2] else 1)
    for method in ("to_gibibytes", "total_seconds"):
        if hasattr(type(value), method):
            with suppress(Exception):  # a size that is no whole number of them
                return int(getattr(value, method)())
    return None


def flat_words(value: object) -> list[str]:
    """The words of a command line that came as a dict, a set, or with lists inside."""
    if isinstance(value, Mapping):
        return [word for pair in value.items() for part in pair for word in flat_words(part)]
    if isinstance(value, (list, tuple)):
        return [word for part in value for word in flat_words(part)]
    if isinstance(value, (set, frozenset)):
        return sorted(str(part) for part in value)
    return [str(value)]


def in_place_of(value: object) -> str | None:
    """What to write in place of an object of the CDK that a text was expected for; None for other values."""
    for attribute, fix in _OBJECTS:
        if hasattr(value, attribute):
            return fix
    bucket, key = getattr(value, "bucket_name", None), getattr(value, "object_key", None)  # an s3.Location
    if isinstance(bucket, str) and isinstance(key, str):
        return f"write {f's3://{bucket}/{key}'!r}"
    if hasattr(value, "node"):
        return "write one of its attributes, such as its name or ARN"
    return "write its .to_string()" if hasattr(value, "to_string") else None  # an IResolvable


def near_path(given: str) -> str | None:
    """A file or folder beside one that is not there, whose name is nearly the same."""
    path = Path(given)
    with suppress(OSError):
        if path.exists():
            return None  # it is there, and another kind of thing
        names = [each.name for each in path.parent.iterdir()] if path.name else []
        found = get_close_matches(path.name, names, 1, 0.85)
        return str(path.parent / found[0]) if found else None
    return None
