"""Checks a definition before deployment, for what Step Functions would reject or what would fail every run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.workflow.depth import DEEPEST, depth

__all__ = ["definition_problems"]

#: https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
_LONGEST = 1_048_576
_EXPRESSION = re.compile(r'"\{%([^"\\]*(?:\\.[^"\\]*)*)%\}"')


def definition_problems(definition: Mapping[str, Any], text: str) -> list[Problem]:
    """What is wrong with a definition.

    Args:
        definition: The definition, as a tree.
        text: The same definition as JSON.
    """
    # Walk the tree only if something is wrong: that takes several times as long as a search through the text.
    found = _too_deep(definition) if any(depth(body) > DEEPEST for body in _bodies(text)) else []
    if len(text) > _LONGEST:
        fix = "declare fewer parameters, triggers and values in patterns, or make two jobs of it"
        allowed = f"at most {_LONGEST:,} characters, as Step Functions takes them"
        found.append(Problem("state machine definition", f"{len(text):,} characters", allowed, fix))
    return found


def _bodies(text: str) -> list[str]:
    """Every expression in a definition's JSON, without its ``{%`` and ``%}``."""
    return [json.loads(f'"{body}"') if "\\" in body else body for body in _EXPRESSION.findall(text)]


def _too_deep(definition: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(
            where,
            f"an expression that nests {deep} deep",
            f"at most {DEEPEST} deep: Step Functions fails every run at about 100",
            _shallower(where),
        )
        for where, body in _expressions(definition["States"])
        if (deep := depth(body)) > DEEPEST
    ]


def _shallower(where: str) -> str:
    if where.startswith("Prepare."):
        return "nest fewer $or inside each other in the patterns of the job's triggers"
    return "use fewer run-time values in this text"


def _expressions(value: object, where: str = "") -> list[tuple[str, str]]:
    """Every field that holds an expression, with the expression without its ``{%`` and ``%}``."""
    if isinstance(value, str):
        return [(where, value[2:-2])] if value.startswith("{%") else []
    found: list[tuple[str, str]] = []
    if isinstance(value, dict):
        for name, item in value.items():
            found += _expressions(item, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += _expressions(item, f"{where}[{number}]")
    return found
