"""Read the annotations of an app: the infos, warnings and errors that ``Annotations.of(construct)`` adds.

https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.Annotations.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

__all__ = ["Annotation", "read_annotations"]

_PREFIX = "aws:cdk:"
_LEVELS = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of a construct.

    Attributes:
        level: ``info``, ``warning`` or ``error``.
        path: The construct's path: ``Census/Preprocess``.
        text: The message. A warning ends with its id, which you pass to ``acknowledgeWarning``.
    """

    level: Literal["info", "warning", "error"]
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def read_annotations(metadata: Mapping[str, Any]) -> Iterator[Annotation]:
    """Yield the annotations in a stack's metadata, in the order of its constructs."""
    for path, entries in metadata.items():
        for entry in entries:
            level = str(entry.get("type", "")).removeprefix(_PREFIX)
            if level in _LEVELS:
                yield Annotation(
                    cast("Literal['info', 'warning', 'error']", level), path.removeprefix("/"), str(entry["data"])
                )
