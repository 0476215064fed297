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
from functools import lru_cache
from typing import Any, Protocol

from aws_cdk import CfnMapping, Stack

from cdk_processing.constructs.substitution import TOKEN
from cdk_processing.constructs.typed import Change, TypedResource

__all__ = [
    "MAPPING",
    "SHARED_FROM",
    "Definition",
    "map_parts",
    "shared_parts",
]

#: From so many characters on, a stack's definitions share what is the same: some 30 jobs of the usual size.
SHARED_FROM = 300_000
#: Logical id of the mapping.
MAPPING = "ProcessingDefinitions"

_KEY = "Shared"
# A character that no definition holds.
_END = "\0"
# A reference takes some 110 bytes.
_SHORTEST = 300
# Where one job's definition may differ from another's: between states, and around what tells of the job's outputs.
_BOUNDARY = re.compile(r'(?="\w+":\{"Type":"|"Catch":\[|"Output":[{"]|"existing":)')


class Definition(Protocol):
    """The definition of a job's state machine."""

    @property
    def text(self) -> str:
        """The definition as JSON, with CDK tokens."""

    @property
    def written(self) -> Any:
        """What the template has of it: text, or an ``Fn::Sub``."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the template says of the job beside it."""

    @property
    def own_texts(self) -> Collection[str]:
        """Texts in it that no other job's definition has in that place."""

    @property
    def machine(self) -> TypedResource:
        """The state machine."""

    def change(self, parts: Mapping[str, Any]) -> Change:
        """What to write into the template, with functions in place of parts: those by which the mapping is read."""

    def keep(self, definition: Any) -> None:
        """Keep the definition as it is read again after the change."""


def shared_parts(definitions: Sequence[tuple[str, Collection[str]]]) -> list[str]:
    """The parts that several definitions have in common.

    Args:
        definitions: The text of each, and texts in it that are the job's own.
    """
    chunked = [list(_runs(text, own)) for text, own in definitions]
    common = Counter(chunk for runs in chunked for chunk in {chunk for run in runs for chunk in run})
    parts = Counter(part for runs in chunked for part in {part for run in runs for part in _joined(run, common)})
    return [part for part, count in parts.items() if count > 1 and len(part) >= _SHORTEST]


def map_parts(stack: Stack, parts: Sequence[str]) -> dict[str, Any]:
    """Put parts into the stack's mapping; returns the function for each by which the mapping is read."""
    stack.node.try_remove_child(MAPPING)  # of an earlier synth
    if not parts:
        return {}
    keys = {part: f"S{number}" for number, part in enumerate(parts)}
    CfnMapping(stack, MAPPING, mapping={_KEY: {key: part for part, key in keys.items()}})
    return {part: {"Fn::FindInMap": [MAPPING, _KEY, key]} for part, key in keys.items()}


def _runs(text: str, own: Collection[str]) -> Iterator[Sequence[str]]:
    """The text between tokens and what is the job's own, each run of it in chunks."""
    for each in own:
        text = text.replace(each, _END)
    return map(_chunks, TOKEN.sub(_END, text).split(_END))


@lru_cache(maxsize=1024)
def _chunks(run: str) -> Sequence[str]:
    # Most runs are the same in many definitions.
    return [chunk for chunk in _BOUNDARY.split(run) if chunk]


def _joined(run: Sequence[str], common: Mapping[str, int]) -> Iterator[str]:
    """Common chunks that follow each other, put together."""
    together = ""
    for chunk in [*run, ""]:
        if chunk and common[chunk] > 1:
            together += chunk
        elif together:
            yield together
            together = ""
