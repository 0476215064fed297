"""Run-time values as JSONata: the one place where markers become expressions.

The variable ``$run`` is there in every expression: the run's key, id, time and parameters, and what its event says. See
:mod:`cdk_processing.workflow.launches`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cdk_processing.request.runtime import RunTimeValue, has_run_time_value, segments

__all__ = [
    "EXECUTION_ID",
    "OUTPUT_OF_EXECUTION",
    "all_of",
    "any_of",
    "compile_text",
    "compile_tree",
    "expression",
    "joined",
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


def quoted(text: str) -> str:
    """A JSONata string literal. CDK tokens in it are left alone."""
    # JSONata knows JSON's escapes, and \' is none of them.
    escaped = text.replace("\\", "\\\\").replace("'", "\\u0027")
    # A "%}" in the text would end the expression.
    escaped = escaped.replace("%}", "%\\u007d")
    escaped = re.sub(r"[\x00-\x1f]", lambda match: f"\\u{ord(match[0]):04x}", escaped)
    return f"'{escaped}'"


_VALUES = {
    "RUN_ID": "$run.id",
    "TRIGGER_TIME": "$run.time",
    "ATTEMPT": "$string($attempt)",
    "INSTANCE_TYPE": "$instance_types[0]",
}


@lru_cache(maxsize=4096)
def expression(body: str) -> str:
    """JSONata as a value of a state: between ``{%`` and ``%}``, on one line, because a template holds 1 MB."""
    # No text is broken: a line break in a literal is written as an escape.
    return f"{{% {' '.join(line.strip() for line in body.splitlines())} %}}"


def compile_text(text: str) -> str:
    """Text with run-time values as a state's value: an expression, or the text itself where there are none."""
    if not has_run_time_value(text):
        # A literal that looks like an expression would be evaluated; one that looks like half of one, refused.
        return expression(quoted(text)) if text.startswith("{%") or text.endswith("%}") else text
    parts = list(segments(text))
    rendered = [_render(part) for part in parts]
    if len(parts) == 1 and _may_be_missing(parts[0]):
        # No value would fail the state without a reason; so it is the run's name that fails, with one.
        rendered.append("''")
    return expression(joined(rendered))


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
        return f"$run.parameters.{part.parameter}"
    if part.name == "UPSTREAM_OUTPUT":
        return f"$lookup($run.outputs, {quoted(part.output)})"
    if part.moment is not None:
        time = f"$run.times.`{part.moment.key}`"
        return f"$fromMillis({time}.wall, {quoted(_picture(part.format))})" if part.format else f"{time}.text"
    if part.format:
        return f"$fromMillis($toMillis($run.time), {quoted(_picture(part.format))})"
    return _VALUES.get(part.name, f"$run.{part.name}")


def _may_be_missing(part: str | RunTimeValue) -> bool:
    if isinstance(part, str):
        return False
    if part.name == "PARAMETER":
        return part.default is None
    return part.moment is not None or part.name not in _VALUES


def _picture(spec: str) -> str:
    # Square brackets begin a picture's own markers; doubled, they stand for themselves.
    fixed = spec.replace("[", "[[").replace("]", "]]")
    return re.sub(r"%(.)", lambda match: _PICTURES[match[1]], fixed)


#: The ARN of the execution that a state is part of.
EXECUTION_ID = expression("$states.context.Execution.Id")
#: The output of the execution that a state has started and waited for.
OUTPUT_OF_EXECUTION = expression("$states.result.Output")
