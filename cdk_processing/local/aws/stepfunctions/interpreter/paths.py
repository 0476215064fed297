"""Reads JSONPath: of the state's input (``$``), the context object (``$$``) and variables (``$name``).

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.state import Scope, State

__all__ = ["PathNotFoundError", "read", "read_field", "write"]

_VARIABLE = re.compile(r"\$(?P<name>[A-Za-z_]\w*)")
# One step of a path that leads to one value: a name, or a name or number in brackets. Other paths are the library's.
_NAME = r"[^.\[\]*?@():,'\"\s]+"
_STEP = re.compile(rf"\.(?P<name>{_NAME})|\[(?:'(?P<quoted>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<index>-?\d+))\]")
_ONE = re.compile(rf"\$(?:\.{_NAME}|\[(?:'[^']*'|\"[^\"]*\"|-?\d+)\])*")


class PathNotFoundError(LookupError):
    """A path that leads to one value, and finds none."""

    def __init__(self, path: str, missing: str) -> None:
        super().__init__(f"Invalid path '{path}' : {missing}")


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:
    import jsonpath

    return jsonpath.compile(path)


def read(path: str, document: Any, scope: Scope) -> Any:
    """The value at a path. A path that may lead to several values (``[*]``, ``..``, a slice or filter) makes a list.

    Raises:
        PathNotFoundError: The path leads to one value, and there is none.
    """
    variable = _VARIABLE.match(path)
    if path.startswith("$$"):
        document, query = scope.context, path[1:]
    elif variable is not None:
        if variable["name"] not in scope.variables:
            raise PathNotFoundError(path, f"No results for path: {_normal(path)}")
        document, query = scope.variables[variable["name"]], f"${path[variable.end() :]}"
    else:
        query = path
    if query == "$":
        # The context object changes with each state.
        return copy.deepcopy(document) if path.startswith("$$") else document
    if not _leads_to_one(query):
        return _compiled(query).findall(document)
    for step in _steps(query):
        document = _walk(document, step, path, query)
    return document


def _leads_to_one(query: str) -> bool:
    return _ONE.fullmatch(query) is not None


def _walk(document: Any, step: str | int, path: str, query: str) -> Any:
    if isinstance(document, dict) and isinstance(step, str) and step in document:
        return document[step]
    if isinstance(document, list) and isinstance(step, int) and -len(document) <= step < len(document):
        return document[step]
    raise PathNotFoundError(path, _missing(query, step))


def read_field(state: State, field: str, document: Any) -> Any:
    """The value at the path that a field of a state holds; a failure of the state if there is none."""
    try:
        return read(state.get(field), document, state.scope)
    except PathNotFoundError as error:
        raise state.failed(str(error)) from error


def _steps(path: str) -> list[str | int]:
    return [
        int(step["index"]) if step["index"] else next(step[kind] for kind in ("name", "quoted", "double") if step[kind])
        for step in _STEP.finditer(path[1:])
    ]


def _normal(path: str) -> str:
    return "$" + "".join(map(_shown, _steps(path)))


def _shown(step: str | int) -> str:
    return f"['{step}']" if isinstance(step, str) else f"[{step}]"


def _missing(query: str, step: str | int) -> str:
    """Why a path leads nowhere, in the words of AWS's JSONPath engine."""
    steps = _steps(query)
    if step == steps[-1]:
        return f"No results for path: {_normal(query)}"
    walked = "".join(_shown(each) for each in steps[: steps.index(step) + 1])
    return f"Missing property in path ${walked}"


def write(path: str, document: Any, value: Any) -> Any:
    """A copy of a document with a value at a reference path.

    Raises:
        TypeError: The document, or what the path leads through, is no object.
    """
    steps = _steps(path)
    if not steps:
        return value
    changed = copy.deepcopy(document)
    target = changed
    for step in steps[:-1]:
        target = target.setdefault(step, {}) if isinstance(step, str) and isinstance(target, dict) else target[step]
    if not isinstance(target, dict) and isinstance(steps[-1], str):
        raise TypeError(f"{type(target).__name__} is no object")
    target[steps[-1]] = value
    return changed
