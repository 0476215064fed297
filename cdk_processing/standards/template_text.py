"""Values of a template as text, in which a token stands for what only CloudFormation knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["TemplateText", "parsed"]

_TOKEN = re.compile(r"\$\{Token\[[^\]]*\]\}")
_SUB = re.compile(r"\$\{(!?)([^}]*)\}")
#: What is inside of a JSON string, or outside of it up to the next one.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class TemplateText:
    """Reads the values of one template.

    Args:
        template: The template, for its mappings.
    """

    def __init__(self, template: Mapping[str, Any]) -> None:
        mappings = template.get("Mappings")
        self._mappings: Mapping[str, Any] = mappings if isinstance(mappings, Mapping) else {}

    def text(self, value: object) -> str:
        """A value as text."""
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, Mapping):
            return "" if value is None else str(value)
        function, argument = next(iter(value.items()), ("", None))
        match function, argument:
            case "Fn::Join", [str() as separator, list() as parts]:
                return separator.join(self.text(part) for part in parts)
            case "Fn::Sub", str():
                return self._filled(argument, {})
            case "Fn::Sub", [str() as body, Mapping() as names]:
                return self._filled(body, names)
            case "Fn::FindInMap", [str() as name, str() as first, str() as second]:
                return self._mapped(name, first, second)
            case "Ref", str():
                return _token(argument)
            case "Fn::GetAtt", [*parts]:
                return _token(".".join(self.text(part) for part in parts))
        return _token(function)

    def tree(self, value: object) -> Any:
        """A value in which each intrinsic function is text; what holds none stays as it is."""
        if isinstance(value, Mapping):
            if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
                return self.text(value)
            return {key: self.tree(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return value

    def _filled(self, body: str, names: Mapping[str, Any]) -> str:
        def fill(match: re.Match[str]) -> str:
            is_literal, name = match.groups()
            if is_literal:
                return f"${{{name}}}"
            return self.text(names[name]) if name in names else _token(name)

        return _SUB.sub(fill, body)

    def _mapped(self, *keys: str) -> str:
        found: Any = self._mappings
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, str) else _token(".".join(keys))


def parsed(text: str) -> Any:
    """The value of JSON text that may hold tokens, in strings and in place of numbers; None if it is no JSON."""
    parts, end = [], 0
    for string in _STRING.finditer(text):
        parts += [_TOKEN.sub(r'"\g<0>"', text[end : string.start()]), string[0]]
        end = string.end()
    parts.append(_TOKEN.sub(r'"\g<0>"', text[end:]))
    try:
        return json.loads("".join(parts))
    except ValueError:
        return None


def _token(name: str) -> str:
    return f"${{Token[{re.sub(r'[^A-Za-z0-9_.:-]', '.', name)}]}}"
