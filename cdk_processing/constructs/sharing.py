"""What the definitions of a stack's jobs have in common, held once in a mapping of the template.

CloudFormation takes 1 MB of a template, and definitions are most of it. A stack of few jobs writes each definition as
one text, which people can read in the template and ``cdk deploy --hotswap`` can swap. A stack of many jobs refers to a
mapping for the parts that are the same in several: ``Fn::FindInMap`` puts them in at deployment, so that the deployed
definitions are the same either way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from aws_cdk import CfnMapping, Fn, Stack

from cdk_processing.constructs.substitution import TOKEN

__all__ = [
    "MAPPING",
    "SHARED_FROM",
    "Definition",
    "map_parts",
    "shared_parts",
    "with_references",
]

#: From so many characters on, a stack's definitions share what is the same: some 30 jobs of the usual size.
SHARED_FROM = 300_000
#: Logical id of the mapping.
MAPPING = "ProcessingDefinitions"

_KEY = "Shared"
# A reference takes some 110 bytes.
_SHORTEST = 300
# Where one job's definition may differ from another's: between states, and before what tells of the job's outputs.
_BOUNDARY = re.compile(r'(?="\w+":\{"Type":"|"Catch":\[|"Output":[{"])')


class Definition(Protocol):
    """The definition of a job's state machine."""

    @property
    def text(self) -> str:
        """The definition as JSON, with CDK tokens."""

    @property
    def written(self) -> str:
        """What the template has of it: text, or the token of an ``Fn::Sub``."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the template says of the job beside it."""

    @property
    def own_texts(self) -> Collection[str]:
        """Texts in it that no other job's definition has in that place."""

    def write_shared(self, tokens: Mapping[str, str]) -> None:
        """Write it with tokens in place of parts: those by which the mapping is read."""


def shared_parts(definitions: Sequence[tuple[str, Collection[str]]]) -> list[str]:
    """The parts that several definitions have in common.

    Args:
        definitions: The text of each, and texts in it that are the job's own.
    """
    chunked = [list(_runs(text, own)) for text, own in definitions]
    common = Counter(chunk for runs in chunked for chunk in {chunk for run in runs for chunk in run})
    parts = Counter(part for runs in chunked for part in {part for run in runs for part in _joined(run, common)})
    return [part for part, count in parts.items() if count > 1 and len(part) >= _SHORTEST]


def map_parts(stack: Stack, parts: Sequence[str]) -> dict[str, str]:
    """Put parts into the stack's mapping; returns a token for each of them."""
    stack.node.try_remove_child(MAPPING)  # of an earlier synth
    if not parts:
        return {}
    keys = {part: f"S{number}" for number, part in enumerate(parts)}
    CfnMapping(stack, MAPPING, mapping={_KEY: {key: part for part, key in keys.items()}})
    return {part: Fn.find_in_map(MAPPING, _KEY, key) for part, key in keys.items()}


def with_references(text: str, tokens: Mapping[str, str]) -> str:
    """A definition with tokens in place of the parts that a mapping holds."""
    for part in sorted(tokens, key=len, reverse=True):
        text = text.replace(part, tokens[part])
    return text


def _runs(text: str, own: Collection[str]) -> Iterator[list[str]]:
    """The text between tokens and what is the job's own, each run of it in chunks."""
    ends = "|".join([TOKEN.pattern, *(re.escape(each) for each in own)])
    for run in re.split(ends, text):
        yield [chunk for chunk in _BOUNDARY.split(run) if chunk]


def _joined(run: Sequence[str], common: Mapping[str, int]) -> Iterator[str]:
    """Common chunks that follow each other, put together."""
    together = ""
    for chunk in [*run, ""]:
        if chunk and common[chunk] > 1:
            together += chunk
        elif together:
            yield together
            together = ""
