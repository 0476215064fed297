"""IAM's wildcards: ``*`` and ``?`` stand for any characters, line breaks among them.

MiniStack's patterns stop at a line break: a role that may read a folder could not read an object whose key has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

__all__ = ["across_lines"]

_Compile = Callable[[str, bool], re.Pattern[str]]


def across_lines(compiled: _Compile) -> _Compile:
    """The same patterns, of which a wildcard also matches line breaks."""

    @cache
    def compile_across_lines(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compiled(pattern, ignore_case)
        # With DOTALL, "$" would still accept a line break behind the end.
        return re.compile(rf"{found.pattern.removesuffix('$')}\Z", found.flags | re.DOTALL)

    return compile_across_lines
