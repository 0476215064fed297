"""Replaces functions of MiniStack. MiniStack looks up its functions at each call, so a replacement takes effect."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from cdk_processing.local.ministack.names import internal

__all__ = ["Replacement", "replace_all"]

# Takes the existing function and returns its replacement.
Wrap = Callable[[Any], Any]


class Replacement:
    """A function of MiniStack and its wrappers.

    Args:
        module: Its module, such as ``ministack.services.sqs``.
        name: Its name, as :data:`~cdk_processing.local.ministack.names.INTERNALS` lists it.
        wraps: Its wrappers, innermost first. The last one is called first.
    """

    def __init__(self, module: str, name: str, *wraps: Wrap) -> None:
        self.module = module
        self.name = name
        self.wraps = wraps

    def apply(self) -> None:
        """Install the replacement."""
        function = internal(self.module, self.name)
        for wrap in self.wraps:
            function = wrap(function)
        setattr(importlib.import_module(self.module), self.name, function)


def replace_all(replacements: Iterable[Replacement]) -> None:
    """Install replacements. Call this once, before the first request.

    Raises:
        ValueError: A function is listed twice, so the order of its wrappers would depend on the order of the list.
    """
    listed: set[tuple[str, str]] = set()
    for each in replacements:
        if (each.module, each.name) in listed:
            raise ValueError(f"{each.module}.{each.name} is replaced twice; name all its wraps in one Replacement")
        listed.add((each.module, each.name))
        each.apply()
