"""Text with CDK tokens as one ``Fn::Sub``.

CDK joins text and what it learns at deployment with ``Fn::Join``, and each piece is a few lines of the template. In a
state machine's definition the same few values come up again and again; here each costs as many bytes as its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cdk_processing.constructs.pseudo_parameters import pseudo_parameters
from cdk_processing.request.number_tokens import NUMBER_TOKEN
from cdk_processing.request.tokens import is_token

__all__ = ["TOKEN", "filled_in", "substituted"]

#: A CDK token in text.
TOKEN = re.compile(rf"\$\{{Token\[[^\]]*\]\}}|{NUMBER_TOKEN.pattern}")
_LITERAL = re.compile(r"\$\{(?!Token\[)")
# A character that no text in JSON holds.
_MARK = "\0"
_MARKED = re.compile(rf"{_MARK}(\d+){_MARK}")


def substituted(text: str, parts: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The text as CloudFormation fills it in; the text itself where there is nothing to fill in.

    Args:
        text: Text with CDK tokens.
        parts: Parts of the text, each with the intrinsic function that stands for it.
    """
    functions: dict[str, Any] = {}
    for number, part in enumerate(sorted(parts, key=len, reverse=True)):
        if part in text:
            # What a part holds is not looked at again, so it is marked before the rest is written.
            text, functions[f"S{number}"] = text.replace(part, f"{_MARK}{number}{_MARK}"), parts[part]
    tokens = dict.fromkeys(TOKEN.findall(text))
    if not tokens and not functions:
        return text
    pseudo = pseudo_parameters()
    others = {token: f"V{number}" for number, token in enumerate(each for each in tokens if each not in pseudo)}
    body = _MARKED.sub(r"${S\1}", _body(text, {**pseudo, **others}))
    values = {**functions, **{name: token for token, name in others.items()}}
    return {"Fn::Sub": [body, values] if values else body}


def filled_in(document: Any) -> Any:
    """A document in which text is an ``Fn::Sub`` where it holds nothing but pseudo parameters: a line of the template.

    Other text with tokens is left to the CDK, which writes a value of a resource as a reference to it.
    """
    if isinstance(document, dict):
        return {name: filled_in(value) for name, value in document.items()}
    if isinstance(document, list):
        return [filled_in(value) for value in document]
    if not isinstance(document, str) or not is_token(document) or TOKEN.fullmatch(document):
        return document
    tokens = TOKEN.findall(document)
    pseudo = pseudo_parameters()
    if not tokens or any(token not in pseudo for token in tokens):
        return document
    return {"Fn::Sub": _body(document, pseudo)}


def _body(text: str, names: dict[str, str]) -> str:
    # What only looks like a name of Fn::Sub stays as it is: "${!x}" means "${x}".
    return TOKEN.sub(lambda match: f"${{{names[match[0]]}}}", _LITERAL.sub("${!", text))
