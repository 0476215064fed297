"""Long text with CDK tokens as one ``Fn::Sub``.

CDK joins text and what it learns at deployment with ``Fn::Join``, and each piece is a few lines of the template. In a
state machine's definition the same few values come up again and again; here each costs as many bytes as its name.
"""

from __future__ import annotations

import re

from aws_cdk import Fn

from cdk_processing.constructs.resources import account_token, partition_token, region_token, url_suffix_token
from cdk_processing.request.number_tokens import NUMBER_TOKEN

__all__ = ["substituted"]

_TOKEN = re.compile(rf"\$\{{Token\[[^\]]*\]\}}|{NUMBER_TOKEN.pattern}")
_LITERAL = re.compile(r"\$\{(?!Token\[)")


def substituted(text: str) -> str:
    """The text as CloudFormation fills it in; the text itself where there is nothing to fill in."""
    pseudo = {
        partition_token(): "AWS::Partition",
        region_token(): "AWS::Region",
        account_token(): "AWS::AccountId",
        url_suffix_token(): "AWS::URLSuffix",
    }
    tokens = dict.fromkeys(_TOKEN.findall(text))
    if not tokens:
        return text
    others = {token: f"V{number}" for number, token in enumerate(each for each in tokens if each not in pseudo)}
    names = {**others, **{token: pseudo[token] for token in tokens if token in pseudo}}
    # What only looks like a name of Fn::Sub stays as it is: "${!x}" means "${x}".
    body = _TOKEN.sub(lambda match: f"${{{names[match[0]]}}}", _LITERAL.sub("${!", text))
    return Fn.sub(body, {name: token for token, name in others.items()}) if others else Fn.sub(body)
