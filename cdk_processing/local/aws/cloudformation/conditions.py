"""Resolves functions and pseudo parameters in template conditions, which MiniStack treats as plain text.

The template of ``cdk bootstrap`` uses ``Fn::Join`` to test whether a list is empty.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack

__all__ = ["with_functions"]

Evaluate = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, bool]]

_ENGINE = "ministack.services.cloudformation.engine"
_FUNCTIONS = {"Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"}
_OF_CONDITIONS = {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}


def with_functions(evaluate: Evaluate) -> Evaluate:
    """Resolve the functions in conditions before evaluating them."""

    def evaluate_conditions(template: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, bool]:
        conditions = template.get("Conditions")
        if not isinstance(conditions, dict):
            return evaluate(template, params)
        mappings = template.get("Mappings", {})
        resolved = {name: _resolved(condition, params, mappings) for name, condition in conditions.items()}
        return evaluate({**template, "Conditions": resolved}, params)

    return evaluate_conditions


def _resolved(expression: Any, params: Mapping[str, Any], mappings: Mapping[str, Any]) -> Any:
    if not (isinstance(expression, dict) and len(expression) == 1):
        return expression
    ((function, argument),) = expression.items()
    if function in _OF_CONDITIONS and isinstance(argument, list):
        return {function: [_resolved(each, params, mappings) for each in argument]}
    if function in _FUNCTIONS or (function == "Ref" and str(argument).startswith("AWS::")):
        resolve = ministack.internal(_ENGINE, "_resolve_refs")
        return resolve(expression, {}, params, {}, mappings, "", "")
    return expression
