"""Replacing functions of MiniStack's: MiniStack looks its own functions up at each call, so a new one takes effect."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from cdk_processing.local.ministack.names import internal

__all__ = ["Replacement", "replace_all"]

# Takes the function that is there and returns the one that takes its place.
Wrap = Callable[[Any], Any]


class Replacement:
    """One function of MiniStack's and what wraps it.

    Args:
        module: Its module: ``ministack.services.sqs``.
        name: Its name, as :data:`~cdk_processing.local.ministack.names.INTERNALS` lists it.
        wraps: What wraps it, the innermost first: the last one is called first.
    """

    def __init__(self, module: str, name: str, *wraps: Wrap) -> None:
        self.module = module
        self.name = name
        self.wraps = wraps

    def apply(self) -> None:
        """Put it in place."""
        function = internal(self.module, self.name)
        for wrap in self.wraps:
            function = wrap(function)
        setattr(importlib.import_module(self.module), self.name, function)


def replace_all(replacements: Iterable[Replacement]) -> None:
    """Put replacements in place, once and before the first request.

    Raises:
        ValueError: A function is listed twice, so that its order would depend on the place in the list.
    """
    listed: set[tuple[str, str]] = set()
    for each in replacements:
        if (each.module, each.name) in listed:
            raise ValueError(f"{each.module}.{each.name} is replaced twice; name all its wraps in one Replacement")
        listed.add((each.module, each.name))
        each.apply()
