"""Turn CloudFormation expressions such as ``Fn::Join`` into readable text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["resolve_text", "substitute"]


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Replace each ``${Name}`` that `values` contains. The others stay: they may be run-time values."""
    return re.sub(r"\$\{([^}!]+)\}", lambda found: values.get(found[1], found[0]), text)


def resolve_text(expression: Any, values: Mapping[str, str]) -> str:
    """Turn an expression into text.

    Args:
        expression: A string, or an expression of ``Ref``, ``Fn::GetAtt``, ``Fn::Join``, ``Fn::Sub``, ``Fn::Select``,
            ``Fn::Split`` or ``Fn::ImportValue``.
        values: Physical ids by logical id, attributes by ``LogicalId.Attribute``, and pseudo parameters and exports by
            name.

    Returns:
        The text, with ``<name>`` for each unknown value.
    """
    resolved = _resolve(expression, values)
    return resolved if isinstance(resolved, str) else str(resolved)


def _resolve(expression: Any, values: Mapping[str, str]) -> Any:
    if not (isinstance(expression, dict) and len(expression) == 1):
        return expression
    ((function, argument),) = expression.items()
    if function == "Ref":
        return values.get(argument, f"<{argument}>")
    if function == "Fn::GetAtt":
        name = argument if isinstance(argument, str) else ".".join(str(part) for part in argument)
        return values.get(name, f"<{name}>")
    if function == "Fn::Join":
        separator, parts = argument
        parts = _resolve(parts, values)
        return separator.join(resolve_text(part, values) for part in parts) if isinstance(parts, list) else str(parts)
    if function == "Fn::Sub":
        template, own = (argument, {}) if isinstance(argument, str) else argument
        return substitute(template, {**values, **{name: resolve_text(value, values) for name, value in own.items()}})
    if function == "Fn::Split":
        return resolve_text(argument[1], values).split(argument[0])
    if function == "Fn::Select":
        parts = _resolve(argument[1], values)
        index = int(argument[0])
        return _resolve(parts[index], values) if isinstance(parts, list) and index < len(parts) else "<?>"
    if function == "Fn::ImportValue":
        name = resolve_text(argument, values)
        return values.get(name, f"<{name}>")
    return f"<{function}>"
