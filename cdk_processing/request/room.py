"""How much room each parameter's value has: what the fields of the request take in which it stands.

A value that does not fit is refused at synth where it is a default or a trigger's, and by the client before it starts
a run. What an event brings is known only in the run: SageMaker refuses it, and the run fails with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.request.markers import segments, values_in
from cdk_processing.request.parameter_values import value_problem
from cdk_processing.request.run_time_value import Room, RunTimeValue
from cdk_processing.request.shapes import Shape, Shapes
from cdk_processing.request.tokens import is_token

__all__ = ["default_problems", "with_room"]

_ROOT = "CreateProcessingJobRequest"
#: The model lets these be empty, and the service does not: https://github.com/aws/sagemaker-python-sdk/issues/3758
_NEVER_EMPTY = ("ContainerArgument", "ContainerEntrypointString")
#: RUN_ID is an MD5; of other values nobody knows how long they are.
_LENGTHS = {"RUN_ID": 32}


@dataclass(frozen=True, slots=True)
class _Field:
    """A text of the request with parameters in it, and what its field takes."""

    text: str
    shortest: int
    longest: int | None
    one_line: bool

    def room(self, parameter: str) -> Room:
        """What is left for one parameter, beside what stands around it."""
        parts = list(segments(self.text))
        own = [part for part in parts if not isinstance(part, str) and part.parameter == parameter]
        others = [part for part in parts if isinstance(part, str) or part.parameter != parameter]
        taken = sum(map(_length, others))
        longest = 0 if self.longest is None else max(1, (self.longest - taken) // len(own))
        return Room(self.shortest if not others else 0, longest, self.one_line)


def with_room(request: Mapping[str, Any], parameters: Sequence[RunTimeValue]) -> list[RunTimeValue]:
    """Parameters, each with the room that its values have in a rendered request.

    Args:
        request: CreateProcessingJob, as far as it is rendered.
        parameters: The parameters in it, each once.
    """
    if not parameters:
        return []
    rooms: dict[str, list[Room]] = {}
    for field in _fields(request, _shapes()[_ROOT]):
        for name in {value.parameter: None for value in values_in(field.text) if value.name == "PARAMETER"}:
            rooms.setdefault(name, []).append(field.room(name))
    return [each._replace(room=_narrowest(rooms.get(each.parameter, ()))) for each in parameters]


def default_problems(parameters: Sequence[RunTimeValue]) -> Iterator[Problem]:
    """Defaults and allowed values that do not fit where the parameter stands."""
    for each in parameters:
        named = [("default", each.default)] if each.default is not None else []
        named += [("enum_values", value) for value in each.enum_values]
        for field, text in named:
            if text is not None and (problem := value_problem(each, text, f"{each.label}.{field}")) is not None:
                yield problem


def _length(part: str | RunTimeValue) -> int:
    if isinstance(part, str):
        return 0 if is_token(part) else len(part)
    return _LENGTHS.get(part.name, 0)


def _narrowest(rooms: Sequence[Room]) -> Room:
    longest = [room.longest for room in rooms if room.longest]
    return Room(
        max((room.shortest for room in rooms), default=0),
        min(longest, default=0),
        any(room.one_line for room in rooms),
    )


def _fields(value: object, shape: Shape) -> Iterator[_Field]:
    """Every text with a run-time value, with what its shape takes."""
    if isinstance(value, str):
        if values_in(value):
            one_line = shape.pattern is not None and ".*" in shape.pattern
            yield _Field(value, 1 if shape.name in _NEVER_EMPTY else shape.low or 0, shape.high, one_line)
    elif isinstance(value, Mapping) and shape.type == "structure":
        for name, item in value.items():
            if name in shape.members:
                yield from _fields(item, shape.members[name])
    elif isinstance(value, Mapping) and shape.type == "map":
        for item in value.values():
            yield from _fields(item, shape.parts[1])
    elif isinstance(value, (list, tuple)) and shape.type == "list":
        for item in value:
            yield from _fields(item, shape.parts[0])


@cache
def _shapes() -> Shapes:
    return Shapes(json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))["shapes"])
