"""Patterns as IAM has them: ``*`` stands for any characters, ``?`` for one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

__all__ = ["any_matches", "matches"]


def matches(text: str, pattern: str) -> bool:
    """Whether a whole text matches a pattern; upper and lower case differ."""
    return _compiled(pattern).fullmatch(text) is not None


def any_matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether a whole text matches one of several patterns."""
    return any(matches(text, pattern) for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL)
