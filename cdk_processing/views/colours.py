"""The terminal colour for each tone, shared by the command line and the live screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdk_processing.views.states import Tone

__all__ = ["COLOURS"]

COLOURS: Mapping[Tone, str] = {
    "good": "green",
    "bad": "red",
    "stopped": "yellow",
    "busy": "cyan",
    "quiet": "blue",
}
