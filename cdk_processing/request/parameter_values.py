"""The values of parameters, as text: which of them a parameter may have."""

from __future__ import annotations

import re

from cdk_processing.errors import Problem
from cdk_processing.request.run_time_value import Room, RunTimeValue

__all__ = ["PATTERNS", "WORDS", "parameter_text", "value_problem"]

#: What the whole text of a value looks like, by type ("" for anything): one pattern for synth, for the client, and for
#: the run itself.
PATTERNS = {
    "string": "",
    "integer": r"-?[0-9]+",
    "number": r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?",
    "boolean": r"(true|false)",
}
#: What Java's dot does not match.
_LINE_BREAK = re.compile(r"[\n\r\x85\u2028\u2029]")
# From here on a float is written with an exponent.
_WHOLE = 1e16
WORDS = {"string": "a str", "integer": "an integer", "number": "a number", "boolean": "true or false"}


def parameter_text(value: object) -> str | None:
    """A parameter's value as the text that the job gets; None for what is no text, number or truth value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))  # as JSON has no other 1.0 than 1, nor has the run
    return repr(value) if isinstance(value, (int, float)) else None


def value_problem(parameter: RunTimeValue, text: str, field: str | None = None) -> Problem | None:
    """What is wrong with a parameter's value, or None.

    Args:
        parameter: The parameter.
        text: The value, as text.
        field: What the value is called; the parameter's name where left out.
    """
    name = field or parameter.parameter
    if PATTERNS[parameter.type] and not re.fullmatch(PATTERNS[parameter.type], text):
        return Problem(name, text, WORDS[parameter.type], "correct the value")
    if parameter.enum_values and text not in parameter.enum_values:
        return Problem(name, text, f"one of {', '.join(parameter.enum_values)}", "take one of those")
    return _room_problem(parameter.room, name, text)


def _room_problem(room: Room, name: str, text: str) -> Problem | None:
    if room.one_line and _LINE_BREAK.search(text):
        return Problem(name, text, "on one line where the job uses it", "take the line breaks out")
    if len(text) < room.shortest:
        allowed = "text that is not empty: SageMaker refuses empty arguments"
        return Problem(name, text, allowed, "write the word that the script expects")
    if room.longest and len(text) > room.longest:
        allowed = f"at most {room.longest:,} characters, which is what SageMaker takes where the job uses it"
        return Problem(name, text, allowed, "pass long values in a file")
    return None
