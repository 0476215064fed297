"""Lists that only CloudFormation knows (``CfnParameter.value_as_list``, ``Fn.split``), inside of text and policies.

The CDK takes such a list where it is a whole property, and nowhere else. CloudFormation cannot add to one either. It
joins the items with what is to stand between them, and splits the whole again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Fn

from cdk_processing.request.tokens import LIST_TOKEN, is_token

__all__ = ["with_joined_lists", "with_split_lists"]


def with_joined_lists(tree: Any) -> Any:
    """A tree to be written as JSON, in which each item that stands for a list becomes the items of that."""
    if isinstance(tree, dict):
        return {key: with_joined_lists(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [Fn.join('","', [item]) if _has_list(item) else with_joined_lists(item) for item in tree]
    return tree


def with_split_lists(tree: Any) -> Any:
    """A policy document in which text before what stands for a list becomes one text for each of its items.

    CloudFormation takes no function between the items that it joins, so that text may hold no token.
    """
    # Hardly a policy has one, and a look at its text takes a fraction of a walk.
    return _with_split(tree) if LIST_TOKEN in repr(tree) else tree


def _with_split(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _with_split(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return _split(tree) if any(map(_has_list, tree)) else [_with_split(item) for item in tree]
    return _split([tree]) if _has_list(tree) else tree


def _split(texts: Sequence[str]) -> list[str]:
    return Fn.split(",", Fn.join(",", [_before_each(text) for text in texts]))


def _before_each(text: str) -> str:
    before, token, rest = text.partition(LIST_TOKEN)
    assert not is_token(before), text
    return before + Fn.join(f",{before}", [token + rest]) if token else text


def _has_list(text: object) -> bool:
    return isinstance(text, str) and LIST_TOKEN in text
