"""Run-time values as JSONata: the only place that turns markers into expressions.

Every expression can read the variable ``$run``: the run's key, id, time and parameters, and values from its event. See
:mod:`cdk_processing.workflow.launches`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cdk_processing.request.markers import segments
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.runtime import has_run_time_value

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

#: A chain of operators with this many links or more is written as a list. Each link of a chain nests one level deeper,
#: and Step Functions stops at about 100 levels (see :mod:`cdk_processing.workflow.depth`).
_LONG_CHAIN = 5

#: strftime directives as XPath picture strings, which JSONata uses to format times.
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
    """A JSONata string literal. CDK tokens in it stay as they are."""
    # JSONata supports JSON's escapes only, and \' is not one of them.
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
    """JSONata as the value of a state's field, in ``{%`` and ``%}``. One line, because a template holds only 1 MB."""
    # This does not change string literals: line breaks in them are escapes.
    return f"{{% {' '.join(line.strip() for line in body.splitlines())} %}}"


def compile_text(text: str) -> str:
    """Text as the value of a state's field: an expression if it has run-time values, else the text itself."""
    if not has_run_time_value(text):
        # Step Functions would evaluate a literal that looks like an expression, and reject one that looks like half.
        return expression(quoted(text)) if text.startswith("{%") or text.endswith("%}") else text
    parts = list(segments(text))
    rendered = [_render(part) for part in parts]
    if len(parts) == 1 and _may_be_missing(parts[0]):
        # A missing value would fail the state without a reason. With '' the job's name fails instead, with a reason.
        rendered.append("''")
    return expression(joined(rendered))


def joined(texts: Sequence[str]) -> str:
    """The concatenation of these expressions."""
    return " & ".join(texts) if len(texts) < _LONG_CHAIN else f"$join([{', '.join(texts)}])"


def any_of(conditions: Sequence[str]) -> str:
    """Whether at least one condition holds. Each must be true or false, never missing."""
    if len(conditions) == 1:
        return conditions[0]
    return f"({' or '.join(conditions)})" if len(conditions) < _LONG_CHAIN else f"true in [{', '.join(conditions)}]"


def all_of(conditions: Sequence[str]) -> str:
    """Whether all conditions hold. Each must be true or false, never missing."""
    if len(conditions) < _LONG_CHAIN:
        return " and ".join(conditions) or "true"
    return f"$not(false in [{', '.join(conditions)}])"


def compile_tree(value: Any) -> Any:
    """A tree of dicts, lists and strings, with each string compiled."""
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
    if part.item:
        return f"$lookup($run.{'partition' if part.name == 'PARTITION' else 'folders'}, {quoted(part.item)})"
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
    # Square brackets start a marker in a picture string. Doubled brackets are literal.
    fixed = spec.replace("[", "[[").replace("]", "]]")
    return re.sub(r"%(.)", lambda match: _PICTURES[match[1]], fixed)


#: The ARN of the current execution.
EXECUTION_ID = expression("$states.context.Execution.Id")
#: The output of an execution that the state started and waited for.
OUTPUT_OF_EXECUTION = expression("$states.result.Output")
