"""Run-time values as JSONata: the one place where markers become expressions.

Two variables are there in every expression: ``$event`` (what launched the run, as it came) and ``$run`` (its key, id,
time and parameters). See :mod:`cdk_processing.workflow.launches`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cdk_processing.request.runtime import PATTERNS, RunTimeValue, has_run_time_value, segments

__all__ = [
    "all_of",
    "any_of",
    "as_text",
    "compile_text",
    "compile_tree",
    "expression",
    "joined",
    "parameter_value",
    "quoted",
]

#: From so many links on, a chain of operators is written flat: each link nests the evaluation one deeper, and Step
#: Functions stops at about 100 (see :mod:`cdk_processing.workflow.depth`).
_LONG_CHAIN = 5

#: strftime directives in the picture language of XPath, which JSONata formats times with.
_PICTURES = {
    "Y": "[Y0001]",
    "y": "[Y,2-2]",
    "m": "[M01]",
    "d": "[D01]",
    "j": "[d001]",
    "H": "[H01]",
    "M": "[m01]",
    "S": "[s01]",
}

_WORDS = {"integer": "an integer", "number": "a number", "boolean": "true or false"}
_OBJECT = "$event.detail.object"
_BUCKET = "$event.detail.bucket.name"


def quoted(text: str) -> str:
    """A JSONata string literal. CDK tokens in it are left alone."""
    # JSONata knows JSON's escapes, and \' is none of them.
    escaped = text.replace("\\", "\\\\").replace("'", "\\u0027")
    # A "%}" in the text would end the expression.
    escaped = escaped.replace("%}", "%\\u007d")
    escaped = re.sub(r"[\x00-\x1f]", lambda match: f"\\u{ord(match[0]):04x}", escaped)
    return f"'{escaped}'"


def _of_object(value: str, path: str) -> str:
    """A value of the event's object. Joined to text, what is missing would silently be empty; it fails instead."""
    missing = quoted(f"the event that launched this run has no {path.rpartition('.')[2].strip('`')} of an object")
    return f"($exists({path}) ? {value} : $error({missing}))"


_VALUES = {
    "RUN_ID": "$run.id",
    "TRIGGER_TIME": "$run.time",
    "ATTEMPT": "$string($attempt)",
    "INSTANCE_TYPE": "$instance_types[0]",
    "UPSTREAM_RUN_ID": (
        "($exists($event.detail.run_id) ? $event.detail.run_id "
        f": $error({quoted('no run of another job launched this one')}))"
    ),
    "OBJECT_URI": _of_object(f"'s3://' & {_BUCKET} & '/' & {_OBJECT}.key", f"{_OBJECT}.key"),
    "OBJECT_KEY": _of_object(f"{_OBJECT}.key", f"{_OBJECT}.key"),
    "OBJECT_BUCKET": _of_object(_BUCKET, _BUCKET),
    "OBJECT_SIZE": _of_object(f"$string({_OBJECT}.size)", f"{_OBJECT}.size"),
    "OBJECT_VERSION_ID": _of_object(f"{_OBJECT}.`version-id`", f"{_OBJECT}.`version-id`"),
}


def expression(body: str) -> str:
    """JSONata as a value of a state: between ``{%`` and ``%}``, on one line, because a template holds 1 MB."""
    # No text is broken: a line break in a literal is written as an escape.
    return f"{{% {' '.join(line.strip() for line in body.splitlines())} %}}"


def compile_text(text: str) -> str:
    """Text with run-time values as a state's value: an expression, or the text itself where there are none."""
    if not has_run_time_value(text):
        # A literal that looks like an expression would be evaluated; one that looks like half of one, refused.
        return expression(quoted(text)) if text.startswith("{%") or text.endswith("%}") else text
    return expression(joined([_render(part) for part in segments(text)]))


def joined(texts: Sequence[str]) -> str:
    """Texts put together."""
    return " & ".join(texts) if len(texts) < _LONG_CHAIN else f"$join([{', '.join(texts)}])"


def any_of(conditions: Sequence[str]) -> str:
    """Whether one of the conditions holds; each must be true or false, never missing."""
    if len(conditions) == 1:
        return conditions[0]
    return f"({' or '.join(conditions)})" if len(conditions) < _LONG_CHAIN else f"true in [{', '.join(conditions)}]"


def all_of(conditions: Sequence[str]) -> str:
    """Whether all conditions hold; each must be true or false, never missing."""
    if len(conditions) < _LONG_CHAIN:
        return " and ".join(conditions) or "true"
    return f"$not(false in [{', '.join(conditions)}])"


def compile_tree(value: Any) -> Any:
    """A tree of dicts, lists and texts, with each text compiled."""
    if isinstance(value, str):
        return compile_text(value)
    if isinstance(value, dict):
        return {key: compile_tree(item) for key, item in value.items()}
    if isinstance(value, list):
        return [compile_tree(item) for item in value]
    return value


def _render(part: str | RunTimeValue) -> str:
    if isinstance(part, str):
        return quoted(part)
    if part.name == "PARAMETER":
        return parameter_value(part)
    if part.format:
        return f"$fromMillis($toMillis($run.time), {quoted(_picture(part.format))})"
    return _VALUES[part.name]


def as_text(value: str) -> str:
    """A value as text. ``$string`` keeps 15 digits of a number, and ids may have 16: two of them would be the same."""
    whole = f"{value} = $floor({value}) ? $formatBase({value}, 10) : $string({value})"
    return f"($type({value}) = 'number' ? ({whole}) : $string({value}))"


def parameter_value(value: RunTimeValue) -> str:
    """A parameter's value as text; fails where it is missing, or not what the parameter takes."""
    given = f"$run.parameters.{value.parameter}"
    text = as_text(given)
    tests = []
    if PATTERNS[value.type]:
        tests.append(f"$contains($v, /^{PATTERNS[value.type]}$/)")
    if value.enum_values:
        tests.append(f"$v in [{', '.join(quoted(each) for each in value.enum_values)}]")
    found = text
    if tests:
        allowed = f"one of {', '.join(value.enum_values)}" if value.enum_values else _WORDS[value.type]
        wrong = f"$error({quoted(f'parameter {value.parameter} must be {allowed}, got ')} & $v)"
        found = f"($v := {text}; {' and '.join(tests)} ? $v : {wrong})"
    otherwise = _missing(value) if value.default is None else quoted(value.default)
    return f"($exists({given}) ? {found} : {otherwise})"


def _missing(value: RunTimeValue) -> str:
    example = f'{{"parameters": {{"{value.parameter}": "..."}}}}'
    return f"$error({quoted(f'parameter {value.parameter} is missing: start the run with {example}')})"


def _picture(spec: str) -> str:
    # Square brackets begin a picture's own markers; doubled, they stand for themselves.
    fixed = spec.replace("[", "[[").replace("]", "]]")
    return re.sub(r"%(.)", lambda match: _PICTURES[match[1]], fixed)
