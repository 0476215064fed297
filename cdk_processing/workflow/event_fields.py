"""Values taken from an event, for a trigger's run key and for the parameters of its job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cdk_processing.errors import Problem
from cdk_processing.workflow.jsonata import quoted
from cdk_processing.workflow.patterns import path

__all__ = ["EventField", "compiled_parameters"]

_PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_-]*)+")


@dataclass(frozen=True, slots=True)
class EventField:
    """A value of the event, by its path.

    Args:
        path: ``$.`` and the names that lead to the value, such as ``$.detail.batch-id``.

    Example:
        >>> EventField("$.detail.table").problems("run_key")
        []
    """

    path: str

    def problems(self, field: str) -> list[Problem]:
        """What is wrong with the path."""
        if isinstance(self.path, str) and _PATH.fullmatch(self.path):
            return []
        allowed = "$ and the names that lead to a value, such as EventField('$.detail.table')"
        return [Problem(field, self.path, allowed, "correct the path")]

    def compile(self) -> str:
        """The value, as JSONata."""
        return path(self.path)


def compiled_parameters(given: Mapping[str, str | EventField]) -> tuple[tuple[str, str], ...]:
    """The values of parameters, as JSONata."""
    return tuple(
        (name, value.compile() if isinstance(value, EventField) else quoted(value)) for name, value in given.items()
    )
