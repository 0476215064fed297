"""How the server marks a stand-in, a role that it makes for one of the user's AWS account."""

from __future__ import annotations

__all__ = ["STAND_IN"]

STAND_IN = "A stand-in, made by the embedded AWS. It may do everything."
"""The description of the role."""
