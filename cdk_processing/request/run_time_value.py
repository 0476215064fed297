"""A value that is known only when a run starts, read back from where it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cdk_processing.request.times import Moment

__all__ = ["Room", "RunTimeValue", "item_label"]


class Room(NamedTuple):
    """How long a parameter's value may be where it stands, and whether it must be one line.

    Attributes:
        shortest: The fewest characters.
        longest: The most characters; 0 for any number.
        one_line: Whether line breaks are refused.
    """

    shortest: int = 0
    longest: int = 0
    one_line: bool = False


class RunTimeValue(NamedTuple):
    """One marker, read back.

    Attributes:
        name: ``RUN_ID``, ``TRIGGER_TIME``, ... or ``PARAMETER``.
        parameter: The parameter's name, when ``name`` is ``PARAMETER``.
        default: The parameter's default, None where it has none.
        format: A ``strftime`` format, "" for the plain value.
        type: The parameter's type: ``string``, ``integer``, ``number`` or ``boolean``.
        enum_values: What the parameter's value may be; () for any.
        output: Name of another job's output, when ``name`` is ``UPSTREAM_OUTPUT``.
        job: Path of that job.
        folder: What the keys of that output begin with in every run; the value is the rest.
        moment: What time it is, where ``name`` is ``TRIGGER_TIME`` and it is another than the run's own.
        room: How long the parameter's value may be; any length, where nobody has looked.
        item: What stands in its brackets: ``day`` of ``PARTITION["day"]``, ``orders`` of ``FOLDER_URI["orders"]``,
            whose ``name`` is ``SOURCE_FOLDER``.
    """

    name: str
    parameter: str = ""
    default: str | None = None
    format: str = ""
    type: str = "string"
    enum_values: tuple[str, ...] = ()
    output: str = ""
    job: str = ""
    folder: str = ""
    moment: Moment | None = None
    room: Room = Room()
    item: str = ""

    @property
    def label(self) -> str:
        """The value as a user writes it."""
        if self.name == "UPSTREAM_OUTPUT":
            return f"outputs[{self.output!r}] of {self.job}"
        if self.moment is not None:
            return self.moment.shown()
        if self.item:
            return item_label(self.name, self.item)
        return f"Parameter({self.parameter!r})" if self.name == "PARAMETER" else f"ExecutionVariables.{self.name}"


def item_label(name: str, item: str) -> str:
    """A value with brackets, as a user writes it."""
    written = "FOLDER_URI" if name == "SOURCE_FOLDER" else name
    return f"ExecutionVariables.{written}[{item!r}]"
