"""A deployed job's parameters: how its definition declares them, and the digest of their values.

The declaration is in the comment of the definition's first state, where nothing evaluates it::

    parameters: split_ratio;number~0-256=0.2 mode~1-256,line=fast|fast|exact day

Each parameter is a name, its type behind ``;`` unless that is ``string``, how many characters its value may have behind
``~`` (and ``,line`` where it must be one line), its default behind ``=``, and each value that it may take behind ``|``.
Texts are percent-encoded, so that none of them can end the declaration.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from cdk_processing.request.run_time_value import Room, RunTimeValue

__all__ = ["FIRST_STATE", "declaration", "declared_parameters", "parameters_digest"]

#: The definition's first state.
FIRST_STATE = "Prepare"

_HEAD = "parameters: "
# What CDK's tokens are written in; the text that becomes of one is a name or an ARN.
_KEPT = "${}[]:/."
_DECLARED = re.compile(
    r"(?P<name>\w+)(?:;(?P<type>\w+))?(?:~(?P<shortest>\d+)-(?P<longest>\d+)(?P<line>,line)?)?"
    r"(?:=(?P<default>[^;|]*))?(?:\|(?P<values>.*))?"
)


def declaration(parameters: Sequence[RunTimeValue]) -> str | None:
    """The comment that declares parameters; None if there are none."""
    return _HEAD + " ".join(map(_declared, parameters)) if parameters else None


def declared_parameters(definition: Mapping[str, Any]) -> tuple[RunTimeValue, ...]:
    """The parameters that a definition declares, in its order."""
    first: Mapping[str, Any] = definition.get("States", {}).get(FIRST_STATE, {})
    comment = str(first.get("Comment", ""))
    if comment.startswith(_HEAD):
        return tuple(_read(text) for text in comment[len(_HEAD) :].split(" "))
    # Version 1 of the contract assigned them to a variable.
    return tuple(_read_first_version(item) for item in first.get("Assign", {}).get("declared", []))


def parameters_digest(values: Mapping[str, str]) -> str:
    """The MD5 of ``name=MD5;name=MD5``. It shows whether two runs with one run key have the same parameters.

    The state machine computes the same, and puts it into the environment of its processing jobs.

    Args:
        values: Every parameter in the order declared, and its value.
    """
    return _md5(";".join(f"{name}={_md5(value)}" for name, value in values.items()))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _declared(parameter: RunTimeValue) -> str:
    return "".join(_parts(parameter))


def _parts(parameter: RunTimeValue) -> Iterator[str]:
    yield parameter.parameter
    if parameter.type != "string":
        yield f";{parameter.type}"
    room = parameter.room
    if room != Room():
        yield f"~{room.shortest}-{room.longest}{',line' if room.one_line else ''}"
    if parameter.default is not None:
        yield f"={quote(parameter.default, safe=_KEPT)}"
    if parameter.enum_values:
        yield "|" + "|".join(quote(value, safe=_KEPT) for value in parameter.enum_values)


def _read(text: str) -> RunTimeValue:
    found = _DECLARED.fullmatch(text)
    if found is None:
        raise ValueError(f"no declaration of a parameter: {text!r}")
    default, values = found["default"], found["values"]
    return RunTimeValue(
        "PARAMETER",
        found["name"],
        None if default is None else unquote(default),
        type=found["type"] or "string",
        enum_values=() if values is None else tuple(map(unquote, values.split("|"))),
        room=Room(int(found["shortest"] or 0), int(found["longest"] or 0), bool(found["line"])),
    )


def _read_first_version(item: Mapping[str, Any]) -> RunTimeValue:
    return RunTimeValue(
        "PARAMETER",
        str(item["name"]),
        item.get("default"),
        type=str(item.get("type", "string")),
        enum_values=tuple(item.get("values", ())),
    )
