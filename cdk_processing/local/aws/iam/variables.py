"""Policy variables: ``${aws:userid}`` stands for a value of the request, and ``${*}`` for the character.

MiniStack compares them as text. This library writes ``${*}``, ``${?}`` and ``${$}`` for these characters in a prefix.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["as_characters", "with_variables"]

_VARIABLE = re.compile(r"\$\{([^}']*?)(?:\s*,\s*'([^']*)')?\s*\}")
#: Stand for the characters in a pattern, where ``*`` and ``?`` themselves are wildcards.
_LITERAL = {"*": "\ue000", "?": "\ue001"}
_Evaluate = Callable[..., Any]
_Documents = Sequence[Sequence[Any]]


def with_variables(evaluate: _Evaluate) -> _Evaluate:
    """Replace the variables of statements with the values of a request before it is evaluated.

    A statement does not apply to a request that has no value for one of its variables.
    """

    def evaluate_with_variables(context: Any, policies: _Documents, *limits: _Documents) -> Any:
        return evaluate(context, *(_replaced(documents, context) for documents in (policies, *limits)))

    return evaluate_with_variables


def as_characters(regex: str) -> str:
    """The regular expression of a pattern, with the characters that ``${*}`` and ``${?}`` stand for."""
    for character, mark in _LITERAL.items():
        regex = regex.replace(mark, re.escape(character))
    return regex


def _replaced(documents: _Documents, context: Any) -> _Documents:
    if not any(_has_variables(statement) for document in documents for statement in document):
        return documents
    found = [[_with_values(statement, context) for statement in document] for document in documents]
    return [[statement for statement in document if statement is not None] for document in found]


def _has_variables(statement: Any) -> bool:
    texts = (*statement.resources, *statement.not_resources)
    return any("${" in text for text in texts) or "${" in str(statement.conditions)


def _with_values(statement: Any, context: Any) -> Any:
    """The statement for one request; None if the request lacks a value."""
    if not _has_variables(statement):
        return statement
    try:
        return replace(
            statement,
            resources=[_filled(text, context, is_pattern=True) for text in statement.resources],
            not_resources=[_filled(text, context, is_pattern=True) for text in statement.not_resources],
            conditions={
                operator: {key: _values(value, context, operator) for key, value in tested.items()}
                for operator, tested in statement.conditions.items()
                if isinstance(tested, Mapping)
            },
        )
    except LookupError:
        return None


def _values(given: Any, context: Any, operator: str) -> Any:
    is_pattern = "like" in operator.lower() or "arn" in operator.lower()
    if isinstance(given, list):
        return [_filled(str(each), context, is_pattern=is_pattern) for each in given]
    return _filled(given, context, is_pattern=is_pattern) if isinstance(given, str) else given


def _filled(text: str, context: Any, *, is_pattern: bool) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = name if name in ("*", "?", "$") else _value_of(name, context)
        if found is None:
            found = default
        if found is None:
            raise LookupError(name)
        return "".join(_LITERAL.get(each, each) for each in found) if is_pattern else found

    return _VARIABLE.sub(value, text)


def _value_of(name: str, context: Any) -> str | None:
    found = internal("ministack.core.iam_evaluator", "_resolve_condition_key")(name, context)
    # A key of several values is no variable.
    return None if found is None or isinstance(found, list) else str(found)
