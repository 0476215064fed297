"""The terminal's colour for each tone; the command line and the live screen use the same."""

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
