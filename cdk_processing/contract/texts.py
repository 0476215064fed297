"""Fits this library's texts to the rules of the AWS fields that hold them.

A construct's path may hold any letter and be of any length, and each field of AWS has other rules: a role's description
is Latin-1, a security group's is a part of ASCII, a tag has 256 characters of some kinds. A text that fits stays
unchanged. Another text is changed and ends in a digest of the original, so two different texts never become one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

__all__ = [
    "ALARM_NAME",
    "DESCRIPTION",
    "ROLE_DESCRIPTION",
    "SECURITY_GROUP_DESCRIPTION",
    "TAG_KEY",
    "TAG_VALUE",
    "Rule",
    "digest",
    "fit",
]

_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of a field.

    Attributes:
        longest: The most characters.
        takes: Whether it accepts a character.
        described: The characters, in words.
    """

    longest: int
    takes: Callable[[str], bool]
    described: str

    def fits(self, text: str) -> bool:
        """Whether the field accepts the text unchanged."""
        return len(text) <= self.longest and all(map(self.takes, text))


def fit(text: str, rule: Rule) -> str:
    """The text, fitted to a field.

    Example:
        >>> fit("Census/Clean", TAG_VALUE)
        'Census/Clean'
        >>> fit("Census/Clean & join", TAG_VALUE)
        'Census/Clean - join-91464f75'
    """
    if rule.fits(text):
        return text
    taken = "".join(character if rule.takes(character) else "-" for character in text)
    mark = f"-{digest(text)}"
    return taken[: rule.longest - len(mark)] + mark


def digest(text: str) -> str:
    """A short digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


@cache
def _in_a_tag(character: str) -> bool:
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LNZ"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return cache(lambda character: compiled.fullmatch(character) is not None)


_TAG_CHARACTERS = "letters, digits, spaces and _ . : / = + - @"
#: https://docs.aws.amazon.com/step-functions/latest/apireference/API_Tag.html
TAG_KEY = Rule(128, _in_a_tag, _TAG_CHARACTERS)
#: https://docs.aws.amazon.com/step-functions/latest/apireference/API_Tag.html
TAG_VALUE = Rule(256, _in_a_tag, _TAG_CHARACTERS)
#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
ROLE_DESCRIPTION = Rule(1000, _matches(r"[\t\n\r\x20-\x7e\xa1-\xff]"), "Latin-1 characters")
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
SECURITY_GROUP_DESCRIPTION = Rule(
    255, _matches(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]"), "ASCII letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"
)
#: Of rules and schedules: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
DESCRIPTION = Rule(512, str.isprintable, "printable characters")
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
ALARM_NAME = Rule(255, str.isprintable, "printable characters")
