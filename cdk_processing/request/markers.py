"""Markers: the text, such as ``{{run:RUN_ID}}``, that stands for a run-time value wherever it is put into text.

What they become is the business of :mod:`cdk_processing.workflow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.times import Moment

__all__ = [
    "INSTANCE_TYPE",
    "encoded",
    "fixed_prefix",
    "has_marker",
    "segments",
    "upstream_output",
    "values_in",
    "values_in_tree",
]

# Only what this module writes is a marker; any other text in double braces is text.
_MARKER = re.compile(
    r"\{\{run:(?P<name>RUN_ID|TRIGGER_TIME|ATTEMPT|INSTANCE_TYPE|UPSTREAM_RUN_ID|OBJECT_(?:URI|KEY|BUCKET|SIZE|VERSION_ID)"
    r"|UPSTREAM_OUTPUT|PARAMETER|FOLDER_URI|SOURCE_FOLDER|PARTITION)(?::(?P<argument>[^{}|]*))?(?:\|(?P<format>[^{}]*))?\}\}"
)
#: The instance type that a run is at, where it may try several; not among the values that users write.
INSTANCE_TYPE = "{{run:INSTANCE_TYPE}}"
#: What every marker begins with.
_OPENING = "{{run:"


def segments(text: str) -> Iterator[str | RunTimeValue]:
    """Split text into what is fixed and what is known at run time, in order; empty fixed parts are left out."""
    end = 0
    for match in _MARKER.finditer(text):
        if match.start() > end:
            yield text[end : match.start()]
        end = match.end()
        yield _read(match)
    if end < len(text):
        yield text[end:]


def has_marker(text: object) -> bool:
    """Whether something is text with a marker in it."""
    return isinstance(text, str) and _OPENING in text and _MARKER.search(text) is not None


def values_in(text: object) -> list[RunTimeValue]:
    """Every run-time value in a text; none in anything else."""
    if not isinstance(text, str) or _OPENING not in text:
        return []
    return [_read(match) for match in _MARKER.finditer(text)]


def values_in_tree(tree: object) -> list[RunTimeValue]:
    """Every run-time value in the texts of dicts and lists, in order."""
    if isinstance(tree, dict):
        return [value for item in tree.values() for value in values_in_tree(item)]
    if isinstance(tree, (list, tuple)):
        return [value for item in tree for value in values_in_tree(item)]
    return values_in(tree)


def fixed_prefix(text: str) -> str:
    """What stands before the first run-time value."""
    first = _MARKER.search(text)
    return text if first is None else text[: first.start()]


def _read(match: re.Match[str]) -> RunTimeValue:
    name, argument, spec = match["name"], match["argument"], match["format"]
    if name == "UPSTREAM_OUTPUT":
        output, job, folder = (unquote(part) for part in (argument or ";;").split(";"))
        return RunTimeValue(name, output=output, job=job, folder=folder)
    if name == "TRIGGER_TIME":
        return RunTimeValue(name, format=spec or "", moment=Moment.parse(argument or ""))
    if name in ("PARTITION", "SOURCE_FOLDER"):
        return RunTimeValue(name, item=unquote(argument or ""))
    if name != "PARAMETER":
        return RunTimeValue(name, format=spec or "")
    declared, *options = (argument or "").split(";")
    parameter, given, default = declared.partition("=")
    return RunTimeValue(
        name,
        parameter,
        unquote(default) if given else None,
        type=options[0] if options else "string",
        enum_values=tuple(unquote(value) for value in options[1:]),
    )


def upstream_output(job: str, output: str, folder: str) -> str:
    """Where one run of another job wrote an output, behind the folder that all its runs share; a marker.

    Args:
        job: The other job's path.
        output: The output's name.
        folder: What the output's keys begin with in every run.
    """
    return f"{{{{run:UPSTREAM_OUTPUT:{encoded(output)};{encoded(job)};{encoded(folder)}}}}}"


def encoded(text: str) -> str:
    """Percent-encoded, so that no text can end the marker."""
    return "".join(f"%{byte:02X}" for byte in text.encode())
