"""Values of the environment in the text of a file: ``{variables.stage}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from cdk_processing.declarations.document import Document, KeyPath, Node
from cdk_processing.declarations.problems import FileProblem
from cdk_processing.request.likely import nearest

__all__ = ["VARIABLE", "fill_in"]

#: Not ``{{variables.x}}``, which is text.
VARIABLE: Final = re.compile(r"(?<!\{)\{variables\.([A-Za-z_][A-Za-z0-9_-]*)\}")

Value = str | int | float | bool


def fill_in(document: Document, variables: Mapping[str, Value]) -> Iterator[FileProblem]:
    """Put the values into the tree of a document.

    Text that is nothing but one variable becomes its value, which may be a number.

    Args:
        document: The document, which is changed.
        variables: The values by name.
    """
    for path, node in _texts(document.root):
        unknown = [name for name in VARIABLE.findall(node.text) if name not in variables]
        for name in dict.fromkeys(unknown):
            near = nearest(name, variables)
            known = ", ".join(variables) or "none"
            allowed = f"text with variables of the environment, which are: {known}"
            fix = f"write {{variables.{near}}}" if near else f"add {name} to the variables of the environment"
            yield document.problem(path, allowed, fix)
        if unknown:
            node.is_broken = True
            continue
        whole = VARIABLE.fullmatch(node.text)
        node.value = variables[whole[1]] if whole else VARIABLE.sub(lambda each: _text(variables[each[1]]), node.text)
        node.text = _text(node.value)
        node.is_quoted = isinstance(node.value, str)


def _texts(root: Node) -> list[tuple[KeyPath, Node]]:
    """The scalars with a variable."""
    return [(path, node) for path, node in root.walk() if isinstance(node.value, str) and VARIABLE.search(node.text)]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
