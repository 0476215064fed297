"""What the app says about itself: the infos, warnings and errors of ``Annotations.of(construct)``.

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
    """One message that a construct carries.

    Attributes:
        level: ``info``, ``warning`` or ``error``.
        path: The construct's path: ``Census/Preprocess``.
        text: The message. A warning ends with the id that acknowledges it.
    """

    level: Literal["info", "warning", "error"]
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def read_annotations(metadata: Mapping[str, Any]) -> Iterator[Annotation]:
    """The messages in the metadata of a stack, in the order of its constructs."""
    for path, entries in metadata.items():
        for entry in entries:
            level = str(entry.get("type", "")).removeprefix(_PREFIX)
            if level in _LEVELS:
                yield Annotation(
                    cast("Literal['info', 'warning', 'error']", level), path.removeprefix("/"), str(entry["data"])
                )
