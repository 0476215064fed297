"""IAM's wildcards: ``*`` and ``?`` stand for any characters, line breaks among them.

MiniStack's patterns stop at a line break. A role that may read a folder could not read a key with a line break in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from cdk_processing.local.aws.iam.variables import as_characters

__all__ = ["across_lines"]

_Compile = Callable[[str, bool], re.Pattern[str]]


def across_lines(compiled: _Compile) -> _Compile:
    """Compile the same patterns, with wildcards that also match line breaks."""

    @cache
    def compile_across_lines(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compiled(pattern, ignore_case)
        regex = as_characters(found.pattern.removesuffix("$"))
        # "$" also matches before a line break at the end, with or without DOTALL.
        return re.compile(rf"{regex}\Z", found.flags | re.DOTALL)

    return compile_across_lines
